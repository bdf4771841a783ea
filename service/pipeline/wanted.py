"""What a text needs from a translation model: segments, and what to make of the answers."""

from __future__ import annotations

import re
from collections.abc import Callable, ItemsView, Sequence

from service.pipeline.document import Document
from service.pipeline.formats.layout import Atom
from service.pipeline.place import Written, place, recovered
from service.pipeline.stretches import STAND_IN, Stretch, has_words
from service.records import Segment

# Inner texts longer than this are rarely translated to what the sentence holds; more of them cost more than they help.
_LONGEST_QUERY = 200
_MOST_QUERIES = 8
_LINE_ENDS = re.compile(r"\s*[\r\n\u2028\u2029]+\s*")

Translate = Callable[[str], str]


class Wanted:
    """The segments of one job, in order, each with the sentence it is for."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self._sentences: list[int] = []
        self._extra: dict[str, int] = {}

    def sentence(self, text: str, number: int, paragraph: int) -> int:
        """Ask for a sentence; returns the index of the answer."""
        self.segments.append(Segment(text, paragraph))
        self._sentences.append(number)
        return len(self.segments) - 1

    def alongside(self, text: str, number: int, paragraph: int, *, counts: bool) -> None:
        """Ask for a piece or an inner text, once for all; `counts` when a doubt about it is one about the sentence."""
        if text not in self._extra:
            self._extra[text] = self.sentence(text, number if counts else -1, paragraph)

    def index_of(self, text: str) -> int | None:
        """The index of the answer to an extra text."""
        return self._extra.get(text)

    def asked(self) -> ItemsView[str, int]:
        """The extra texts with the indices of their answers."""
        return self._extra.items()

    def owner(self, index: int) -> int | None:
        """The sentence that a segment is for, None where it is only asked to find something."""
        return self._sentences[index] if index < len(self._sentences) and self._sentences[index] >= 0 else None


class FirstRound:
    """Every sentence as a whole, and what its elements say alone, to find them again."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.wanted = Wanted()
        self._indices: list[int | None] = []
        for number, stretch in enumerate(document.sentences):
            paragraph = document.owners[number]
            if not has_words(stretch.text):
                self._indices.append(None)
                continue
            if stretch.parts:
                self._indices.append(None)
                for text in _pieces(stretch):
                    self.wanted.alongside(text, number, paragraph, counts=True)
                continue
            self._indices.append(self.wanted.sentence(stretch.text, number, paragraph))
        for number, stretch in enumerate(document.sentences):
            for text in _queries(stretch):
                self.wanted.alongside(text, number, document.owners[number], counts=False)

    def outputs(self, answers: Sequence[str]) -> tuple[list[Written | None], list[int]]:
        """What every sentence became, None where it is unchanged, and the sentences that lost what is protected."""
        said = _Said(self.wanted, answers)
        made: list[Written | None] = []
        lost: list[int] = []
        for number, stretch in enumerate(self._document.sentences):
            index = self._indices[number]
            if index is None:
                made.append(_in_pieces(stretch, said) if stretch.parts else place(stretch, stretch.text, {}))
                continue
            output = self._whole(stretch, _line(answers[index]), said)
            if isinstance(output, bool):
                lost += [] if output else [number]
                made.append(None)
            else:
                made.append(output)
        return made, lost

    def _whole(self, stretch: Stretch, text: str, said: _Said) -> Written | bool:
        """A sentence with its marks; True when nothing has changed, False when something protected is missing."""
        if text == stretch.text and not stretch.rewrites:
            return True
        exact = recovered(stretch, text)
        return (place(stretch, exact, said.known()) if exact is not None else None) or False


class SecondRound:
    """Sentences between what is protected in them, piece by piece."""

    def __init__(self, document: Document, numbers: Sequence[int], first: FirstRound, answers: Sequence[str]) -> None:
        self._document = document
        self._known = _Said(first.wanted, answers).known()
        self.numbers = tuple(numbers)
        self.wanted = Wanted()
        for number in numbers:
            for text in _pieces(document.sentences[number]):
                self.wanted.alongside(text, number, document.owners[number], counts=True)

    def outputs(self, answers: Sequence[str]) -> dict[int, Written | None]:
        """What the sentences became; None for one that stays as it was."""
        said = _Said(self.wanted, answers)
        made: dict[int, Written | None] = {}
        for number in self.numbers:
            stretch = self._document.sentences[number]
            exact = recovered(stretch, _joined(_cut(stretch), said))
            made[number] = None if exact is None else place(stretch, exact, self._known)
        return made


class _Said:
    """Answers by what was asked."""

    def __init__(self, wanted: Wanted, answers: Sequence[str]) -> None:
        self._wanted = wanted
        self._answers = answers
        self._known: dict[str, str] | None = None

    def __call__(self, text: str) -> str:
        index = self._wanted.index_of(text)
        return text if index is None else _line(self._answers[index])

    def known(self) -> dict[str, str]:
        """Every text that was asked for besides whole sentences, and what it became."""
        if self._known is None:
            self._known = {text: _line(self._answers[index]) for text, index in self._wanted.asked()}
        return self._known


def _line(text: str) -> str:
    """A translation as one line: a line break could begin a paragraph."""
    return _LINE_ENDS.sub(" ", text.strip())


def _queries(stretch: Stretch) -> list[str]:
    found: list[str] = []
    for element in stretch.elements:
        text = stretch.text[element.start : element.end].strip()
        if len(text) <= _LONGEST_QUERY and has_words(text) and len(text) < len(stretch.text) and text not in found:
            found.append(text)
    return found[:_MOST_QUERIES]


def _cut(stretch: Stretch) -> list[str]:
    """The text of a sentence cut at its stand-ins, these included."""
    if not stretch.masks:
        return [stretch.text]
    names = "|".join(re.escape(stand_in) for stand_in, _ in stretch.masks)
    return [part for part in re.split(rf"({names})(?![0-9])", stretch.text) if part]


def _pieces(stretch: Stretch) -> list[str]:
    parts = [part for part in stretch.parts if isinstance(part, str)] if stretch.parts else _cut(stretch)
    return [part.strip() for part in parts if has_words(part) and not STAND_IN.fullmatch(part)]


def _translated(part: str, said: _Said) -> str:
    """A piece with the blanks it had."""
    body = part.strip()
    if not has_words(body):
        return part
    at = part.index(body)
    return part[:at] + said(body) + part[at + len(body) :]


def _joined(parts: Sequence[str], said: _Said) -> str:
    """The translated pieces around the stand-ins, none of them touching a letter that it did not touch."""
    text = ""
    for part in parts:
        more = part if STAND_IN.fullmatch(part) else _translated(part, said)
        touching = text[-1:].isalnum() and more[:1].isalnum() and (text[-1:].isascii() or more[:1].isascii())
        text += f" {more}" if touching else more
    return text


def _in_pieces(stretch: Stretch, said: _Said) -> Written | None:
    parts: tuple[str | Atom, ...] = tuple(
        _translated(part, said) if isinstance(part, str) else part for part in stretch.parts
    )
    return None if parts == stretch.parts and not stretch.rewrites else Written(parts)
