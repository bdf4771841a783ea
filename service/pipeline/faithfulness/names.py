"""Names in an output that its source does not have.

Names are found by structure: capitalised words that begin no sentence, runs of them, acronyms. In scripts without
capitals only places and languages that CLDR lists, and words in foreign letters, are found. Each is looked up
inflected, abbreviated, in other scripts and in other languages; where that could fail for a true name, nothing is said.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from service.pipeline.faithfulness.items import Unsupported
from service.pipeline.faithfulness.known import known
from service.pipeline.faithfulness.sounds import near, skeletons
from service.pipeline.faithfulness.spotting import CASED, Word, is_given, script, spot, words_of

# Names looked up in one output; a longer one is a list of names and no summary.
MOST_NAMES = 400
# What may stand between two words of one name.
_GAP = re.compile(r"[\s\-‐‑'’]*(?:[^\W\d_]{1,3}[\s\-‐‑'’]+)?")
# Words of a source that are compared with one name by sound.
_MOST_COMPARED = 4000
_BUCKET = 3
_LEAST_COMPOUND = 4
# Languages in which an apostrophe follows a name before its ending.
_MARKING = frozenset({"en", "tr", "az", "crh"})
# Scripts without blanks, in which names of places are written in too many ways.
_UNTOLD = frozenset({"Thai", "Laoo", "Khmr", "Mymr", ""})
_NOUN_CAPITALS = frozenset({"de", "lb"})
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
        self._text = text
        self._language = language

    def unsupported(self, output: str, language: str) -> tuple[Unsupported, ...]:
        """The names of an output that the source does not have, in order; nothing where it cannot be told."""
        words = words_of(output)
        same = _base(language) == _base(self._language)
        doubted: set[Word] = set()
        for run in spot(output, words, language)[:MOST_NAMES]:
            doubted.update(self._doubted(run, language) if same else self._doubted_across(run, language))
        doubted.update(self._places(output, words, language, same=same))
        ordered = sorted(doubted, key=lambda word: word.start)
        return tuple(_item(output, joined) for joined in _joined(output, ordered))

    def comparable(self, output: str, language: str) -> bool:
        """Whether names of an output in this language can be found and looked up, not only places."""
        same = _base(language) == _base(self._language)
        return script(output) in CASED and (same or self._comparable)

    def any(self, output: str, language: str) -> bool:
        """Whether an output has a word that was looked up as a name."""
        words = words_of(output)
        return any(word.named for run in spot(output, words, language) for word in run)

    # ---- the same language ---------------------------------------------------------------------------------------

    def _doubted(self, run: tuple[Word, ...], language: str) -> list[Word]:
        missing = [word.named and not self._has(word) for word in run]
        if not any(missing) or self._abbreviated(run):
            return []
        nouns = _base(language) in _NOUN_CAPITALS
        names = known(language)
        kept = []
        for at, word in enumerate(run):
            if not missing[at] or names.codes(word.key) & self._evidence:
                continue
            followed = at + 1 < len(run) and missing[at + 1]
            led = at > 0 and run[at - 1].named
            marked = word.marked and _base(language) in _MARKING
            sure = word.shouted or followed or marked or is_given(word.text) or (led and (at > 1 or missing[at - 1]))
            if nouns and not word.shouted and not (followed and not word.opens) and word.key.endswith(_NOUN_ENDS):
                sure = False
            elif not sure:
                sure = not word.opens and (not nouns or led or word.outlandish)
            if sure:
                kept.append(word)
        return kept

    def _has(self, word: Word) -> bool:
        """Whether a word is in the source in any form."""
        key = word.key
        if key in self._words:
            return True
        if any(inflected(key, other) for other in self._buckets.get(key[:_BUCKET], ())):
            return True
        if word.shouted and key in self._initials:
            return True
        if len(key) > _LEAST_COMPOUND and self._in_compound(key):
            return True
        return bool(self._foreign) and any(near(one, other) for one in skeletons(word.text) for other in self._foreign)

    def _in_compound(self, key: str) -> bool:
        """Whether a word is joined to another in the source, or the reverse."""
        return key in self._lowered or any(
            len(other) > _LEAST_COMPOUND and other in key for other in self._buckets.get(key[:_BUCKET], ())
        )

    def _abbreviated(self, run: tuple[Word, ...]) -> bool:
        """Whether the source has a run of words by its first letters."""
        named = [word for word in run if word.named]
        return len(named) > 1 and "".join(word.key[0] for word in named) in self._words

    # ---- another language ----------------------------------------------------------------------------------------

    def _doubted_across(self, run: tuple[Word, ...], language: str) -> list[Word]:
        """The words of a run that is a person's name or in foreign letters, if none of them is in the source."""
        named = [word for word in run if word.named]
        if not named or not self._comparable:
            return []
        if not all(word.foreign and word.capital and len(word.text) > _BUCKET for word in named):
            # A given name at the end is a saint's or a queen's, and those are translated.
            first = next((at for at, word in enumerate(named[:-1]) if is_given(word.text)), None)
            if first is None:
                return []
            named = named[first:]
        if any(self._has(word) or self._sounds(word) for word in named):
            return []
        codes = {code for word in named for code in known(language).codes(word.key)}
        return [] if codes & self._evidence else named

    def _sounds(self, word: Word) -> bool:
        return any(near(one, other) for one in skeletons(word.text) for other in self._skeletons)

    # ---- places ----------------------------------------------------------------------------------------------------

    def _places(self, output: str, words: tuple[Word, ...], language: str, *, same: bool) -> Iterator[Word]:
        """Places and languages that CLDR lists in the output's language and whose source has none of their names."""
        names = known(language)
        if not self._told:
            return
        cased = script(output) in CASED
        for word in words:
            if (cased and not word.capital) or (len(word.key) <= _BUCKET and cased and not word.shouted):
                continue
            if not names.country(word.key):
                continue
            codes = names.codes(word.key)
            if codes & self._evidence or known(self._language).inside(codes, self._lowered):
                continue
            if not self._has(word) and (same or not self._sounds(word)):
                yield replace(word, named=True)

    # ---- the source --------------------------------------------------------------------------------------------------

    @cached_property
    def _parsed(self) -> tuple[Word, ...]:
        return words_of(self._text)

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(word.key for word in self._parsed)

    @cached_property
    def _lowered(self) -> str:
        return " ".join(self._words)

    @cached_property
    def _buckets(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for key in self._words:
            found[key[:_BUCKET]].append(key)
        return found

    @cached_property
    def _initials(self) -> frozenset[str]:
        """First letters of every run of capitalised words, and of every part of one."""
        found = set()
        for run in spot(self._text, self._parsed, self._language):
            letters = "".join(word.key[0] for word in run if word.capital)
            for start in range(len(letters) - 1):
                for end in range(start + 2, min(len(letters), start + 7) + 1):
                    found.add(letters[start:end])
        return frozenset(found)

    @cached_property
    def _foreign(self) -> frozenset[str]:
        """Sounds of the words of the source that are in another script than most of it."""
        return frozenset(sound for word in self._parsed if word.foreign for sound in skeletons(word.text))

    @cached_property
    def _comparable(self) -> bool:
        return script(self._text) not in ("Hani", "Kana", "Thai", "Laoo", "Khmr", "Mymr", "")

    @cached_property
    def _skeletons(self) -> frozenset[str]:
        cased = script(self._text) in CASED
        texts = dict.fromkeys(word.text for word in self._parsed if not cased or word.capital)
        return frozenset(sound for text in list(texts)[:_MOST_COMPARED] for sound in skeletons(text))

    @cached_property
    def _told(self) -> bool:
        """Whether the names of places are known in the source's language."""
        names = known(self._language)
        return bool(names.words or names.whole) and script(self._text) not in _UNTOLD

    @cached_property
    def _evidence(self) -> set[str]:
        return known(self._language).evidence(self._words, self._text)


def inflected(key: str, other: str) -> bool:
    """Whether two words are forms of one: they begin alike, and what differs behind is short for their length."""
    shared = 0
    for one, two in zip(key, other, strict=False):
        if one != two:
            break
        shared += 1
    rest = max(len(key), len(other)) - shared
    return shared >= _BUCKET and rest <= max(1, min(5, shared - 2))


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
