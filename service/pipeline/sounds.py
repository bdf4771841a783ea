"""Names across scripts, roughly: the consonants of a word as a handful of classes, from the names of its letters.

`Zelensky`, `Зеленский` and `ゼレンスキー` all come out as `slnsk`. Vowels, marks and breathings are left out because
scripts treat them too differently; consonants that are swapped when a name travels share a class. Ideographs have no
sound here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_CLASSES = {
    **dict.fromkeys("kgqcx", "k"),
    **dict.fromkeys("szj", "s"),
    **dict.fromkeys("td", "t"),
    **dict.fromkeys("pbfv", "p"),
    **dict.fromkeys("lr", "l"),
    "m": "m",
    "n": "n",
}
# Letters whose names do not begin with their sound, and sounds that are written with two letters.
_NAMED = {"ain": "", "ayin": "", "alef": "", "ef": "p", "el": "l", "em": "m", "en": "n", "er": "l", "es": "s"}
_NAMED |= {"xi": "ks", "psi": "ps", "chi": "k", "pho": "p", "phi": "p", "ngo": "n", "nga": "n", "ng": "n", "tse": "s"}
_NAMED |= {"che": "s", "tsu": "s", "chi ": "s", "tsadi": "s", "tcheh": "s", "cha": "s", "cho": "s", "theta": "t"}
_TWO = re.compile("sch|tch|tsch|ch|sh|ts|tz|ph|th|kh|gh|ck|sz|cz|qu|ng")
_TWO_SOUNDS = {"ph": "p", "th": "t", "kh": "k", "gh": "k", "ck": "k", "qu": "k", "ng": "n"}
_NAME = re.compile(r"(?:LETTER|CHARACTER)(?: FINAL| SHORT| YIDDISH)* (\w+)")
_ONSET = re.compile("[bcdfghjklmnpqrstvwxyz]+")
_VOWELS = re.compile("[aeiouwy]+")
_REPEAT = re.compile(r"(.)\1+")


def skeleton(word: str) -> str:
    """The classes of a word's consonants, in order, repeats once; empty of a word without any.

    Args:
        word: one word of any script, in any case.
    """
    spelled = "".join(map(_letter, unicodedata.normalize("NFKC", word.lower())))
    sounds = _TWO.sub(lambda found: _TWO_SOUNDS.get(found.group(), "s"), spelled)
    return _REPEAT.sub(r"\1", "".join(_CLASSES.get(char, "") for char in sounds))


@cache
def _letter(char: str) -> str:
    """What one letter stands for, in Latin letters; of others than Latin ones the consonants alone."""
    if char.isascii():
        return char if char.isalpha() else ""
    name = unicodedata.name(char, "")
    if unicodedata.category(char)[0] != "L" or "LETTER SMALL TU" in name:
        return ""
    if name.startswith("HANGUL SYLLABLE "):
        return _VOWELS.sub("", name[16:].lower())
    found = _NAME.search(name)
    if found is None:
        return ""
    spoken = found.group(1).lower()
    if spoken in _NAMED and not name.startswith("LATIN"):
        return _NAMED[spoken]
    onset = _ONSET.match(spoken)
    return onset.group() if onset else ""
