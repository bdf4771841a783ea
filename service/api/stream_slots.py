"""How many event streams one process has open, bounded and counted."""

from __future__ import annotations

import threading
from typing import Any

from service.errors import Overloaded
from service.observability.series import once


class Streams:
    """Room for streams; each has a thread of its own, beside those that answer requests.

    Args:
        most: that may be open at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = threading.BoundedSemaphore(most)

    def enter(self) -> None:
        """Take room for one.

        Raises:
            Overloaded: there is none.
        """
        if not self._free.acquire(blocking=False):
            raise Overloaded(f"{self._most} streams are open here, which is the limit", retry_after_s=1)
        _series()[0].inc()

    def leave(self, outcome: str) -> None:
        """Give the room back; `outcome` is `ok` or the code of what ended the stream."""
        opened, ended = _series()
        opened.dec()
        ended.labels(outcome).inc()
        self._free.release()


@once
def _series() -> tuple[Any, Any]:
    from prometheus_client import Counter, Gauge

    return (
        Gauge("precis_streams_open", "event streams open", multiprocess_mode="livesum"),
        Counter("precis_streams_ended", "event streams that ended, by code", ["code"]),
    )
