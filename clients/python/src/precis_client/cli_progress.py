"""A line on a terminal that says how far a run is."""

from __future__ import annotations

import shutil
import sys
import time

_BAR = 24
_EVERY_S = 0.1


class ProgressBar:
    """Redrawn in place on standard error, where that is a terminal; otherwise nothing.

    Args:
        total: texts in all, or None where that is not known.
        wanted: False: nothing is drawn.
    """

    def __init__(self, total: int | None, *, wanted: bool = True) -> None:
        self._total = total
        self._drawn = wanted and sys.stderr.isatty()
        self._started_s = time.monotonic()
        self._shown_s = 0.0
        self._fresh = 0
        self.done = 0
        self.failed = 0

    def skip(self) -> None:
        """A text was done in an earlier run."""
        self.done += 1

    def step(self, *, failed: bool) -> None:
        """A text is done."""
        self.done += 1
        self._fresh += 1
        self.failed += failed
        self._draw()

    def show(self, done: int, failed: int, total: int) -> None:
        """Where something stands that others do."""
        self.done, self.failed, self._total = done, failed, total
        self._fresh = done
        self._draw()

    def clear(self) -> None:
        """Leave the line to others."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self) -> None:
        now_s = time.monotonic()
        if not self._drawn or (now_s - self._shown_s < _EVERY_S and self.done != self._total):
            return
        self._shown_s = now_s
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{self.line(now_s - self._started_s)[:width]}")
        sys.stderr.flush()

    def line(self, took_s: float) -> str:
        """What the line says after so many seconds."""
        rate = self._fresh / took_s if took_s > 0 else 0.0
        parts = [f"{self.done}"]
        if self._total:
            full = min(_BAR, _BAR * self.done // self._total)
            parts = [f"[{'#' * full}{'.' * (_BAR - full)}]", f"{self.done}/{self._total}"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        parts.append(f"{rate:.1f}/s")
        if self._total and rate > 0 and self.done < self._total:
            left_s = int((self._total - self.done) / rate)
            parts.append(f"{left_s // 3600}:{left_s // 60 % 60:02}:{left_s % 60:02} left")
        return "  ".join(parts)
