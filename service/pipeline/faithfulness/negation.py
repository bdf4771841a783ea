"""Statements of a summary that its source turns round: the same words, but a negation more or less."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from service.pipeline.faithfulness.items import Unsupported
from service.pipeline.faithfulness.wordforms import WORD, plain

_TABLE = Path(__file__).resolve().parents[2] / "data" / "negation.toml"
# A sentence of the source says the same when it has this share of the other's longer words …
_SHARE = 0.8
# … and the other of its own: a clause that is denied may stand beside others that are not.
_BACK_SHARE = 0.55
_LEAST_WORDS = 4
_STEM = 5
_LONGER = 4
MOST_SENTENCES = 60
_MOST_SOURCES = 20_000
_MOST_PLACES = 500
# Where a sentence is cut in two by an abbreviation nothing is lost but a comparison.
_SENTENCE = re.compile(r"[^\s.!?…\"”’»)](?:[^.!?…։۔।。\n]|[.!?…](?![\"”’»)]*\s))*[.!?…։۔।。]*")


@dataclass(frozen=True, slots=True)
class _Statement:
    """A sentence: stems of its longer words, and its negators with their places."""

    start: int
    end: int
    stems: frozenset[str]
    negators: tuple[tuple[int, int], ...]


@cache
def _negators() -> dict[str, tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]]:
    with _TABLE.open("rb") as file:
        given = tomllib.load(file)
    return {
        tag: (
            frozenset(map(plain, words)),
            tuple(map(plain, given["beginnings"].get(tag, ()))),
            tuple(map(plain, given["parts"].get(tag, ()))),
        )
        for tag, words in given["words"].items()
    }


def known(language: str) -> bool:
    """Whether negations of a language can be told."""
    return language.partition("-")[0] in _negators()


class NegationIndex:
    """The sentences of a source, for looking up the statements of a summary in the same language.

    Args:
        text: the source.
        language: its tag.
    """

    def __init__(self, text: str, language: str) -> None:
        self._text = text
        self._language = language

    def unsupported(self, output: str) -> tuple[Unsupported, ...]:
        """The sentences of an output that say the reverse of the source; the negator where there is one more."""
        if not known(self._language):
            return ()
        found = []
        for one in _statements(output, self._language)[:MOST_SENTENCES]:
            flipped = self._flipped(one)
            if flipped:
                start, end = one.negators[0] if len(one.negators) == 1 else (one.start, one.end)
                found.append(Unsupported(start, end, "negation", output[start:end]))
        return tuple(found)

    def _flipped(self, one: _Statement) -> bool:
        if len(one.stems) < _LEAST_WORDS:
            return False
        hits: dict[int, int] = defaultdict(int)
        for stem in one.stems:
            for place in self._places.get(stem, ()):
                hits[place] += 1
        good = [
            self._statements[place]
            for place, count in hits.items()
            if count >= _SHARE * len(one.stems) and count >= _BACK_SHARE * len(self._statements[place].stems)
        ]
        # One sentence that agrees is enough; a double negation is not understood.
        return bool(good) and all(bool(other.negators) != bool(one.negators) for other in good)

    @cached_property
    def _statements(self) -> list[_Statement]:
        return _statements(self._text, self._language)[:_MOST_SOURCES]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = defaultdict(list)
        for place, statement in enumerate(self._statements):
            for stem in statement.stems:
                if len(places[stem]) < _MOST_PLACES:
                    places[stem].append(place)
        return places


def _statements(text: str, language: str) -> list[_Statement]:
    words, beginnings, parts = _negators()[language.partition("-")[0]]
    found = []
    for sentence in _SENTENCE.finditer(text):
        stems: set[str] = set()
        negators = []
        for match in WORD.finditer(text, sentence.start(), sentence.end()):
            key = plain(match.group())
            if key in words or (key.startswith(beginnings) if beginnings else False) or any(p in key for p in parts):
                negators.append(match.span())
            elif len(key) >= _LONGER:
                stems.add(key[:_STEM])
        found.append(_Statement(sentence.start(), sentence.end(), frozenset(stems), tuple(negators)))
    return found
