"""A table of small records that all workers of one instance share: a mapped file with one lock.

An instance has several processes, and a limit must hold over all of them. The lock is `flock`: the system gives it back
when its holder dies, whatever the moment. It is taken without letting go of Python's own lock, because a thread that
has to wait for that one again (milliseconds, on a busy worker) would keep all other processes waiting meanwhile.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import mmap
import os
import struct
import threading
import time
from pathlib import Path
from types import TracebackType

from service.heartbeat import start_of, still_runs

WORKERS = 64
_MAGIC = b"precis-table-1\0\0"
_WORKER = struct.Struct("qd")  # process id, and when it started
_TAG = struct.Struct("Q")
_USED = struct.Struct("Q")  # rows with a name; the others are holes of the file and take no memory
_WORKERS_AT = len(_MAGIC) + _USED.size
_HEAD = _WORKERS_AT + WORKERS * _WORKER.size
_PAUSE_S = 50e-6
# Longer than any turn takes: a holder that was stopped must not stop the others, who then count without the lock.
_PATIENCE_S = 0.1

# Called with Python's lock held, unlike `fcntl.flock`.
_flock = ctypes.PyDLL(None).flock
_flock.argtypes = (ctypes.c_int, ctypes.c_int)
_flock.restype = ctypes.c_int


class SharedTable:
    """Records by name. Use it as a context for the time of a look or a change; turns are short and never nested.

    Args:
        path: of the file; made when missing.
        rows: the most names.
        record_size: bytes of a record; new ones are zero.
        workers_at: where in a record `WORKERS` 16-bit counters stand, one a worker; those of a worker that has died are
            set to zero when another takes its place.
    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path, *, rows: int, record_size: int, workers_at: int) -> None:
        self._path = path
        self._rows = rows
        self._row_size = _TAG.size + record_size
        self._workers_at = workers_at
        self._size = _HEAD + rows * self._row_size
        self._threads = threading.Lock()
        self._pid = 0
        self._fd = -1
        self._known: dict[str, tuple[int, int]] = {}
        self.worker = 0
        """Which counter of `workers_at` is this process's; known within a turn."""
        self.data: mmap.mmap
        self._create()

    def _create(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path.open("ab+") as file:
            _lock(file.fileno())
            file.seek(0)
            if os.fstat(file.fileno()).st_size != self._size or file.read(len(_MAGIC)) != _MAGIC:
                file.truncate(0)
                file.write(_MAGIC)
                file.flush()
                file.truncate(self._size)

    def __enter__(self) -> SharedTable:
        self._threads.acquire()
        try:
            fresh = self._pid != os.getpid()
            if fresh:
                self._open()
            _lock(self._fd)
            if fresh:
                self._take_place()
        except BaseException:
            _flock(self._fd, fcntl.LOCK_UN)
            self._threads.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _flock(self._fd, fcntl.LOCK_UN)
        self._threads.release()

    def record(self, name: str) -> int:
        """Where in `data` the record of a name begins; made when there is none yet. Only within a turn."""
        at, tag = self._known.get(name, (0, 0))
        if at and _TAG.unpack_from(self.data, at - _TAG.size)[0] == tag:
            return at
        tag = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=_TAG.size).digest(), "little")
        at = self._row_of(tag) + _TAG.size
        self._known[name] = at, tag
        return at

    def _row_of(self, tag: int) -> int:
        used = self._used()
        for row in range(used):
            at = _HEAD + row * self._row_size
            if _TAG.unpack_from(self.data, at)[0] == tag:
                return at
        # Full of names that came and went: one of them starts anew.
        row = used if used < self._rows else tag % self._rows
        at = _HEAD + row * self._row_size
        self.data[at : at + self._row_size] = _TAG.pack(tag) + bytes(self._row_size - _TAG.size)
        _USED.pack_into(self.data, len(_MAGIC), max(used, row + 1))
        return at

    def _used(self) -> int:
        used: int = _USED.unpack_from(self.data, len(_MAGIC))[0]
        return min(used, self._rows)

    def close(self) -> None:
        """Give the file back; a later turn opens it again."""
        with self._threads:
            if self._pid == os.getpid():
                self.data.close()
                os.close(self._fd)
            self._pid = 0

    def _open(self) -> None:
        # A file description inherited over a fork is one lock for both processes, so each opens its own.
        self._fd = os.open(self._path, os.O_RDWR)
        self.data = mmap.mmap(self._fd, self._size)
        self._known.clear()
        self._pid = os.getpid()

    def _take_place(self) -> None:
        self.worker = WORKERS - 1  # shared by all that come when every place is taken
        for number in range(WORKERS):
            at = _WORKERS_AT + number * _WORKER.size
            pid, started = _WORKER.unpack_from(self.data, at)
            if not pid or not still_runs(pid, started):
                self.worker = number
                _WORKER.pack_into(self.data, at, self._pid, start_of(self._pid))
                break
        for row in range(self._used()):
            counter = _HEAD + row * self._row_size + _TAG.size + self._workers_at + 2 * self.worker
            self.data[counter : counter + 2] = b"\0\0"


def _lock(descriptor: int) -> None:
    """Take the lock, or go on without it after `_PATIENCE_S`."""
    if _flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB) == 0:
        return
    until_s = time.monotonic() + _PATIENCE_S
    while _flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB) != 0:
        if time.monotonic() > until_s:
            return
        time.sleep(_PAUSE_S)
