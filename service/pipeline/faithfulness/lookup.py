"""The words of a source, for looking up a name in any form: inflected, joined, abbreviated, in other letters."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from service.pipeline.faithfulness.known import known
from service.pipeline.faithfulness.sounds import SoundIndex
from service.pipeline.faithfulness.spotting import CASED, Word, script, spot, words_of
from service.pipeline.faithfulness.wordforms import WORD, plain

# Words of a source that are compared with names by sound, and those that begin alike and are compared letter by letter.
_MOST_COMPARED = 4000
_MOST_ALIKE = 1000
_BUCKET = 3
_LEAST_COMPOUND = 4
_LONGEST_ACRONYM = 7
# Scripts whose letters do not tell the sound, or not in order.
_SILENT = frozenset({"Hani", "Kana", "Thai", "Laoo", "Khmr", "Mymr", ""})
# Scripts without blanks, in which names of places are written in too many ways.
_UNTOLD = frozenset({"Thai", "Laoo", "Khmr", "Mymr", ""})


class Lookup:
    """The words of a text; what is looked up is indexed when it is first needed.

    Args:
        text: any.
        language: its tag, or `und`.
    """

    def __init__(self, text: str, language: str) -> None:
        self._text = text
        self._language = language

    def has(self, word: Word) -> bool:
        """Whether a word is in the text in any form."""
        key = word.key
        if key in self._keys or any(inflected(key, other) for other in self._alike(key)):
            return True
        if word.shouted and key in self._initials:
            return True
        if len(key) > _LEAST_COMPOUND and self._in_compound(key):
            return True
        return self._foreign.has(word.text)

    def sounds(self, word: Word) -> bool:
        """Whether a word of the text, a capitalised one where there are capitals, sounds like this one."""
        return self._sounds.has(word.text)

    def abbreviates(self, run: tuple[Word, ...]) -> bool:
        """Whether the text has a run of words by its first letters."""
        named = [word for word in run if word.named]
        return len(named) > 1 and "".join(word.key[0] for word in named) in self._keys

    def same_place(self, word: Word) -> bool:
        """Whether the text, in the word's own language, has another name of what the word is the name of."""
        return not self._places.isdisjoint(known(self._language).codes(word.key, hints=False))

    def tells(self, codes: set[str]) -> bool:
        """Whether the text has a name of one of these places, or something that tells it."""
        if not codes or not self._hints.isdisjoint(codes):
            return bool(codes)
        return known(self._language).inside(codes, self._joined)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """All words, in order."""
        return words_of(self._text)

    @cached_property
    def _names(self) -> tuple[Word, ...]:
        return words_of(self._text, names_only=True)

    @cached_property
    def runs(self) -> list[tuple[Word, ...]]:
        """Where names may be."""
        return spot(self._text, self._names, self._language)

    @cached_property
    def cased(self) -> bool:
        """Whether the text is in a script with capitals."""
        return script(self._text) in CASED

    @cached_property
    def speaks(self) -> bool:
        """Whether the letters of the text tell how it sounds."""
        return script(self._text) not in _SILENT

    @cached_property
    def knows_places(self) -> bool:
        """Whether the names of places are known in the language of the text."""
        names = known(self._language)
        return bool(names.words or names.whole) and script(self._text) not in _UNTOLD

    def _alike(self, key: str) -> list[str]:
        return self._buckets.get(key[:_BUCKET], [])

    def _in_compound(self, key: str) -> bool:
        return key in self._joined or any(len(other) > _LEAST_COMPOUND and other in key for other in self._alike(key))

    @cached_property
    def _keys(self) -> dict[str, None]:
        return dict.fromkeys(map(plain, dict.fromkeys(WORD.findall(self._text))))

    @cached_property
    def _joined(self) -> str:
        return " ".join(self._keys)

    @cached_property
    def _buckets(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for key in self._keys:
            bucket = found[key[:_BUCKET]]
            if len(bucket) < _MOST_ALIKE:
                bucket.append(key)
        return found

    @cached_property
    def _initials(self) -> frozenset[str]:
        """First letters of every run of capitalised words, and of every part of one."""
        found = set()
        for run in self.runs:
            letters = "".join(word.key[:1] for word in run if word.capital)
            for start in range(len(letters) - 1):
                for end in range(start + 2, min(len(letters), start + _LONGEST_ACRONYM) + 1):
                    found.add(letters[start:end])
        return frozenset(found)

    @cached_property
    def _foreign(self) -> SoundIndex:
        """The words that are in another script than most of the text."""
        texts = dict.fromkeys(word.text for word in self._names if word.foreign)
        return SoundIndex(list(texts)[:_MOST_COMPARED])

    @cached_property
    def _sounds(self) -> SoundIndex:
        capitals = (word.text for word in self._names if word.capital)
        texts = dict.fromkeys(capitals if self.cased else WORD.findall(self._text))
        return SoundIndex(list(texts)[:_MOST_COMPARED])

    @cached_property
    def _places(self) -> set[str]:
        return known(self._language).evidence(self._keys, self._text, hints=False)

    @cached_property
    def _hints(self) -> set[str]:
        return known(self._language).evidence(self._keys, self._text)


def inflected(key: str, other: str) -> bool:
    """Whether two words are forms of one: they begin alike, and what differs behind is short for their length."""
    shared = 0
    for one, two in zip(key, other, strict=False):
        if one != two:
            break
        shared += 1
    rest = max(len(key), len(other)) - shared
    return shared >= _BUCKET and rest <= max(1, min(5, shared - 2))
