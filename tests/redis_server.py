"""A real Redis for tests, which may break in several ways."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.process.service import free_ports, wait_until


@dataclass
class Server:
    """A Redis server that may be stopped, frozen and started again."""

    folder: str
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it empty, and wait until it listens."""
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._listens, "redis listens")

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self, number: int = signal.SIGSTOP) -> None:
        """Let it accept and answer nothing, or go on with SIGCONT."""
        assert self.process is not None
        self.process.send_signal(number)


@contextmanager
def redis_server() -> Iterator[Server]:
    """A running server; the test is skipped where Redis is not installed."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="precis-redis-") as folder:
        server = Server(folder)
        server.start()
        yield server
        server.stop()
