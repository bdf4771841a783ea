"""Full stops that end no sentence: abbreviations, initials, ordinals, scripts that do not use them."""

from __future__ import annotations

import re

# A full stop after these is more often an abbreviation or an ordinal than the end of a sentence.
ABBREVIATED = re.compile(r"(?:^|[\s(\"“„«])[^\W\d_]{1,3}\.\s*$")
_NUMBERED = re.compile(r"(?:^|[\s(\"“„«])[0-9]{1,2}\.\s*$")
_ORDINAL_STOP = frozenset(
    (
        "bs",
        "cs",
        "da",
        "de",
        "et",
        "eu",
        "fi",
        "fo",
        "hr",
        "hu",
        "is",
        "lb",
        "lv",
        "nb",
        "nn",
        "pl",
        "sk",
        "sl",
        "sr",
        "tr",
    )
)
_KOREAN_QUOTATIVE = ("라고", "고 ", "이라", "며", "라는")
_JAPANESE_QUOTATIVE = ("と", "って", "など", "という")

# Thai, Lao, Burmese and Khmer write a full stop only in abbreviations.
_UNSTOPPED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff][.]\\s*$")
# The last word before a boundary, without the full stop, and the word before it.
_LAST_WORDS = re.compile(r"(?:^|(?P<before>\S+)\s+|\s)[(\[\"“„«']?(?P<last>[^\s.]+(?:\.-?[^\s.]+)*)\.\s*$")
_WINDOW = 48
# Short forms of the languages where they are common in news and that stand before what they belong to.
_BEFORE_NAMES: dict[str, frozenset[str]] = {
    "fr": frozenset(["m", "mm", "mme", "mlle", "me", "mgr", "dr", "pr", "st", "ste"]),
    "vi": frozenset(["tp", "q", "p", "ts", "ths", "gs", "pgs", "bs", "ks", "tt", "tx"]),
    "ru": frozenset(["г", "ул", "им", "пос", "обл", "стр", "рис", "см", "тыс", "млн", "млрд", "руб"]),
    "uk": frozenset(["м", "вул", "ім", "обл", "тис", "млн", "млрд", "грн", "див"]),
    "be": frozenset(["г", "вул", "імя", "тыс", "млн", "млрд", "руб"]),
    "bg": frozenset(["г", "гр", "ул", "им", "хил", "млн", "млрд", "лв"]),
    "pt": frozenset(["sr", "sra", "srs", "dr", "dra", "prof", "av"]),
    "it": frozenset(["sig", "sigg", "dott", "prof", "ing", "avv", "on"]),
    "id": frozenset(["dr", "prof", "jl", "kh", "hj"]),
    "ms": frozenset(["dr", "prof", "jl", "hj"]),
    "tr": frozenset(["dr", "prof", "doç", "av", "sn"]),
    "pl": frozenset(["dr", "prof", "ul", "al", "ks", "im", "św", "godz"]),
}


def continues(text: str, start: int, end: int, after: str, language: str) -> bool:
    """Whether what follows a boundary belongs to the sentence before it.

    Args:
        text: a block.
        start, end: the piece before the boundary, `end` being the boundary.
        after: what follows, without outer blanks.
        language: base language, without script.
    """
    before = max(0, end - 8)
    if _NUMBERED.search(text, before, end) and (language in _ORDINAL_STOP or after[:1].islower()):
        return True
    if language == "ja":
        return text[end - 1] in "」』" and after.startswith(_JAPANESE_QUOTATIVE)
    if language == "ko":
        return text[end - 1] in '"”' and after.startswith(_KOREAN_QUOTATIVE)
    if after[:1].islower() and ABBREVIATED.search(text, before, end) is not None:
        return True
    if _UNSTOPPED.search(text, before, end):
        return True
    return _is_short_form(text, start, end, after, language)


def _is_short_form(text: str, start: int, end: int, after: str, language: str) -> bool:
    """Whether the full stop belongs to an initial, a title, a unit or a month."""
    match = _LAST_WORDS.search(text[max(start, end - _WINDOW) : end])
    if match is None or not after:
        return False
    last, previous = match["last"], match["before"]
    folded = last.casefold()
    counted = previous is not None and previous[-1:].isdigit()
    if folded in _BEFORE_NAMES.get(language, ()) and not (counted and after[0].isupper()):
        return True  # after a number it is a unit, which may well end the sentence
    if len(last) <= 4 and last.isalpha() and after[0].isdigit() and counted:
        return True  # a month between day and year
    touching = not text[end - 1].isspace()
    if touching and len(last) <= 3 and last.isupper() and after[0].isalpha():
        return True  # the halves of a short form that is written without a blank
    # Letters of a name: at the start, after another initial or after a capitalized word.
    if len(last) != 1 or not last.isupper() or not after[0].isupper():
        return False
    return previous is None or previous.endswith(".") or (previous[:1].isupper() and len(previous) > 1)
