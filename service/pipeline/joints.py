"""Where sentences join: full stops that end none, and ends that a rule for all languages passes over."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).parents[1] / "data" / "abbreviations.toml"

# A full stop after these is more often an abbreviation or an ordinal than the end of a sentence.
ABBREVIATED = re.compile(r"(?:^|[\s(\"“„«.\-])[^\W\d_]{1,3}\.\s*$")
_NUMBERED = re.compile(r"(?:^|(?P<before>\S)\s+|[(\"“„«])[0-9]{1,2}\.\s*$")
_ORDINAL_STOP = frozenset([
    "az", "bs", "cs", "da", "de", "et", "eu", "fi", "fo", "hr", "hu", "is",
    "lb", "lv", "mk", "nb", "nn", "pl", "sk", "sl", "sr", "tr",
])  # fmt: skip
# Here a capital after an ordinal says nothing: nouns are written with one, or names of wars and kings follow.
_CAPITAL_AFTER_ORDINAL = frozenset({"az", "da", "de", "lb", "tr"})

_KOREAN_QUOTATIVE = ("라고", "고 ", "이라", "며", "라는")
_JAPANESE_QUOTATIVE = ("と", "って", "など", "という")
_CHINESE_REPORT = re.compile(r"[^，。！？“「\s]{0,8}[说說问問道答喊叫]道?[，。：]")
_BENGALI_REPORT = re.compile(r"(?:এই )?বল(?:েন|ে|লেন|ল|লো|েছেন|েছিলেন)(?=[\s।,]|$)")

# Thai, Lao, Burmese and Khmer write a full stop only in abbreviations.
_UNSTOPPED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff][.]\\s*$")
# The last word before a boundary, without the full stop, and the word before it.
_LAST_WORDS = re.compile(r"(?:^|(?P<before>\S+)\s+|\s)[(\[\"“„«'’]?(?P<last>[^\s.]+(?:\.-?[^\s.]+)*)\.\s*$")
_WINDOW = 48
_FIRST_WORD = re.compile(r"\W")
_ROMAN = re.compile(r"[IVX]{2,5}|[LCIVX]{3,7}")
# Nothing that starts like this starts a sentence: a mark that goes with what is before it, or a reporting clause.
_FOLLOWS = re.compile(r"[,;:)\]}]|[»”]\s?[,;:.]|[—–-]\s*(?P<lower>[^\W\d_])")
_CLOSED = re.compile(r"[.!?…][\"'”’»“]\s*$")


class _ShortForms:
    """The rows of `abbreviations.toml` for one language."""

    def __init__(self, rows: Mapping[str, Any], language: str) -> None:
        own, common = rows.get(language, {}), rows["any"]
        self.before = frozenset(f"{common['before']} {own.get('before', '')}".split())
        self.numbered = frozenset(own.get("numbered", "").split())
        self.units = frozenset(own.get("units", "").split())
        self.starters = frozenset(own.get("starters", "").split())
        # A unit after a number that a capital follows, and a number: both are ends where such words have no capital.
        units = "|".join(sorted(map(re.escape, self.units), key=len, reverse=True))
        stops = [rf"(?<=\d)\s(?:{units})\.(?:\s(?:{units})\.)?(?=\s+[^\W\d_])"] if units else []
        if language in _ORDINAL_STOP:
            stops.append(r"(?<=[^\W\d_]\s)[0-9]{1,4}\.(?=\s+[^\W\d_])")
        # What stands in brackets as a whole sentence.
        stops.append(r"(?<=\w\w[.!?…])\)(?=\s+[^\W\d_])")
        self.stops = re.compile("|".join(stops))


@cache
def _short_forms(language: str) -> _ShortForms:
    return _ShortForms(_rows(), language if language in _rows() else "")


@cache
def _rows() -> Mapping[str, Any]:
    with _TABLE.open("rb") as file:
        return tomllib.load(file)


def more_ends(text: str, language: str) -> list[int]:
    """Ends of sentences that a capital makes likely: after a unit, a number, a sentence in brackets.

    Args:
        text: a stretch of a block.
        language: base language, without script.
    """
    known = _short_forms(language)
    ends = []
    for match in known.stops.finditer(text):
        end = match.end()
        following = text[end : end + 40].lstrip()
        if not following[:1].isupper() or following[1:2] == ".":
            continue
        if match[0] == ")" and not _whole_in_brackets(text, match.start()):
            continue
        ends.append(end)
    return ends


def _whole_in_brackets(text: str, closing: int) -> bool:
    """Whether the bracket that ends here opened a sentence and holds more than one word."""
    opening = text.rfind("(", max(0, closing - 400), closing)
    if opening < 0 or not text[opening + 1 : opening + 2].isupper() or " " not in text[opening:closing]:
        return False
    before = text[max(0, opening - 3) : opening].rstrip()
    return not before or before[-1] in '.!?…"”'


def continues(text: str, start: int, end: int, after: str, language: str) -> bool:
    """Whether what follows a boundary belongs to the sentence before it.

    Args:
        text: a block.
        start, end: the piece before the boundary, `end` being the boundary.
        after: what follows, without outer blanks.
        language: base language, without script.
    """
    if not after:
        return False
    before = max(0, end - 8)
    follows = _FOLLOWS.match(after)
    if follows and (follows["lower"] is None or follows["lower"].islower()):
        return True
    touching = not text[end - 1].isspace()
    if touching and (after[0] == "-" or (after[0].isdigit() and text[max(0, end - 2) : end - 1].isdigit())):
        return True  # J.-C., and decimals in any digits
    if _reported(text, end, after, language):
        return True
    if _is_ordinal(text, before, end, after, language):
        return True
    if after[0].islower() and ABBREVIATED.search(text, before, end) is not None:
        return True
    if _UNSTOPPED.search(text, before, end):
        return True
    return _is_short_form(text, start, end, after, language)


def _reported(text: str, end: int, after: str, language: str) -> bool:
    """Whether a quotation ended here and who said it follows."""
    if language == "ja":
        return text[end - 1] in "」』" and after.startswith(_JAPANESE_QUOTATIVE)
    if language == "ko":
        return text[end - 1] in '"”' and after.startswith(_KOREAN_QUOTATIVE)
    if language == "zh":
        return text[end - 1] in "」』”" and text[end - 2] in "？！?!，" and _CHINESE_REPORT.match(after) is not None
    if _CLOSED.search(text, max(0, end - 4), end) is None:
        return False
    return after[0].islower() or (language == "bn" and _BENGALI_REPORT.match(after) is not None)


def _is_ordinal(text: str, before: int, end: int, after: str, language: str) -> bool:
    """Whether the full stop makes an ordinal of a number."""
    match = _NUMBERED.search(text, before, end)
    if match is None:
        return False
    if after[0].islower() or match["before"] is None:
        return after[0].islower() or language in _ORDINAL_STOP
    if language not in _ORDINAL_STOP:
        return False
    if language in _CAPITAL_AFTER_ORDINAL:
        return _FIRST_WORD.split(after, 1)[0].casefold() not in _short_forms(language).starters
    return not after[0].isupper()


def _is_short_form(text: str, start: int, end: int, after: str, language: str) -> bool:
    """Whether the full stop belongs to an initial, a title, a unit or a month."""
    match = _LAST_WORDS.search(text[max(start, end - _WINDOW) : end])
    if match is None:
        return False
    last, previous = match["last"], match["before"]
    folded = last.casefold()
    known = _short_forms(language)
    counted = previous is not None and (previous[-1].isdigit() or previous.rstrip(".") in known.units)
    if counted and folded in known.units:
        return not after[0].isupper()  # a unit may well end the sentence
    if folded in known.before and not (counted and after[0].isupper()):
        return True
    if after[0].isdigit() and (folded in known.numbered or (len(last) <= 4 and last.isalpha() and counted)):
        return True  # No. 5, and a month between day and year
    touching = not text[end - 1].isspace()
    if touching and len(last) <= 3 and last.isupper() and after[0].isalpha():
        return True  # the halves of a short form that is written without a blank
    if previous is None and _ROMAN.fullmatch(last):
        return True  # the mark of a list, or the number of a king
    # Letters of a name: at the start, after another initial or after a capitalized word.
    if len(last) != 1 or not last.isupper() or not after[0].isupper():
        return False
    return previous is None or previous.endswith(".") or (previous[:1].isupper() and len(previous) > 1)
