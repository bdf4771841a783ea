"""What a job is, on its way between the API, the database and the worker."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item as it was submitted: what is to be done, or the whole JSON of its result where it was refused."""

    name: str | None
    task: str = ""
    request: str = ""
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be kept. `key` and `asked` are digests of an Idempotency-Key and of what came with it, or None."""

    owner: str
    items: tuple[NewItem, ...]
    retain_s: float
    webhook_url: str | None = None
    key: str | None = None
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands; times in seconds since 1970."""

    id: str
    owner: str
    state: State
    total: int
    done: int
    failed: int
    created: float
    started: float | None
    finished: float | None
    expires: float | None
    error: str | None
    webhook_url: str | None
    webhook_state: str | None
    webhook_attempts: int

    @property
    def ended(self) -> bool:
        """Nothing more will be computed."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class Item:
    """An item that is to be done."""

    place: int
    name: str | None
    task: str
    request: str


@dataclass(frozen=True, slots=True)
class Made:
    """What became of an item: the whole JSON of its result, and whether it failed."""

    place: int
    body: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of a job that one worker has taken: items `first` to before `behind`, held since `epoch`."""

    job: str
    number: int
    first: int
    behind: int
    epoch: int
    attempts: int


# How an item is done: its place, name, task and request, and a check whether nobody wants it any more, give its result.
RunItem = Callable[[Item, str, Callable[[], bool]], Made]


def new_id() -> str:
    """An id that sorts by the time it was made, to the millisecond, and cannot be guessed."""
    return f"{int(time.time() * 1000):012x}{os.urandom(10).hex()}"
