"""What the engine loop remembers of a computation whose rows wait or run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.engines.base import RowWork
from service.records import Job, Timing


@dataclass(slots=True)
class Running:
    """A computation; `outputs[i]` and `costs[i]` belong to the i-th row of `prepare`.

    `waiting` rows are in the queue; the first was admitted at `admitted_s` and one had its first token at `first_s`.
    """

    job: Job
    costs: tuple[int, ...]
    queued_s: float
    row_ids: list[int] = field(default_factory=list)
    outputs: list[object] = field(default_factory=list)
    left: int = 0
    admitted_s: float = 0.0
    first_s: float = 0.0
    waiting: int = 0
    request: str = ""

    def timing(self) -> Timing:
        """How long it waited and ran until now."""
        now_s = time.monotonic()
        return Timing(queue_ms=(self.admitted_s - self.queued_s) * 1000, model_ms=(now_s - self.admitted_s) * 1000)


def begin(job: Job, works: Sequence[RowWork], now_s: float, request: str = "") -> Running:
    """A computation that was just queued, for the request of this id."""
    rows = len(works)
    costs = tuple(work.cost for work in works)
    return Running(job, costs, now_s, outputs=[None] * rows, left=rows, waiting=rows, request=request)
