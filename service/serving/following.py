"""Events that another thread produces, read by the thread of a caller who may leave."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

from service.errors import Cancelled, PrecisError

POLL_S = 0.2


def followed(items: queue.SimpleQueue[Any], gone: Callable[[], bool]) -> Iterator[Any]:
    """Yield what comes until None.

    Args:
        items: filled by another thread; a PrecisError ends it too.
        gone: whether the caller has left; asked a few times a second.
    Raises:
        Cancelled: the caller has left.
        PrecisError: the failure.
    """
    asked_s = time.monotonic()
    while True:
        item = None
        silent = False
        try:
            item = items.get(timeout=POLL_S)
        except queue.Empty:
            silent = True
        now_s = time.monotonic()
        if silent or now_s - asked_s >= POLL_S:
            asked_s = now_s
            if gone():
                raise Cancelled("the caller has gone")
        if silent:
            continue
        if item is None:
            return
        if isinstance(item, PrecisError):
            raise item
        yield item
