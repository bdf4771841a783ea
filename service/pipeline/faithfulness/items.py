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


SUPPORTED, UNSUPPORTED, UNCHECKED = "supported", "unsupported", "unchecked"


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """What a check of an output found.

    Attributes:
        verdict: `supported` when everything that could be looked up is in the source, `unsupported` when something is
            not, `unchecked` when there was nothing to look up or no means to.
        unsupported: in order.
        checked: what could be looked up in these languages: of `quantities`, `names`, `quotes`, `negation`.
    """

    verdict: str
    unsupported: tuple[Unsupported, ...] = ()
    checked: tuple[str, ...] = ()
