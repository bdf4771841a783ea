"""What the characters of a text tell: their script, how much each carries, where words end."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

# Scripts by the first word of a character's Unicode name, for the ISO 15924 codes of the table of languages.
_NAMES = {
    "Arab": ("ARABIC",),
    "Armn": ("ARMENIAN",),
    "Beng": ("BENGALI",),
    "Cyrl": ("CYRILLIC",),
    "Deva": ("DEVANAGARI",),
    "Ethi": ("ETHIOPIC",),
    "Geor": ("GEORGIAN",),
    "Grek": ("GREEK",),
    "Gujr": ("GUJARATI",),
    "Guru": ("GURMUKHI",),
    "Hans": ("CJK",),
    "Hant": ("CJK",),
    "Hebr": ("HEBREW",),
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA"),
    "Khmr": ("KHMER",),
    "Knda": ("KANNADA",),
    "Kore": ("HANGUL", "CJK"),
    "Laoo": ("LAO",),
    "Latn": ("LATIN",),
    "Mlym": ("MALAYALAM",),
    "Mymr": ("MYANMAR",),
    "Orya": ("ORIYA",),
    "Sinh": ("SINHALA",),
    "Taml": ("TAMIL",),
    "Telu": ("TELUGU",),
    "Thai": ("THAI",),
}

# How many Latin letters a character stands for: means over translations of the same news into many languages.
_WEIGHTS = {"CJK": 2.9, "HIRAGANA": 1.9, "KATAKANA": 1.5, "HANGUL": 2.1, "HEBREW": 1.25, "ARABIC": 1.1}

# Vowel signs and accents that are characters of their own belong to the word, which `\w` does not say. None of those
# in use lies outside this range.
_MARKS = "".join(chr(i) for i in range(0x300, 0xAC00) if unicodedata.category(chr(i)) in ("Mn", "Mc"))
_WORD = re.compile(rf"[\w{_MARKS}]+(?:['’‑-][\w{_MARKS}]+)*")
_RUN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]")


def words(text: str) -> list[str]:
    """The words of a text; a stretch of a script without blanks falls apart into its characters."""
    found: list[str] = []
    for word in _WORD.findall(text):
        found.extend(word if _RUN.search(word) else (word,))
    return found


def letters(text: str) -> Counter[str]:
    """How many letters of each script a text has, by the first word of the script's Unicode name."""
    counts: Counter[str] = Counter()
    for character, times in Counter(text).items():
        if character.isalpha():
            counts[_script(character)] += times
    return counts


def scripts_of(code: str) -> frozenset[str]:
    """The names that `letters` uses for an ISO 15924 script; empty when it is not known."""
    return frozenset(_NAMES.get(code, ()))


def weight(text: str) -> float:
    """The length of a text in Latin letters, blanks and vowel signs included."""
    return sum(times * _WEIGHTS.get(_script(character), 1.0) for character, times in Counter(text.strip()).items())


@lru_cache(maxsize=16_384)
def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]
