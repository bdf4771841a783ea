"""Words of a text as the checks see them: where they are, and in a form in which they can be looked up."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Signs that belong to the letter before them, in the scripts that have them.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f"
    "\u0951-\u0957\u0981-\u0983\u09bc-\u09d7\u0a01-\u0a03\u0a3c-\u0a51\u0a70-\u0a71\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03"
    "\u0b3c-\u0b57\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d57"
    "\u0d81-\u0d83\u0dca-\u0df3\u0e31\u0e34-\u0e4e\u0eb1\u0eb4-\u0ece\u102b-\u103e\u17b4-\u17d3\u200c\u200d"
)
_LATIN = "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_LATIN_WORD = rf"[{_LATIN}][{_LATIN}0-9\u0300-\u036f]*"
_OTHER_WORD = rf"[^\W\d_{_LATIN}](?:[^\W_{_LATIN}]|[{_MARKS}])*"
# A word: letters first, then letters, digits and signs, of Latin script or of others; or capitals with full stops
# between them. An apostrophe or a hyphen ends it, so that both sides are looked up on their own (Kiev's, l'Europe,
# Rhein-Main); Hebrew writes its acronyms with a sign that looks like a quotation mark.
_HEBREW_ACRONYM = '[\u05d0-\u05ea]+["“”״׳][\u05d0-\u05ea]+'
WORD = re.compile(rf"{_HEBREW_ACRONYM}|(?:[^\W\d_]\.){{2,}}|{_LATIN_WORD}|{_OTHER_WORD}(?:[״׳]{_OTHER_WORD})*")
# Accents, the vowel signs of Arabic and Hebrew, the dot of borrowed sounds in the scripts of India.
_SILENT = re.compile('[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u093c\u09bc\u0a3c\u200c\u200d׳״"“”.]+')
_LONGEST = 64
_NOT_LETTERS = re.compile(r"[^\w]+")
_DOTLESS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ё": "е", "ς": "σ", "ى": "ي", "ـ": None, "أ": "ا",
                          "إ": "ا", "آ": "ا", "ٱ": "ا", "ی": "ي", "ک": "ك"})  # fmt: skip


def plain(word: str) -> str:
    """A word without case and accents, for looking it up; a very long one is cut off."""
    return _plain(word[:_LONGEST])


@lru_cache(maxsize=8192)
def _plain(word: str) -> str:
    folded = word.casefold()
    if folded.isascii():
        return folded if folded.isalnum() else _NOT_LETTERS.sub("", folded)
    parts = unicodedata.normalize("NFKD", folded).translate(_DOTLESS)
    return unicodedata.normalize("NFC", _SILENT.sub("", parts))
