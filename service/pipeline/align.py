"""Where the elements of a sentence stand in its translation, word by word.

An element is looked for by what its inner text becomes when it is translated alone, or by the text itself (names stay).
What is not found is placed in proportion, between words that are the same in both sentences. Siblings never overlap and
never leave their parent; one for which no word is left is empty, not lost.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from icu4py.breakers import WordBreaker

from service.pipeline.stretches import Element

_SURROGATES = re.compile(r"[\ud800-\udfff]")
# An element counts as found when so much of its words is in a stretch of the translation, and of it in them.
_FOUND = 0.6
# Words that share so much of their front are forms of one word.
_STEM = 0.6
_SHORTEST_STEM = 4
_LONGEST_QUERY = 60


@dataclass(frozen=True, slots=True)
class Words:
    """A text and its words: spans, and how they compare."""

    text: str
    spans: tuple[tuple[int, int], ...]
    keys: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.spans)

    def before(self, offset: int) -> int:
        """How many words end at or before an offset."""
        return bisect_right(self.spans, offset, key=lambda span: span[1])

    def within(self, start: int, end: int) -> tuple[int, int]:
        """The words that a stretch touches, as a half-open range."""
        first = self.before(start)
        last = bisect_right(self.spans, end - 1, lo=first, key=lambda span: span[0]) if end > start else first
        return first, max(first, last)


def words_of(text: str) -> Words:
    """The words of a text by ICU, in any script; no word boundary cuts a letter from its marks."""
    spans: list[tuple[int, int]] = []
    end = 0
    for piece in WordBreaker(_SURROGATES.sub("\ufffd", text), "en"):
        start, end = end, end + len(piece)
        if any(character.isalnum() for character in piece):
            spans.append((start, end))
    return Words(text, tuple(spans), tuple(text[start:end].casefold() for start, end in spans))


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


class Alignment:
    """Places of a source sentence in its translation.

    Args:
        source, target: the sentence and its translation, stand-ins included.
        elements: outer before inner.
        known: what inner texts become when they are translated alone.
    """

    def __init__(self, source: Words, target: Words, elements: Sequence[Element], known: Mapping[str, str]) -> None:
        self.source = source
        self.target = target
        self._known = known
        self._pairs = _anchors(source.keys, target.keys)
        self._chain = _rising(sorted(self._pairs.items()))
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
        waiting = []
        for child in parent.children:
            if child.early or child.late:
                self._place_edge(child, parent, free)
            else:
                waiting.append((self._find(child, parent, free), child))
        # The surest first; what is left is placed in the order of the source.
        waiting.sort(key=lambda item: -item[0][0])
        unsure = []
        for (score, _, _), child in waiting:
            again = self._find(child, parent, free) if score >= _FOUND else (0.0, 0, 0)
            if again[0] >= _FOUND:
                child.low, child.high = again[1:]
                _take(free, child)
            else:
                unsure.append(child)
        for child in sorted(unsure, key=lambda one: one.first):
            self._guess(child, free)
            _take(free, child)

    def _place_edge(self, child: Node, parent: Node, free: list[tuple[int, int]]) -> None:
        """An element that goes on in another sentence touches the edge of its parent on that side."""
        score, low, high = self._find(child, parent, free)
        inside = (child.first, child.last) != (parent.first, parent.last)
        if score < _FOUND:
            low, high = self.boundary(child.first), self.boundary(child.last)
            child.guessed = inside and child.first < child.last
        spot = free[0] if child.early else free[-1]
        child.low = spot[0] if child.early else min(max(low, spot[0]), spot[1])
        child.high = spot[1] if child.late else min(max(high, spot[0]), spot[1])
        if child.first == child.last:
            child.low = child.high = spot[0] if child.early else spot[1]
        _take(free, child)

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
        best = (0.0, 0, 0)
        for low, high in free:
            alike = [_likeness(word, query) for word in self.target.keys[low:high]]
            sums = [0.0, *accumulate(alike)]
            for width in range(max(1, len(query) - 2), len(query) + 3):
                for start in range(len(alike) - width + 1):
                    share = sums[start + width] - sums[start]
                    if not alike[start] or not alike[start + width - 1]:
                        continue
                    score = 2 * min(share, len(query)) / (len(query) + width)
                    score -= 0.001 * abs(low + start - near) / (1 + len(self.target))
                    if score > best[0]:
                        best = (score, low + start, low + start + width)
        return best

    def _guess(self, node: Node, free: list[tuple[int, int]]) -> None:
        low, high = self.boundary(node.first), self.boundary(node.last)
        spots = [spot for spot in free if spot[0] < spot[1]] if node.first < node.last else []
        if not spots:
            at = min((edge for spot in free for edge in spot), key=lambda edge: abs(edge - low))
            node.low = node.high = at
            node.guessed = node.first < node.last
            return
        spot = min(spots, key=lambda one: max(one[0] - low, low + 1 - one[1], 0))
        width = min(max(1, high - low), spot[1] - spot[0])
        node.low = min(max(low, spot[0]), spot[1] - width)
        node.high = node.low + width
        node.guessed = True


def _holds(outer: Element | None, inner: Element) -> bool:
    """Whether an element stands inside another one, by the order of the marks."""
    if outer is None or outer.closing is None:
        return True
    mark = inner.opening or inner.closing
    return mark is not None and mark.start < outer.closing.start


def _take(free: list[tuple[int, int]], node: Node) -> None:
    """Leave the words of a node out of the free ones; what is on both sides stays, even where it is empty."""
    for index, (low, high) in enumerate(free):
        if low <= node.low and node.high <= high:
            left = [] if node.early else [(low, node.low)]
            right = [] if node.late else [(node.high, high)]
            free[index : index + 1] = left + right
            return


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
