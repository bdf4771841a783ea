"""What a job that is streamed tells while it runs: pieces of its text, then its end."""

from __future__ import annotations

from dataclasses import dataclass

from service.records import Outcome


@dataclass(frozen=True, slots=True)
class Piece:
    """More text of a job that is still running, in reading order.

    Attributes:
        job: which job of the call, counted from 0.
        segment: which segment of a translation, or which chunk of a summary.
        text: to be put behind what was said of that segment before.
        replaces: it stands for all that was said of that segment before.
    """

    job: int
    segment: int
    text: str
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a job in a stream; no piece of it follows."""

    job: int
    outcome: Outcome


Event = Piece | Ended
