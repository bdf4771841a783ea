"""Where the elements of a sentence stand in its translation, word by word.

An element is looked for by what its inner text becomes when it is translated alone, or by the text itself (names stay).
What is not found is placed in proportion, between words that are the same in both sentences. Siblings never overlap and
never leave their parent; one for which no word is left is empty, not lost.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

from service.pipeline.rooms import Node, Room
from service.pipeline.stretches import Element
from service.pipeline.tokens import Words, words_of

_SURROGATES = re.compile(r"[\ud800-\udfff]")
# An element counts as found when so much of its words is in a stretch of the translation, and of it in them.
_FOUND = 0.6
# Words that share so much of their front are forms of one word.
_STEM = 0.6
_SHORTEST_STEM = 4
_LONGEST_QUERY = 60


class Alignment:
    """Places of a source sentence in its translation.

    Args:
        source, target: the sentence and its translation, stand-ins included.
        elements: outer before inner.
        known: what inner texts become when they are translated alone.
        solid: stand-ins; they stay inside the elements they are in, and outside of all others.
    """

    def __init__(
        self,
        source: Words,
        target: Words,
        elements: Sequence[Element],
        known: Mapping[str, str],
        solid: Sequence[str] = (),
    ) -> None:
        self.source = source
        self.target = target
        self._known = known
        self._pairs = _anchors(source.keys, target.keys)
        self._chain = _rising(sorted(self._pairs.items()))
        keys = {key.casefold() for key in solid}
        self._solid = {at: self._pairs[at] for at, key in enumerate(source.keys) if key in keys and at in self._pairs}
        # False when the stand-ins of an element are scattered among others: then no place for it is right.
        self.whole = True
        self.root = self._tree(elements)
        self.root.high = len(target)
        for node in self.root.walk():
            self._place_children(node)

    def boundary(self, at: int) -> int:
        """The boundary between words of the translation for one of the source (0: before the first word)."""
        left, right = (0, 0), (len(self.source), len(self.target))
        for i, j in self._chain:
            if i + 1 <= at:
                left = (i + 1, j + 1)
            elif i >= at:
                right = (i, j)
                break
        if right[0] <= left[0]:
            return left[1]
        return round(left[1] + (at - left[0]) * (right[1] - left[1]) / (right[0] - left[0]))

    def beside(self, word: int) -> int | None:
        """The word of the translation that is surely this word of the source."""
        return self._pairs.get(word)

    def _tree(self, elements: Sequence[Element]) -> Node:
        root = Node(None, 0, len(self.source))
        stack = [root]
        for element in elements:
            while len(stack) > 1 and not _holds(stack[-1].element, element):
                stack.pop()
            node = Node(element, *self.source.within(element.start, element.end))
            stack[-1].children.append(node)
            stack.append(node)
        return root

    def _place_children(self, parent: Node) -> None:
        free = [(parent.low, parent.high)]
        pins = [self._pin(child.first, child.last) for child in parent.children]
        loose = [
            (there, there + 1)
            for here, there in self._solid.items()
            if parent.first <= here < parent.last and not any(one.first <= here < one.last for one in parent.children)
        ]
        rooms = [
            Room(free, pin, [*loose, *(other for other in pins if other is not None and other is not pin)])
            for pin in pins
        ]
        waiting = []
        for child, room in zip(parent.children, rooms, strict=True):
            if child.early or child.late:
                self._place_edge(child, parent, room)
            else:
                waiting.append((self._find(child, parent, room.spots())[0], child, room))
        # The surest first; what is left is placed in the order of the source.
        waiting.sort(key=lambda item: -item[0])
        unsure = []
        for score, child, room in waiting:
            again = self._find(child, parent, room.spots()) if score >= _FOUND else (0.0, 0, 0)
            if again[0] >= _FOUND:
                room.take(child, again[1], again[2])
            else:
                unsure.append((child, room))
        for child, room in sorted(unsure, key=lambda one: one[0].first):
            self._guess(child, room)
        self.whole = self.whole and all(room.whole for room in rooms)

    def _pin(self, first: int, last: int) -> tuple[int, int] | None:
        """From the first to the last stand-in of an element, in the translation."""
        there = [self._solid[here] for here in range(first, last) if here in self._solid] if self._solid else []
        return (min(there), max(there) + 1) if there else None

    def _place_edge(self, child: Node, parent: Node, room: Room) -> None:
        """An element that goes on in another sentence touches the edge of its parent on that side."""
        spots = room.edge(parent.low if child.early else parent.high, early=child.early)
        score, low, high = self._find(child, parent, spots)
        inside = (child.first, child.last) != (parent.first, parent.last)
        if score < _FOUND:
            low, high = self.boundary(child.first), self.boundary(child.last)
            child.guessed = inside and child.first < child.last
        spot = spots[0]
        low = spot[0] if child.early else min(max(low, spot[0]), spot[1])
        high = spot[1] if child.late else min(max(high, spot[0]), spot[1])
        if child.first == child.last:
            low = high = spot[0] if child.early else spot[1]
        room.take(child, low, max(low, high))

    def _find(self, node: Node, parent: Node, free: Sequence[tuple[int, int]]) -> tuple[float, int, int]:
        """The best stretch of the free words for an element: score, low, high."""
        if node.first == node.last:
            return 0.0, 0, 0
        if (node.first, node.last) == (parent.first, parent.last):
            return 9.0, *max(free, key=lambda spot: spot[1] - spot[0])
        inner = self.source.keys[node.first : node.last]
        queries = [inner]
        element = node.element
        if element is not None:
            translated = self._known.get(self.source.text[element.start : element.end].strip())
            if translated is not None:
                queries.append(words_of(translated).keys)
        near = self.boundary(node.first)
        best = (0.0, 0, 0)
        for query in queries:
            if 0 < len(query) <= _LONGEST_QUERY:
                best = max(best, self._window(query, free, near), key=lambda found: found[0])
        return best

    def _window(self, query: Sequence[str], free: Sequence[tuple[int, int]], near: int) -> tuple[float, int, int]:
        # By characters: a short word such as an article says little of where an element stands.
        best = (0.0, 0, 0)
        wanted = sum(map(len, query))
        for low, high in free:
            keys = self.target.keys[low:high]
            alike = [_likeness(word, query) * len(word) for word in keys]
            shares = [0.0, *accumulate(alike)]
            sizes = [0, *accumulate(map(len, keys))]
            for width in range(max(1, len(query) - 2), len(query) + 3):
                for start in range(len(keys) - width + 1):
                    end = start + width
                    if not alike[start] or not alike[end - 1]:
                        continue
                    share = min(shares[end] - shares[start], wanted)
                    score = 2 * share / (wanted + sizes[end] - sizes[start])
                    score -= 0.001 * abs(low + start - near) / (1 + len(self.target))
                    if score > best[0]:
                        best = (score, low + start, low + end)
        return best

    def _guess(self, node: Node, room: Room) -> None:
        low, high = self.boundary(node.first), self.boundary(node.last)
        node.guessed = node.first < node.last
        every = room.spots()
        spots = [spot for spot in every if spot[0] < spot[1]] if node.first < node.last else []
        if not spots:
            at = min((edge for spot in every for edge in spot), key=lambda edge: abs(edge - low))
            room.take(node, at, at)
            return
        spot = min(spots, key=lambda one: max(one[0] - low, low + 1 - one[1], 0))
        width = min(max(1, high - low), spot[1] - spot[0])
        low = min(max(low, spot[0]), spot[1] - width)
        room.take(node, low, low + width)


def _holds(outer: Element | None, inner: Element) -> bool:
    """Whether an element stands inside another one, by the order of the marks."""
    if outer is None or outer.closing is None:
        return True
    mark = inner.opening or inner.closing
    return mark is not None and mark.start < outer.closing.start


def _anchors(source: Sequence[str], target: Sequence[str]) -> dict[int, int]:
    """Words that are the same in both and occur once in each."""
    here, there = Counter(source), Counter(target)
    places = {key: at for at, key in enumerate(target) if there[key] == 1}
    return {at: places[key] for at, key in enumerate(source) if here[key] == 1 and key in places}


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs that rise on both sides."""
    tails: list[int] = []
    lasts: list[int] = []
    before: list[int] = []
    for index, (_, there) in enumerate(pairs):
        spot = bisect_right(tails, there)
        before.append(lasts[spot - 1] if spot else -1)
        tails[spot : spot + 1] = [there]
        lasts[spot : spot + 1] = [index]
    chain = []
    at = lasts[-1] if lasts else -1
    while at >= 0:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


def _likeness(word: str, query: Sequence[str]) -> float:
    """1 for a word of the query, less for another form of one, else 0."""
    if word in query:
        return 1.0
    best = 0.0
    for other in query:
        if min(len(word), len(other)) < _SHORTEST_STEM:
            continue
        shared = 0
        for one, two in zip(word, other, strict=False):
            if one != two:
                break
            shared += 1
        share = shared / max(len(word), len(other))
        if shared >= _SHORTEST_STEM and share >= _STEM:
            best = max(best, 0.8)
    return best
