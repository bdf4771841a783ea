"""A client of event streams that holds hundreds of them open in one thread."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Followed:
    """One stream as its reader saw it: when it began and ended (seconds of the monotonic clock), and what came.

    `status` is 0 until the head is there; `events` are pairs of name and data; `body` is that of another reply.
    """

    began_s: float
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, Any]] = field(default_factory=list)
    comments: int = 0
    body: bytes = b""
    head_s: float = 0.0
    first_s: float = 0.0
    ended_s: float = 0.0


def request_of(path: str, body: object, headers: dict[str, str] | None = None, version: str = "1.1") -> bytes:
    """A request for events as it goes over the wire."""
    payload = json.dumps(body).encode()
    named = {
        "Host": "bench",
        "Accept": "text/event-stream",
        "Content-Type": "application/json",
        "Content-Length": str(len(payload)),
        "Connection": "close",
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"POST {path} HTTP/{version}\r\n{lines}\r\n".encode() + payload


async def follow(port: int, request: bytes, followed: Followed) -> Followed:
    """Read one stream to its end; `followed` is filled on the way.

    Raises:
        OSError, asyncio.IncompleteReadError: the connection broke.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        followed.status, followed.head_s = int(head[0].split(" ")[1]), time.monotonic()
        followed.headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        left = b""
        chunked = followed.headers.get("transfer-encoding") == "chunked"
        while data := await (_chunk(reader) if chunked else reader.read(65_536)):
            if not followed.headers.get("content-type", "").startswith("text/event-stream"):
                followed.body += data
                continue
            *blocks, left = (left + data).split(b"\n\n")
            for block in blocks:
                _take(followed, block.decode())
        followed.ended_s = time.monotonic()
        return followed
    finally:
        writer.close()


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    size = int((await reader.readline()).strip(), 16)
    return (await reader.readexactly(size + 2))[:size]


def _take(followed: Followed, block: str) -> None:
    if block.startswith(":"):
        followed.comments += 1
        return
    lines = dict(line.split(": ", 1) for line in block.split("\n"))
    followed.first_s = followed.first_s or time.monotonic()
    followed.events.append((lines["event"], json.loads(lines["data"])))
