"""Long-lived Apertium pipelines: processes connected by pipes that translate one batch of texts after another.

A batch is texts with a null character after each; every program flushes there and forgets what it read, so as many
nulls come back, in order, and no text sees another. Nothing here blocks: reads and writes take what the pipe gives.

No pipeline outlives this process, however it ends: its first program reads end of file, then the next. One that is
stopped or stuck would not notice, so `setpriv` asks the kernel to kill each with the thread that started it.
Source: https://wiki.apertium.org/wiki/Null_flush
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from service.engines.apertium.modes import Mode

_CHUNK = 65536
_PSS = re.compile(rb"^Pss:\s+(\d+)", re.MULTILINE)
# An output is rarely twice its input; anything far beyond is a program that has lost its way.
_OUTPUT_FACTOR = 40
_OUTPUT_FLOOR = 1 << 18


class PipelineBroken(Exception):
    """A pipeline ended, could not be started, or sent what it should not have."""


class Pipeline:
    """One running pipeline; `done` texts of the current batch have come back."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.used_s = time.monotonic()
        self.started_s = 0.0
        self._processes: list[subprocess.Popen[bytes]] = []
        self._out = memoryview(b"")
        self._in = bytearray()
        self._expected = 0
        self._scanned = 0
        self._nulls = 0
        self._limit = 0
        self.write_fd = self.read_fd = -1
        try:
            self._spawn()
        except OSError as error:
            self.kill()
            raise PipelineBroken(f"cannot start: {error.strerror}") from None

    def _spawn(self) -> None:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
        source, self.write_fd = os.pipe()
        group = 0
        guard = shutil.which("setpriv")
        prefix = (guard, "--pdeathsig", "KILL", "--") if guard else ()
        for stage in self.mode.stages:
            target = -1
            self.read_fd, target = os.pipe()
            try:
                process = subprocess.Popen(
                    (*prefix, shutil.which(stage[0]) or stage[0], *stage[1:]),
                    stdin=source,
                    stdout=target,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env=environment,
                    process_group=group,
                )
            finally:
                os.close(source)
                os.close(target)
            source = self.read_fd
            group = group or process.pid
            _first_to_go(process.pid)
            self._processes.append(process)
        os.set_blocking(self.write_fd, False)
        os.set_blocking(self.read_fd, False)

    def begin(self, texts: Sequence[str]) -> None:
        """Take a batch; the previous one must have ended."""
        data = b"".join(text.encode() + b"\0" for text in texts)
        self._out = memoryview(data)
        self._in.clear()
        self._expected, self._scanned, self._nulls = len(texts), 0, 0
        self._limit = len(data) * _OUTPUT_FACTOR + _OUTPUT_FLOOR
        self.started_s = time.monotonic()

    @property
    def writing(self) -> bool:
        """Whether part of the batch is still to be written."""
        return len(self._out) > 0

    def write(self) -> None:
        """Write what the pipe takes now.

        Raises:
            PipelineBroken: the first program has ended.
        """
        try:
            self._out = self._out[os.write(self.write_fd, self._out[:_CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:
            raise PipelineBroken("a program of the pipeline ended") from None

    def read(self) -> bool:
        """Read what has come back.

        Returns:
            Whether the batch is complete.
        Raises:
            PipelineBroken: the last program has ended, or sent more than was asked for.
        """
        try:
            data = os.read(self.read_fd, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            raise PipelineBroken("a program of the pipeline ended") from None
        if not data:
            raise PipelineBroken("a program of the pipeline ended")
        self._in += data
        self._nulls += data.count(0)
        if self._nulls > self._expected or len(self._in) > self._limit:
            raise PipelineBroken("a program of the pipeline sent too much")
        return self._nulls == self._expected

    def results(self) -> list[str]:
        """The texts that have come back so far, in order.

        Raises:
            PipelineBroken: the output does not end where the last text does.
        """
        *texts, rest = bytes(self._in).split(b"\0")
        if self._nulls == self._expected and rest:
            raise PipelineBroken("a program of the pipeline sent too much")
        self.used_s = time.monotonic()
        return [text.decode("utf-8", "replace") for text in texts]

    def alive(self) -> bool:
        """Whether every program runs."""
        return all(process.poll() is None for process in self._processes)

    def kill(self) -> None:
        """End every program at once and close the pipes. Safe to call twice."""
        for name in ("write_fd", "read_fd"):
            if getattr(self, name) >= 0:
                with contextlib.suppress(OSError):
                    os.close(getattr(self, name))
                setattr(self, name, -1)
        for process in self._processes:
            # Popen does not signal a process it has reaped, so a recycled number is never hit.
            process.send_signal(signal.SIGKILL)
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)

    def process_ids(self) -> tuple[int, ...]:
        """Identifiers of the programs, first to last."""
        return tuple(process.pid for process in self._processes)

    def memory_bytes(self) -> int:
        """Memory of all programs together, shared pages counted by share; 0 where the kernel does not tell."""
        return sum(_proportional_bytes(process.pid) for process in self._processes)


def _proportional_bytes(pid: int) -> int:
    try:
        match = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
    except OSError:
        return 0
    return int(match[1]) * 1024 if match else 0


def _first_to_go(pid: int) -> None:
    """Out of memory, a pipeline can be started again; the process that serves everybody should not be chosen."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("500")
