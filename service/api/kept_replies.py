"""Replies kept for their `Idempotency-Key`: what a store promises, and the one of a single instance.

A file a key, in a folder that all API processes share. The process that answers first holds a lock on the file, which
the system gives back when that process dies; the mark that a reply is complete is written last, and a complete file
never changes again. So nobody waits for the dead, and readers take no lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from service.errors import Cancelled, DeadlineExceeded, IdempotencyConflict, Unavailable

DIGEST_BYTES = 32
RUNNING, DONE = 0, 1
# State, fingerprint, time kept (Unix), status, length of the content type; the type and the body follow.
_HEAD = struct.Struct("!B32sdHH")
_POLL_S = 0.02
_SWEEP_EVERY = 256
_SWEEP_EVERY_S = 60.0
MAX_FILES = 20_000


@dataclass(frozen=True, slots=True)
class Kept:
    """A reply as it was given."""

    status: int
    content_type: str
    body: bytes


class Claim(Protocol):
    """The right to answer first; exactly one of its methods is called."""

    def keep(self, reply: Kept) -> None:
        """Give the reply to all who come with this key."""
        ...

    def drop(self) -> None:
        """Leave the key to the next: there is no reply to keep."""
        ...


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a caller waits for the first request with its key.

    Attributes:
        deadline_s: on `time.monotonic()`.
        gone: true once the caller has hung up.
    """

    deadline_s: float
    gone: Callable[[], bool]

    def pause(self, seconds: float) -> None:
        """Wait a little.

        Raises:
            DeadlineExceeded: there is no time left.
            Cancelled: the caller has gone.
        """
        if self.gone():
            raise Cancelled("the caller has gone")
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise DeadlineExceeded("the first request with this `Idempotency-Key` is still running")
        time.sleep(min(seconds, left_s))


class Store(Protocol):
    """Keeps replies by name, for a time and within a bound."""

    def begin(self, name: bytes, fingerprint: bytes, wait: Wait) -> Claim | Kept:
        """Claim a name, or the reply that was kept for it; waits while another request holds the claim.

        Raises:
            IdempotencyConflict: the name belongs to a request with another fingerprint.
            DeadlineExceeded: the first request took longer than this caller has.
            Cancelled: this caller has gone.
            Unavailable: the store cannot be used.
        """
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


def pack(state: int, fingerprint: bytes, reply: Kept | None = None, now_s: float | None = None) -> bytes:
    """A record as it is stored."""
    now_s = time.time() if now_s is None else now_s
    if reply is None:
        return _HEAD.pack(state, fingerprint, now_s, 0, 0)
    kind = reply.content_type.encode("latin-1")
    return _HEAD.pack(state, fingerprint, now_s, reply.status, len(kind)) + kind + reply.body


def unpack(record: bytes, fingerprint: bytes) -> tuple[Kept | None, float]:
    """The reply in a record (None while it is running) and when it was kept.

    Raises:
        IdempotencyConflict: it belongs to a request with another fingerprint.
    """
    if len(record) < _HEAD.size:
        return None, 0.0
    state, found, kept_s, status, length = _HEAD.unpack_from(record)
    if found != fingerprint:
        raise IdempotencyConflict("this `Idempotency-Key` was used with another request")
    if state != DONE:
        return None, kept_s
    kind = record[_HEAD.size : _HEAD.size + length].decode("latin-1")
    return Kept(status, kind, record[_HEAD.size + length :]), kept_s


class FileStore:
    """A `Store` in a folder.

    Args:
        folder: made at first use.
        ttl_s: how long a reply is kept.
        max_bytes: how much all of them may take; the oldest go first.
        wall: Unix time, for tests.
    """

    def __init__(self, folder: Path, *, ttl_s: float, max_bytes: int, wall: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._ttl_s = ttl_s
        self._max_bytes = max_bytes
        self._wall = wall
        self._sweeping = threading.Lock()
        self._claims = 0
        self._swept_s = time.monotonic()

    def begin(self, name: bytes, fingerprint: bytes, wait: Wait) -> Claim | Kept:
        """As the protocol's."""
        path = self._folder / name.hex()
        try:
            self._sweep_sometimes()
            while True:
                found = self._try(path, fingerprint)
                if found is not None:
                    return found
                wait.pause(_POLL_S)
        except OSError as error:
            raise Unavailable(f"replies cannot be kept: {error.strerror}", retry_after_s=1) from error

    def close(self) -> None:
        """Nothing is held between two requests."""

    def _try(self, path: Path, fingerprint: bytes) -> Claim | Kept | None:
        """The reply, a claim, or None while another holds it."""
        descriptor = self._open(path)
        held = False
        try:
            record = _read(descriptor)
            while True:
                expired = self._expired(record)
                if record[:1] == bytes([DONE]):
                    if expired:
                        path.unlink(missing_ok=True)
                        return None
                    return unpack(record, fingerprint)[0]
                if held:
                    break
                held = _lock(descriptor)
                if not held:
                    unpack(record, fingerprint)  # another body is told at once
                    return None
                # What it held may have been answered, or taken away, between the look and the lock.
                record = _read(descriptor)
            if not os.fstat(descriptor).st_nlink:
                return None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, pack(RUNNING, fingerprint, now_s=self._wall()), 0)
            claim = _FileClaim(path, descriptor, fingerprint, self._wall)
            descriptor = -1
            return claim
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _open(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def _expired(self, record: bytes) -> bool:
        if len(record) < _HEAD.size:
            return False
        kept_s: float = _HEAD.unpack_from(record)[2]
        return self._wall() >= kept_s + self._ttl_s

    def _sweep_sometimes(self) -> None:
        self._claims += 1
        due = self._claims >= _SWEEP_EVERY or time.monotonic() >= self._swept_s + _SWEEP_EVERY_S
        if due and self._sweeping.acquire(blocking=False):
            try:
                self._claims, self._swept_s = 0, time.monotonic()
                self.sweep()
            finally:
                self._sweeping.release()

    def sweep(self) -> None:
        """Remove what is too old, and the oldest of what is too much."""
        found: list[tuple[float, int, str]] = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    stat = entry.stat()
                    found.append((stat.st_mtime, stat.st_size, entry.path))
        found.sort()
        size, count = sum(entry[1] for entry in found), len(found)
        for changed_s, length, path in found:
            if changed_s + self._ttl_s > self._wall() and size <= self._max_bytes and count <= MAX_FILES:
                break
            Path(path).unlink(missing_ok=True)
            size, count = size - length, count - 1


class _FileClaim:
    def __init__(self, path: Path, descriptor: int, fingerprint: bytes, wall: Callable[[], float]) -> None:
        self._path = path
        self._descriptor = descriptor
        self._fingerprint = fingerprint
        self._wall = wall

    def keep(self, reply: Kept) -> None:
        try:
            record = pack(DONE, self._fingerprint, reply, self._wall())
            _write(self._descriptor, record[1:], 1)
            os.pwrite(self._descriptor, record[:1], 0)
        except OSError as error:
            self._path.unlink(missing_ok=True)
            raise Unavailable(f"the reply cannot be kept: {error.strerror}") from error
        finally:
            os.close(self._descriptor)

    def drop(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    pieces, at = [], 0
    while at < size and (piece := os.pread(descriptor, size - at, at)):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


def _write(descriptor: int, content: bytes, at: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written
