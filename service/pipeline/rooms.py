"""Elements of a sentence with their words, and where in the translation each of them may stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from service.pipeline.stretches import Element


@dataclass(slots=True)
class Node:
    """An element with its words in the source, `first:last`, and in the translation, `low:high`."""

    element: Element | None
    first: int
    last: int
    low: int = 0
    high: int = 0
    guessed: bool = False
    children: list[Node] = field(default_factory=list)

    @property
    def early(self) -> bool:
        """Whether it began in an earlier sentence."""
        return self.element is not None and self.element.opening is None

    @property
    def late(self) -> bool:
        """Whether it ends in a later sentence."""
        return self.element is not None and self.element.closing is None

    def walk(self) -> Iterator[Node]:
        """The node and everything in it."""
        yield self
        for child in self.children:
            yield from child.walk()


class Room:
    """Where one element may stand: free words of its parent, without the stand-ins of others and around its own.

    Args:
        free: the words of the parent that no element has; shared by its children.
        pin: from the first to the last stand-in of the element.
        blocked: the same of its siblings, and the stand-ins that are in no element.
    """

    def __init__(
        self, free: list[tuple[int, int]], pin: tuple[int, int] | None, blocked: Sequence[tuple[int, int]]
    ) -> None:
        self._free = free
        self._pin = pin
        self._blocked = sorted(blocked)
        self.whole = pin is None or not any(low < pin[1] and pin[0] < high for low, high in blocked)

    def spots(self) -> list[tuple[int, int]]:
        """The stretches it may stand in, empty ones included; never none."""
        found = [spot for low, high in self._free for spot in self._open(low, high)]
        if self._pin is None or not self.whole:
            return found
        pin = self._pin
        around = [(low, high) for low, high in found if low <= pin[0] and pin[1] <= high]
        self.whole = bool(around)
        return around or found

    def edge(self, at: int, *, early: bool) -> list[tuple[int, int]]:
        """The one stretch that touches an edge of the parent."""
        spots = self.spots()
        spot = spots[0] if early else spots[-1]
        if spot[0 if early else 1] != at:
            self.whole = False
        return [spot]

    def take(self, node: Node, low: int, high: int) -> None:
        """Give a node its words, and what is on both sides back, even where it is empty."""
        if self._pin is not None and self.whole:
            low, high = min(low, self._pin[0]), max(high, self._pin[1])
        node.low, node.high = low, high
        for index, (start, end) in enumerate(self._free):
            if start <= low and high <= end:
                left = [] if node.early else [(start, low)]
                right = [] if node.late else [(high, end)]
                self._free[index : index + 1] = left + right
                return

    def _open(self, low: int, high: int) -> list[tuple[int, int]]:
        spots = []
        for start, end in self._blocked:
            if low <= start and end <= high:
                spots.append((low, start))
                low = end
        return [*spots, (low, high)]
