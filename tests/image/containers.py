"""Containers as hardened as they are meant to be run, and requests from inside their network."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.images import Builder
from tests.process.service import wait_until

USER = 10001
READY_S = 120.0
HARDENED = (
    "--read-only", "--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=64m", "--cap-drop", "ALL",
    "--security-opt", "no-new-privileges", "--pids-limit", "256",
)  # fmt: skip
# Not even the loopback of this machine is in reach; ours asks from inside.
OFFLINE = ("--network", "none")

# Reads requests from standard input, sends them all at once, writes a list of [status, body in base64].
_CLIENT = """
import base64, http.client, json, sys
from concurrent.futures import ThreadPoolExecutor
def ask(job):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", job["port"], timeout=job["timeout_s"])
        body = None if job["body"] is None else json.dumps(job["body"])
        connection.request(job["method"], job["path"], body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return [reply.status, base64.b64encode(reply.read()).decode()]
    except OSError as error:
        return [0, base64.b64encode(str(error).encode()).decode()]
jobs = json.load(sys.stdin)
with ThreadPoolExecutor(len(jobs)) as pool:
    json.dump(list(pool.map(ask, jobs)), sys.stdout)
"""


@dataclass(frozen=True)
class Answer:
    """An HTTP reply; status 0: there was none, and the body says why."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Container:
    """A running container."""

    builder: Builder
    name: str
    started_s: float

    @property
    def pid(self) -> int:
        """Of its first process, as this machine counts."""
        return int(self.inspect("{{.State.Pid}}"))

    def inspect(self, what: str) -> str:
        """A part of what is known about it."""
        return self.builder.run("inspect", self.name, "--format", what).stdout.strip()

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return self.builder.run("exec", self.name, *words, check=check)

    def client(self, jobs: list[dict[str, Any]]) -> subprocess.Popen[str]:
        """Start sending requests in its network; the process is of this machine, so that it outlives the container."""
        process = subprocess.Popen(
            ["nsenter", f"--net=/proc/{self.pid}/ns/net", sys.executable, "-c", _CLIENT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(json.dumps(jobs))
        process.stdin.close()
        process.stdin = None
        return process

    def ask(self, path: str, body: object = None, *, port: int = 8080) -> Answer:
        """One request."""
        process = self.client([job(path, body, port=port)])
        (answer,) = answers(process)
        return answer

    def wait_ready(self, port: int = 8081, path: str = "/readyz") -> float:
        """Seconds from its start until the probe says yes."""
        wait_until(lambda: self.ask(path, port=port).status == 200, f"{path}: {self.logs()}", READY_S)
        return time.monotonic() - self.started_s

    def said(self) -> str:
        """All of its log."""
        done = self.builder.run("logs", self.name, check=False)
        return done.stdout + done.stderr

    def logs(self) -> str:
        """The end of what it said."""
        return self.said()[-3000:]

    def stop(self, grace_s: int = 60) -> int:
        """SIGTERM, then the exit status."""
        self.builder.run("stop", "-t", str(grace_s), self.name, timeout_s=grace_s + 60)
        return int(self.inspect("{{.State.ExitCode}}"))


def job(path: str, body: object = None, *, port: int = 8080, timeout_s: float = 60.0) -> dict[str, Any]:
    """A request for `Container.client`: POST where there is a body."""
    method = "GET" if body is None else "POST"
    return {"method": method, "path": path, "body": body, "port": port, "timeout_s": timeout_s}


def answers(process: subprocess.Popen[str], timeout_s: float = 120.0) -> list[Answer]:
    """What came back, in the order of the requests."""
    out, _ = process.communicate(timeout=timeout_s)
    return [Answer(status, base64.b64decode(body)) for status, body in json.loads(out)]


@contextmanager
def running(builder: Builder, tag: str, *words: str, options: tuple[str, ...] = ()) -> Iterator[Container]:
    """A hardened container, removed at the end."""
    name = f"precis-test-{os.getpid()}-{time.monotonic_ns()}"
    started_s = time.monotonic()
    builder.run("run", "-d", "--name", name, *_hardened(builder), *(options or OFFLINE), tag, *words)
    try:
        yield Container(builder, name, started_s)
    finally:
        builder.run("rm", "-f", name, check=False)


def once(builder: Builder, tag: str, *words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a hardened container to its end."""
    return builder.run("run", "--rm", *_hardened(builder), *(options or OFFLINE), tag, *words, check=False)


def _hardened(builder: Builder) -> tuple[str, ...]:
    # podman would make more folders than /tmp writable.
    return (*HARDENED, "--read-only-tmpfs=false") if builder.command == "podman" else HARDENED


def saved(builder: Builder, tag: str, folder: Path) -> list[Path]:
    """The layers of an image as a registry would keep them, compressed; podman only."""
    builder.run("push", "-q", "--compress", tag, f"dir:{folder}", timeout_s=600)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    return [folder / layer["digest"].partition(":")[2] for layer in manifest["layers"]]
