"""The same service with static batches: `python -m bench.peers.static serve`, settings as for `precis serve`.

A batch forms from what waits, with a short time for more to come; nothing joins it, no row leaves it, and none is
answered before all have ended.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.peers import launch
from service.config import Settings
from service.engines.base import RowDone, RowWork
from service.engines.loaded import Loaded

GATHER_S = 0.03


class Static:
    """An engine whose rows come and go together; everything else is the engine's own."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._running: set[int] = set()
        self._done: list[RowDone] = []
        self._begin_s = 0.0

    def __getattr__(self, name: str) -> Any:
        """What has nothing to do with batches."""
        return getattr(self._inner, name)

    def free_rows(self) -> int:
        """Rows that fit while the batch still forms; none once it runs."""
        forming = not self._running or (time.monotonic() < self._begin_s and not self._done)
        return self._inner.free_rows() if forming else 0

    def admit(self, rows: Sequence[tuple[int, RowWork]]) -> None:
        """Take rows in; the first one sets when the batch begins."""
        if not self._running:
            self._begin_s = time.monotonic() + GATHER_S
        self._running.update(row_id for row_id, _ in rows)
        self._inner.admit(rows)

    def step(self) -> list[RowDone]:
        """Return nothing before everything has ended."""
        if time.monotonic() < self._begin_s:
            time.sleep(0.001)
            return []
        self._done += self._inner.step()
        self._running -= {row.row_id for row in self._done}
        if self._running:
            return []
        done, self._done = self._done, []
        return done

    def evict(self, row_ids: Sequence[int]) -> None:
        """Forget rows."""
        self._running -= set(row_ids)
        self._done = [row for row in self._done if row.row_id not in row_ids]
        self._inner.evict(row_ids)


def create(settings: Settings) -> Loaded:
    """Make the neural engines, each with static batches."""
    from bench.peers.static_runner import StaticRunner
    from service.engines.seq2seq import setup

    loaded = setup.create(settings)
    for engine in loaded.engines.values():
        engine._runner = StaticRunner(engine._model, engine._budget)  # type: ignore[attr-defined]
    return Loaded({name: Static(engine) for name, engine in loaded.engines.items()}, loaded.missing)


if __name__ == "__main__":
    sys.exit(launch.main("bench.peers.static", sys.argv[1:]))
