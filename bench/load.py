"""Load on a running service: clients that each wait for their answer, and cheap requests at a fixed rate."""

from __future__ import annotations

import asyncio
import http.client
import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Body = dict[str, object]


@dataclass(frozen=True, slots=True)
class Done:
    """One answered request: when it began and ended (seconds of the monotonic clock), and its tokens out."""

    kind: str
    began_s: float
    ended_s: float
    tokens: int

    @property
    def took_s(self) -> float:
        """Seconds from sent to answered."""
        return self.ended_s - self.began_s

    def within(self, begin_s: float, end_s: float) -> float:
        """Return the share of its tokens that belongs to a span of time, as if they had come evenly."""
        shared = min(self.ended_s, end_s) - max(self.began_s, begin_s)
        return self.tokens * max(0.0, shared) / self.took_s


@dataclass
class Clients:
    """Clients that send one request after the other until they are told to stop.

    Args:
        port: of the service.
        path: of every request.
        makers: one a client: returns the kind and the body of its next request.
        read: tokens out of an answer; raises where the answer is not what it should be.
    """

    port: int
    path: str
    makers: Sequence[Callable[[], tuple[str, Body]]]
    read: Callable[[str, bytes], int]
    done: list[Done] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Clients:
        """Start all of them."""
        self._threads = [threading.Thread(target=self._run, args=(maker,), daemon=True) for maker in self.makers]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let each finish its last request; those count too."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self.failed:
            raise SystemExit(f"{len(self.failed)} requests failed, such as: {self.failed[0]}")

    def wait(self, seconds: float) -> tuple[float, float]:
        """Let time pass and return when it began and ended; ends early when a request fails."""
        began_s = time.monotonic()
        while time.monotonic() < began_s + seconds and not self.failed:
            self._stop.wait(min(0.2, seconds))
        return began_s, time.monotonic()

    def rate(self, span: tuple[float, float]) -> float:
        """Return tokens a second within a span; call it after the clients have ended."""
        return sum(one.within(*span) for one in self.done) / (span[1] - span[0])

    def took_s(self, kind: str, span: tuple[float, float]) -> list[float]:
        """Return the times of the requests of a kind that ended within a span."""
        return [one.took_s for one in self.done if one.kind == kind and span[0] <= one.ended_s <= span[1]]

    def _run(self, maker: Callable[[], tuple[str, Body]]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            while not self._stop.is_set():
                kind, body = maker()
                payload = json.dumps(body).encode()
                began_s = time.monotonic()
                connection.request("POST", self.path, payload, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                data = reply.read()
                ended_s = time.monotonic()
                if reply.status != 200:
                    raise ValueError(f"{reply.status} {data[:300]!r}")
                self.done.append(Done(kind, began_s, ended_s, self.read(kind, data)))
        except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
            self.failed.append(repr(error))
            self._stop.set()
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Cheap:
    """A request of the background traffic."""

    method: str
    path: str
    body: Body | None = None

    def encode(self) -> bytes:
        """The request as it goes over the wire."""
        payload = b"" if self.body is None else json.dumps(self.body).encode()
        kind = "Content-Type: application/json\r\n" if payload else ""
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: bench\r\n{kind}Content-Length: {len(payload)}\r\n\r\n"
        return head.encode() + payload


def steady(port: int, requests: Sequence[Cheap], rate: float, seconds: float) -> list[float]:
    """Send requests at a fixed rate, whatever the answers take, and return the time of each in ms.

    A time counts from when the request was due, so that a stall shows in all it held up.

    Raises:
        SystemExit: an answer is not a 200.
    """
    try:
        return asyncio.run(_steady(port, [one.encode() for one in requests], rate, seconds))
    except* (OSError, ValueError, asyncio.IncompleteReadError) as failed:
        raise SystemExit(f"cheap traffic failed: {failed.exceptions[0]!r}") from None


async def _steady(port: int, wires: Sequence[bytes], rate: float, seconds: float) -> list[float]:
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    opened: list[asyncio.StreamWriter] = []
    times: list[float] = []

    async def one(wire: bytes, due_s: float) -> None:
        if not idle:
            idle.append(await asyncio.open_connection("127.0.0.1", port))
            opened.append(idle[-1][1])
        reader, writer = idle.pop()
        writer.write(wire)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise ValueError(repr(head[:200]))
        lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
        await reader.readexactly(int({name: value for name, _, value in lines}[b"content-length"]))
        times.append((time.monotonic() - due_s) * 1000)
        idle.append((reader, writer))

    began_s = time.monotonic()
    try:
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(rate * seconds)):
                due_s = began_s + number / rate
                await asyncio.sleep(due_s - time.monotonic())
                tasks.create_task(one(wires[number % len(wires)], due_s))
    finally:
        for writer in opened:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in opened), return_exceptions=True)
    return times


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
