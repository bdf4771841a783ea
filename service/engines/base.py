"""The contract between the engine loop and an engine.

One thread, the loop's, calls everything here except `prepare`, which listener threads call and which must therefore be
stateless. A row is the unit an engine works on: a job becomes one or more rows, joins between two steps and leaves when
its rows have ended. An engine that finishes a whole row in one step (extractive) and one that advances every row by a
token (seq2seq) obey the same contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from service.errors import PrecisError
from service.records import Job, ModelInfo, Result, Usage


@dataclass(frozen=True, slots=True)
class RowWork:
    """Work for one row, made by `prepare`.

    `cost` is what the row takes from the queue's budget, at least 1, in the engine's unit: padded tokens, or characters
    where nothing is padded. `payload` is the engine's own. `segment` is the segment of a translation, or the chunk of a
    summary, that the row belongs to; `followed` is set by the loop when somebody reads along.
    """

    cost: int
    payload: object
    segment: int = 0
    followed: bool = False


@dataclass(frozen=True, slots=True)
class RowText:
    """More text of a followed row; with `replaces`, text that stands for all that was said of the row before."""

    row_id: int
    text: str
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class RowDone:
    """How one row ended: `output` is the engine's own, or `error` says why there is none."""

    row_id: int
    output: object = None
    error: PrecisError | None = None


class Engine(Protocol):
    """What the loop asks of an engine."""

    def models(self) -> tuple[ModelInfo, ...]:
        """The catalogue entries this engine serves; constant once constructed."""
        ...

    def prepare(self, job: Job) -> list[RowWork]:
        """Check and split a job into rows, at least one. Called on any thread, before the queue.

        Raises:
            PrecisError: the job can never be done (too long, unsupported direction).
        """
        ...

    def finish(self, job: Job, outputs: Sequence[object]) -> tuple[Result, Usage]:
        """Put the outputs of a job's rows, in the order of `prepare`, together into its result."""
        ...

    def warm(self) -> None:
        """Do once what would make the first request slow. The process is not ready before it returns."""
        ...

    def free_rows(self) -> int:
        """How many more rows can be admitted now."""
        ...

    def admit(self, rows: Sequence[tuple[int, RowWork]]) -> None:
        """Take rows in, at most `free_rows()` of them; ids are unique for the life of the engine."""
        ...

    def step(self) -> list[RowDone]:
        """Advance the admitted rows and return those that ended.

        Called only while rows are admitted. Returns within a second even when nothing ended, so that the loop can beat,
        admit and evict. A row that fails is returned with its error; an exception from here means the engine itself is
        broken and ends the process.
        """
        ...

    def evict(self, row_ids: Sequence[int]) -> None:
        """Forget rows: they are not returned by a later `step`. Unknown ids are ignored."""
        ...

    def interrupt(self) -> None:
        """Make a `step` that is only waiting return soon. Any thread may call it."""
        ...

    def close(self) -> None:
        """Release what the engine holds; no call follows."""
        ...


@dataclass(slots=True)
class Measures:
    """What one step did.

    Attributes:
        read_s, written_s: seconds of reading sources and of writing tokens.
        read_tokens, written_tokens: tokens of both, padding included.
        own_bytes, cross_bytes: what keys and values of running rows take, of their own tokens and of their sources.
        began: rows that wrote their first token.
    """

    read_s: float = 0.0
    written_s: float = 0.0
    read_tokens: int = 0
    written_tokens: int = 0
    own_bytes: int = 0
    cross_bytes: int = 0
    began: tuple[int, ...] = ()


@runtime_checkable
class Measured(Protocol):
    """What an engine can do besides that tells what its steps are made of."""

    def measures(self) -> Measures:
        """Of the last step."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """What an engine can do besides that shows the text of rows before they end."""

    def written(self) -> list[RowText]:
        """The new text of followed rows after a step, those that ended in it included.

        What was said is taken back only by `replaces`. When a row has ended, what was said of it is its whole text.
        """
        ...
