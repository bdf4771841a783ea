"""Small helpers for processes that start, watch and outlive one another. A leaf."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1

BACKOFF_FIRST_S = 0.1
BACKOFF_LAST_S = 5.0
# A child that lived this long before it died is started again without delay.
SETTLED_S = 10.0


class Alarm:
    """Wakes the main thread, also from a signal handler.

    A handler runs between any two instructions of the main thread, so it may take no lock: that of an event may be held
    by the very code it interrupts, and both would wait for ever. Writing to a pipe takes none.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)

    def ring(self) -> None:
        """Let a wait that goes on now, or else the next one, return at once."""
        # A full pipe rings already.
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"!")

    def wait(self, timeout_s: float) -> None:
        """Wait until it rings, or for so many seconds."""
        select.select([self._read], [], [], timeout_s)
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 65_536)


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel for SIGTERM when the parent dies, so that a killed supervisor leaves nothing behind.

    Args:
        parent_pid: the parent as the caller knows it; when it has died already this process ends at once.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGTERM)


@dataclass(slots=True)
class Child:
    """A process that is kept running.

    `on_exit` is told name, pid and exit status of every end, wanted or not.
    """

    name: str
    command: list[str]
    env: dict[str, str]
    on_exit: Callable[[str, int, int], None]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    restarts: int = 0
    _backoff_s: float = field(default=0.0)
    _not_before_s: float = field(default=0.0)

    @property
    def alive(self) -> bool:
        """The process runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the process in a session of its own, so that a terminal's interrupt reaches the supervisor only."""
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(self.command, env=self.env, start_new_session=True, stdin=subprocess.DEVNULL)

    def tend(self, now_s: float) -> float:
        """Start the process again if it died and its delay is over.

        Returns:
            Seconds until the next call is useful, at most 1.
        """
        if self.process is not None and self.process.poll() is not None:
            self.on_exit(self.name, self.process.pid, self.process.returncode)
            self.process = None
            self.restarts += 1
            settled = now_s - self.started_s >= SETTLED_S
            self._backoff_s = 0.0 if settled else min(BACKOFF_LAST_S, max(BACKOFF_FIRST_S, self._backoff_s * 2))
            self._not_before_s = now_s + self._backoff_s
        if self.process is None:
            if now_s < self._not_before_s:
                return min(1.0, self._not_before_s - now_s)
            self.start()
        return 1.0

    def send(self, number: int) -> None:
        """Send a signal if the process runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, timeout_s: float) -> bool:
        """SIGTERM, wait, then SIGKILL. Returns True when it ended in order (or was not running).

        In order is status 0, and an end by SIGTERM itself: such a process was still starting and held no work.
        """
        if self.process is None:
            return True
        self.send(signal.SIGTERM)
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.on_exit(self.name, self.process.pid, status)
        return status in (0, -signal.SIGTERM)


def memory_granted_bytes() -> int:
    """Memory this process may use: the limit of its control group, or what the machine has.

    Source: Linux kernel documentation, admin-guide/cgroup-v2 (`memory.max`) and cgroup-v1 (`memory.limit_in_bytes`).
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        if text.isdecimal():
            return min(machine, int(text))
    return machine
