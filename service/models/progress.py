"""Progress of a download on standard error: one moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from service.models.failures import PullFailed

_STEP = 0.1  # of a file, between two plain lines
_REDRAW_S = 0.2


def human(size: float) -> str:
    """A number of bytes for people: `418.0 MB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"


class Progress:
    """How far one file is. Has the few methods of a `tqdm` bar that the hub's downloader calls."""

    def __init__(self, name: str, total: int, done: int = 0, stream: TextIO | None = None) -> None:
        self._name, self._total, self._done = name, total, done
        self._stream = sys.stderr if stream is None else stream
        self._moving = self._stream.isatty()
        self._shown = done / total if total else 0.0
        self._drawn_s = 0.0
        if done:
            self._line(f"{name}: goes on at {human(done)} of {human(total)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._moving:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def update(self, count: float | None = 1) -> bool | None:
        """Count bytes that are about to be written; a negative number when the download starts again.

        Raises:
            PullFailed: more has come than the file holds, so that a server without end cannot fill the disk.
        """
        self._done += int(count or 0)
        if self._done > self._total:
            raise PullFailed(f"{self._name}: more is sent than the {self._total} bytes that were announced")
        share = self._done / self._total if self._total else 1.0
        now = time.monotonic()
        text = f"{self._name}: {share:4.0%} of {human(self._total)}"
        if self._moving and now - self._drawn_s >= _REDRAW_S:
            self._drawn_s = now
            self._stream.write(f"\r{text}\x1b[K")
            self._stream.flush()
        elif not self._moving and share - self._shown >= _STEP and share < 1:
            self._shown = share
            self._line(text)
        return None

    def _line(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()
