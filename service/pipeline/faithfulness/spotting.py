"""Where names may be in a text: runs of capitalised words, and words in foreign letters."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

from service.pipeline.faithfulness.known import known
from service.pipeline.faithfulness.romanization import romanize
from service.pipeline.faithfulness.wordforms import WORD, plain
from service.pipeline.joints import ABBREVIATED
from service.pipeline.script import script_of

CASED = frozenset({"Latn", "Cyrl", "Grek", "Armn"})
_NAMES = Path(__file__).resolve().parents[2] / "data" / "names.toml"
_SAMPLE = 400
_STEP = 5
_OPENS = re.compile(r"(?:^|[.!?…:;•·|\n\"“”„«»‹›—–]|[-*]\s|['‘’])[ \u00a0]*\Z")
# A word in capitals longer than this at the beginning of a line is a heading.
_HEADING = 5
_LOOK_BACK = 12
_BETWEEN = frozenset({" ", "-", "\u00a0", "\u202f", "’", "'", "\u2011", "‐"})
_ENDING = re.compile(r"['’](?:s\b|[^\W\d_]{1,6}\b)")
_BEFORE = re.compile(r"([a-zäöüß]+)[\s(]+\Z")
# Spellings that German nouns hardly have: c alone, y, q alone, sh, oo, ow, th at the end, a last a, i, o or u.
_OUTLANDISH = re.compile(
    r"(?i)c(?![hk])|y|q(?!u)|sh|oo|aw|ow|ew|gh|wh|x|th\b|[^\W\d_]{3}(?:(?<!e)i|[aou])\b|[^a-zäöüß]"
)
_SHORT = 3
_ROMAN = re.compile(r"[IVXLCDM]+\Z")
# A line without a full stop, most of whose longer words are capitalised, is a headline: there capitals tell nothing.
_STOPS = (".", ";", "։", '!"', '."', ".”", ".»")
_HEADLINE_SHARE = 0.6
_HEADLINE_LEAST = 4
_HEADLINE_MOST = 300
_LONGER = 4


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text.

    Attributes:
        start, end: its place; slicing gives `text`.
        key: for looking it up.
        capital: it begins with a capital letter.
        opens: it begins a sentence or a quotation, so that its capital tells nothing.
        marked: an apostrophe and an ending follow it, which only names have.
        shouted: it has several capitals: an acronym, or a name such as AstraZeneca.
        foreign: it is in Latin letters in a text of another script, or the reverse.
        outlandish: where all nouns have capitals: it looks like none of them, and no article stands before it.
        named: it may be a name, or a part of one.
    """

    start: int
    end: int
    text: str
    key: str
    capital: bool = False
    opens: bool = False
    shouted: bool = False
    marked: bool = False
    foreign: bool = False
    outlandish: bool = False
    named: bool = False


@cache
def _words() -> dict[str, frozenset[str]]:
    with _NAMES.open("rb") as file:
        return {kind: frozenset(words) for kind, words in tomllib.load(file)["words"].items()}


def is_given(word: str) -> bool:
    """Whether a word is a common given name, in any script."""
    return romanize(word) in _words()["given"]


@cache
def _common() -> tuple[frozenset[str], tuple[str, ...]]:
    stems = [plain(stem) for stem in _words()["common"]]
    return frozenset(stems), tuple(stem for stem in stems if len(stem) > _SHORT)


def is_common(key: str) -> bool:
    """Whether a capitalised word is likely one of the words of a language and no name of its own."""
    whole, beginnings = _common()
    return key in whole or key.startswith(beginnings)


def script(text: str) -> str:
    """The script of most letters of the beginning of a text; "" without letters."""
    sample = text[: _SAMPLE * _STEP : _STEP] if len(text) > _SAMPLE * _STEP else text[: _SAMPLE * _STEP]
    if sample.isascii():
        return "Latn" if any(map(str.isalpha, sample)) else ""
    found = Counter(map(script_of, sample))
    del found[""]
    return found.most_common(1)[0][0] if found else ""


def words_of(text: str, *, names_only: bool = False) -> tuple[Word, ...]:
    """Words of a text, with what their letters tell; whether one may be a name is not told here.

    Args:
        text: any.
        names_only: leave out those that no name has in it.
    """
    main = script(text)
    particles = _words()["particles"] if names_only else frozenset()
    found = []
    for match in WORD.finditer(text):
        word = match.group()
        capital = word[0].isupper()
        foreign = False
        if main != "Latn" or not word[0].isascii():
            own = script_of(word[0])
            foreign = own != main and "Latn" in (main, own)
        if names_only and not (capital or foreign) and word not in particles:
            continue
        shouted = capital and not word[1:].islower() and sum(map(str.isupper, word)) > 1
        found.append(Word(match.start(), match.end(), word, plain(word), capital, shouted=shouted, foreign=foreign))
    return tuple(found)


def spot(text: str, words: tuple[Word, ...], language: str) -> list[tuple[Word, ...]]:
    """Runs of words that may be names, in order; words of a run are side by side, or with particles between.

    Args:
        text: any.
        words: of the text.
        language: its tag.
    """
    runs: list[list[Word]] = []
    last: Word | None = None
    calendar = known(language).calendar
    cased = script(text) in CASED
    nouns = language.partition("-")[0] in ("de", "lb")
    shut = _headlines(text) if cased and not nouns else []
    for word in words:
        beside = last is not None and text[last.end : word.start] in _BETWEEN
        if beside and not nouns and word.text in _words()["particles"]:
            last = word
            continue
        if not word.capital or not (cased or word.foreign):
            last = None
            continue
        if nouns and word.text.lower() in _words()["articles"]:
            last = None
            continue
        named = len(word.key) > 1 and not _dated(word.key, calendar) and not _ROMAN.match(word.text)
        if any(start <= word.start < end for start, end in shut):
            named = False
        if not cased and (word.shouted or len(word.text) <= _SHORT):
            named = False  # what is written so in other letters may stand for words of the language
        opens = cased and _opens(text, word.start)
        if opens and word.shouted and len(word.text) >= _HEADING and word.text.isupper():
            named = False
        marked = named and cased and _ENDING.match(text, word.end) is not None
        odd = named and nouns and _outlandish(text, word)
        spotted = replace(word, opens=opens, named=named, marked=marked, outlandish=odd)
        if beside:
            runs[-1].append(spotted)
        else:
            runs.append([spotted])
        last = word
    return [tuple(run) for run in runs]


def _dated(key: str, calendar: frozenset[str]) -> bool:
    """Whether a word is a month or a weekday, as a table has it or with a short ending."""
    if key in calendar:
        return True
    declined = _declined(calendar)
    return any(key[:end] in declined for end in range(max(_LONGER + 1, len(key) - 3), len(key)))


@lru_cache(maxsize=64)
def _declined(calendar: frozenset[str]) -> frozenset[str]:
    return frozenset(name[:-1] for name in calendar if len(name) > _LONGER + 1)


def _outlandish(text: str, word: Word) -> bool:
    """Whether a German noun is spelled as none of the language is, and no article or adjective leads it."""
    if word.key in _words()["loans"]:
        return False
    before = _BEFORE.search(text, max(0, word.start - 2 * _LOOK_BACK), word.start)
    led = before is None or before[1] in _words()["articles"] or before[1].endswith(("en", "em", "es", "er"))
    return not led and _OUTLANDISH.search(word.text) is not None


def _opens(text: str, place: int) -> bool:
    start = max(0, place - _LOOK_BACK)
    if _OPENS.search(text, max(0, place - 4), place) is None:
        return False
    return ABBREVIATED.search(text[start:place].rstrip()) is None


def _headlines(text: str) -> list[tuple[int, int]]:
    """The lines in which most longer words are capitalised."""
    found = []
    start = 0
    for line in text.splitlines(keepends=True):
        if len(line) <= _HEADLINE_MOST and not line.rstrip().endswith(_STOPS):
            longer = [word for word in WORD.findall(line) if len(word) >= _LONGER]
            capitals = sum(word[0].isupper() for word in longer)
            if len(longer) >= _HEADLINE_LEAST and capitals > _HEADLINE_SHARE * len(longer):
                found.append((start, start + len(line)))
        start += len(line)
    return found
