"""The whole service as a user starts it, for tests: real supervisor, real gunicorn, real model process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
LONG_S = 30.0


def free_ports(count: int) -> list[int]:
    """Ports in a row that were free a moment ago, below those that the system gives to clients.

    A client's port stays taken for a minute after its connection, and cannot be listened on until then.
    """
    first_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    low, high = (10_000, first_of_clients) if first_of_clients > 15_000 else (1024, 65_000)
    chance = random.SystemRandom()  # the usual one is seeded anew by each test
    while True:
        first = chance.randrange(low, high - count)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return list(range(first, first + count))


def wait_until(condition: Callable[[], bool], what: str, seconds: float = LONG_S) -> float:
    """Poll until the condition holds; returns the seconds it took."""
    started_s = time.monotonic()
    tick = threading.Event()
    while not condition():
        assert time.monotonic() - started_s < seconds, f"never: {what}"
        tick.wait(0.01)
    return time.monotonic() - started_s


@dataclass
class Reply:
    """An HTTP reply with its JSON body, if it has one."""

    status: int
    headers: dict[str, str]
    body: bytes
    took_s: float

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@dataclass
class Service:
    """A running service."""

    process: subprocess.Popen[str]
    port: int
    management_port: int
    log: Path
    settings: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    ready_after_s: float = 0.0

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        port: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=LONG_S)
        started_s = time.monotonic()
        try:
            payload = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            sent = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, payload, sent | (headers or {}))
            answer = connection.getresponse()
            data = answer.read()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, data, time.monotonic() - started_s)
        finally:
            connection.close()

    def post(self, path: str, body: object, **headers: str) -> Reply:
        """POST JSON."""
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.request("POST", path, body, headers=given)

    def get(self, path: str) -> Reply:
        """GET."""
        return self.request("GET", path)

    def probe(self, path: str) -> Reply:
        """GET on the management port."""
        return self.request("GET", path, port=self.management_port)

    def children(self, part: str) -> list[int]:
        """Process ids below the supervisor whose command line holds `part`, in the order they were started."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop(0)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    todo += [int(word) for word in task.read_text().split()]
                except OSError:
                    continue
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if part in command and pid != self.process.pid:
                found.append(pid)
        return found

    def model_pid(self) -> int:
        """Process id of the model process."""
        (pid,) = self.children("service.main_model")
        return pid

    def model_ready(self) -> bool:
        """The model process answers."""
        reply = self.post("/v1/summarize", {"text": "The bridge is open again. It was closed."})
        return reply.status == 200

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the supervisor and wait for its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(LONG_S)


@contextmanager
def serving(
    *, announce: bool = True, module: str = "service.cli", role: str = "all", **settings: object
) -> Iterator[Service]:
    """A service with these settings (`port=…` becomes `PRECIS_PORT`), ended by pid afterwards."""
    port, management = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="precis-test-") as folder:
        env = {name: value for name, value in os.environ.items() if not name.startswith("PRECIS_")}
        env |= {
            "PRECIS_PORT": str(port),
            "PRECIS_MANAGEMENT_PORT": str(management),
            "PRECIS_RUNTIME_DIR": folder,
            "PRECIS_ENGINES": "fake",
            "PRECIS_API_WORKERS": "2",
            "PRECIS_STATE_DIR": f"{folder}/state",
            "PRECIS_JOBS_DATABASE": "off",  # those who test jobs turn them on
        }
        env |= {f"PRECIS_{name.upper()}": str(value) for name, value in settings.items()}
        log = Path(folder) / "log"
        started_s = time.monotonic()
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", module, "serve", *([] if role == "all" else ["--role", role])],
                cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        service = Service(process, port, management, log, {name: str(value) for name, value in settings.items()})
        killer = threading.Timer(START_S, process.kill)
        killer.start()
        try:
            assert process.stdout is not None
            if announce:
                service.lines = [process.stdout.readline(), process.stdout.readline()]
                assert "ready" in service.lines[0], log.read_text()[-4000:]
            service.ready_after_s = time.monotonic() - started_s
            killer.cancel()
            yield service
        finally:
            killer.cancel()
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End the supervisor and everything below it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(LONG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
