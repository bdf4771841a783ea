"""What a check of an output against its source finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Unsupported:
    """Something an output says that its source does not.

    Attributes:
        start: first code point in the output.
        end: code point after the last one; slicing the output gives `text`.
        kind: `number`, `date`, `amount`, `percentage`, `name`, `quote` or `negation`.
        text: as the output has it.
    """

    start: int
    end: int
    kind: str
    text: str
