"""Several model processes behind one API, as in a cluster: real processes on addresses of this machine."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.process.service import LONG_S, ROOT, Reply, Service, free_ports, serving, wait_until


@dataclass
class Replica:
    """A model process of its own, with its management port; it may be started again after its end."""

    port: int
    management_port: int
    folder: str
    settings: dict[str, object]
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def start(self, **settings: object) -> None:
        """Start it, and wait until it says that it is ready."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PRECIS_")}
        given: dict[str, object] = {
            "model_bind": self.address, "management_port": self.management_port, "runtime_dir": self.folder,
            "port": self.port, "engines": "fake",
        }  # fmt: skip
        given |= self.settings | settings
        env |= {f"PRECIS_{name.upper()}": str(value) for name, value in given.items()}
        command = [sys.executable, "-m", "service.cli", "serve", "--role", "model"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.page("/readyz")[0] == 200, "the model process is ready")

    def send(self, number: int) -> None:
        """Signal it."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        assert self.process is not None
        return self.process.wait(LONG_S)

    def end(self) -> None:
        """End it, whatever its state."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page of its management port; status 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.management_port, timeout=LONG_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def series(self, name: str) -> int:
        """The sum of a series over its labels."""
        lines = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.page("/metrics")[1], re.M)
        return int(sum(map(float, lines)))

    def ended(self) -> int:
        """Rows that have left its batches since it was started."""
        return self.series("precis_rows_ended_total")

    def running(self) -> int:
        """Rows in its batch now."""
        return self.series("precis_rows_admitted_total") - self.ended()


@dataclass
class Cluster:
    """An API and the model processes behind it."""

    api: Service
    replicas: Sequence[Replica]


@contextmanager
def cluster(count: int = 2, *, model: dict[str, object] | None = None, **api: object) -> Iterator[Cluster]:
    """An API process beside `count` model processes, all ended afterwards."""
    with ExitStack() as stack:
        replicas = []
        ports = free_ports(2 * count)
        for index in range(count):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="precis-model-"))
            replica = Replica(ports[2 * index], ports[2 * index + 1], folder, dict(model or {}))
            stack.callback(replica.end)
            replicas.append(replica)
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(Replica.start, replicas))
        address = " ".join(replica.address for replica in replicas)
        settings = {"model_address": address, "api_workers": 1} | api
        yield Cluster(stack.enter_context(serving(role="api", **settings)), replicas)


@dataclass
class Load:
    """Callers that ask without a pause, each with texts of its own, until they are stopped."""

    ask: Callable[[int], Reply]
    callers: int
    replies: list[Reply] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Load]:
        """The callers ask within this block; afterwards all replies are here."""
        stop = threading.Event()

        def caller(number: int) -> None:
            index = number
            while not stop.is_set():
                self.replies.append(self.ask(index))
                index += self.callers

        with ThreadPoolExecutor(self.callers) as pool:
            calls: list[Future[None]] = [pool.submit(caller, number) for number in range(self.callers)]
            try:
                yield self
            finally:
                stop.set()
            for call in calls:
                call.result(2 * LONG_S)

    def statuses(self) -> dict[int, int]:
        """How many replies had which status."""
        return {
            status: sum(reply.status == status for reply in self.replies) for status in {r.status for r in self.replies}
        }


TERM, KILL, STOP, GO_ON = signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT
