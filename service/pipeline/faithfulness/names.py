"""Names in an output that its source does not have.

Names are found by structure: capitalised words that begin no sentence, runs of them, acronyms. In scripts without
capitals only places that CLDR lists, and words in foreign letters, are found. Each is looked up inflected, abbreviated,
in other scripts and in other languages; where that could fail for a true name, nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from service.pipeline.faithfulness.items import Unsupported
from service.pipeline.faithfulness.known import known
from service.pipeline.faithfulness.lookup import Lookup
from service.pipeline.faithfulness.spotting import Word, is_common, is_given

# Words looked up in one output; a longer one is a list of names and no summary.
MOST_NAMES = 400
# A longer source is not gone through for what an output may have exchanged.
MOST_EXCHANGED = 20_000
# What may stand between two words of one name.
_GAP = re.compile(r"[\s\-‐‑'’]*(?:[^\W\d_]{1,3}[\s\-‐‑'’]+)?")
_SHORT = 3
# A run of more words than this is hardly a name that no language translates.
_MOST_EXCHANGED_WORDS = 2
# Languages in which an apostrophe follows a name before its ending.
_MARKING = frozenset({"en", "tr", "az", "crh"})
_NOUN_CAPITALS = frozenset({"de", "lb"})
# Languages whose capitals do not tell one name from the words of another: nouns have them, or single syllables.
_APART = frozenset({*_NOUN_CAPITALS, "vi"})
# German writes every noun with a capital: these endings are of nouns and not of names.
_NOUN_ENDS = (
    "ung", "ungen", "heit", "keit", "schaft", "ion", "ionen", "tat", "nis", "tum", "ment", "ismus", "chen", "lein",
)  # fmt: skip


class NameIndex:
    """The names and other words of a source, for looking up those of outputs.

    Args:
        text: the source.
        language: its tag, or `und`.
    """

    def __init__(self, text: str, language: str) -> None:
        self._language = language
        self._size = len(text)
        self._source = Lookup(text, language)

    def unsupported(self, output: str, language: str) -> tuple[Unsupported, ...]:
        """The names of an output that the source does not have, in order; nothing where it cannot be told."""
        found = Lookup(output, language)
        same = self._same(language)
        doubted: dict[int, Word] = {}
        for run in _at_most(found.runs):
            for word in self._within(run, language) if same else self._person(run, language):
                doubted[word.start] = word
        if not same:
            doubted.update((word.start, word) for word in self._exchanged(found, language))
        for word in self._places(found, language, same=same):
            doubted.setdefault(word.start, word)
        return tuple(_item(output, joined) for joined in _joined(output, [doubted[at] for at in sorted(doubted)]))

    def comparable(self, output: str, language: str) -> bool:
        """Whether names of an output in this language can be found and looked up, not only places."""
        return Lookup(output, language).cased and (self._same(language) or self._source.speaks)

    def any(self, output: str, language: str) -> bool:
        """Whether an output has a word that is looked up as a name."""
        return any(word.named for run in Lookup(output, language).runs for word in run)

    def _same(self, language: str) -> bool:
        return _base(language) == _base(self._language)

    # ---- the same language ---------------------------------------------------------------------------------------

    def _within(self, run: tuple[Word, ...], language: str) -> Iterator[Word]:
        """The words of a run that the source, in the same language, does not have."""
        missing = [word.named and not self._source.has(word) for word in run]
        if not any(missing) or self._source.abbreviates(run):
            return
        nouns = _base(language) in _NOUN_CAPITALS
        for at, word in enumerate(run):
            if not missing[at] or self._source.same_place(word):
                continue
            followed = at + 1 < len(run) and missing[at + 1]
            led = at > 0 and run[at - 1].named
            sure = (
                word.shouted
                or (word.marked and _base(language) in _MARKING)
                or is_given(word.text)
                or (not word.opens and (followed or (led and (at > 1 or missing[at - 1]))))
            )
            if nouns and not word.shouted and not (followed and not word.opens) and word.key.endswith(_NOUN_ENDS):
                continue
            if sure or (not word.opens and (not nouns or led or word.outlandish)):
                yield word

    # ---- another language ----------------------------------------------------------------------------------------

    def _person(self, run: tuple[Word, ...], language: str) -> list[Word]:
        """The words of a run that is a person's name or in foreign letters, if none of them is in the source."""
        named = [word for word in run if word.named]
        if not named or not self._source.speaks:
            return []
        if not all(word.foreign and word.capital and len(word.text) > _SHORT for word in named):
            # A given name at the end is a saint's or a queen's, and those are translated.
            first = next((at for at, word in enumerate(named[:-1]) if is_given(word.text)), None)
            if first is None:
                return []
            named = named[first:]
        return named if all(self._lacks(self._source, word, language) for word in named) else []

    def _exchanged(self, found: Lookup, language: str) -> list[Word]:
        """Names that the source does not have, where it has others that the output does not have.

        Only of both together something follows: what one of them lacks alone may be translated or left out.
        """
        if not _APART.isdisjoint((_base(language), _base(self._language))):
            return []
        if not (self._source.speaks and self._source.cased and found.cased) or self._size > MOST_EXCHANGED:
            return []
        new = self._left(found.runs, self._source, language)
        return new if new and self._left(self._source.runs, found, self._language) else []

    def _left(self, runs: list[tuple[Word, ...]], other: Lookup, language: str) -> list[Word]:
        """The words of short runs that look like names of their own and that another text lacks."""
        left = []
        for run in _at_most(runs):
            named = [word for word in run if word.named]
            if not 0 < len(named) <= _MOST_EXCHANGED_WORDS or any(is_common(word.key) for word in named):
                continue
            if all(self._lacks(other, word, language) for word in named):
                left += [w for w in named if not (w.opens or w.shouted or w.foreign) and len(w.key) > _SHORT]
        return left

    @staticmethod
    def _lacks(other: Lookup, word: Word, language: str) -> bool:
        return not (other.has(word) or other.sounds(word) or other.tells(known(language).codes(word.key)))

    # ---- places ----------------------------------------------------------------------------------------------------

    def _places(self, found: Lookup, language: str, *, same: bool) -> Iterator[Word]:
        """Countries that CLDR lists in the output's language and whose source has none of their names."""
        names = known(language)
        if not self._source.knows_places:
            return
        looked = 0
        for word in found.words:
            if found.cased and not (word.shouted or (word.capital and len(word.key) > _SHORT)):
                continue
            if not names.country(word.key):
                continue
            looked += 1
            if looked > MOST_NAMES:
                return
            if self._source.has(word) or (not same and self._source.sounds(word)):
                continue
            if not self._source.tells(names.codes(word.key)):
                yield replace(word, named=True)


def _at_most(runs: list[tuple[Word, ...]]) -> Iterator[tuple[Word, ...]]:
    """Runs, until there were as many words as are looked up; a very long one is a list and not a name."""
    count = 0
    for run in runs:
        count += len(run)
        if count > MOST_NAMES:
            return
        yield run


def _base(tag: str) -> str:
    return tag.partition("-")[0]


def _joined(output: str, words: list[Word]) -> Iterator[list[Word]]:
    """Doubted words that stand side by side, as one."""
    run: list[Word] = []
    for word in words:
        if run and _GAP.fullmatch(output, run[-1].end, word.start):
            run.append(word)
            continue
        if run:
            yield run
        run = [word]
    if run:
        yield run


def _item(output: str, words: list[Word]) -> Unsupported:
    start, end = words[0].start, words[-1].end
    return Unsupported(start, end, "name", output[start:end])
