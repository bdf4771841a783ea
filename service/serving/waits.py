"""How one caller waits for one job: for its outcome alone, or for events of several jobs in one queue."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import NamedTuple

from service.engines.base import RowWork
from service.errors import PrecisError
from service.events import Ended, Event, Piece
from service.records import Job, Outcome
from service.serving.inflight import Computation, Waiter
from service.serving.reading import Said


class Wait:
    """One caller's wait for one job; `joined` when the computation was there before."""

    def __init__(self, future: asyncio.Future[Outcome]) -> None:
        self.future = future
        self.computation: Computation | None = None
        self.joined = False
        self.waiter: Waiter = partial(_answer, future)


def _answer(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)


def tell(events: asyncio.Queue[Event], job: int, said: Said) -> None:
    """Pass a piece of a job's text on."""
    events.put_nowait(Piece(job, said.segment, said.text, said.replaces))


def end(events: asyncio.Queue[Event], job: int, future: asyncio.Future[Outcome]) -> None:
    """Pass the end of a job on."""
    events.put_nowait(Ended(job, future.result()))


class Planned(NamedTuple):
    """A job with its rows or what is wrong with it, what it shares under, and its outcome if it was kept."""

    job: Job
    work: list[RowWork] | PrecisError
    key: bytes
    kept: Outcome | None
