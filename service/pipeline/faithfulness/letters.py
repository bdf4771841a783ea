"""Text made comparable: one form of digit, blank, dash, quote and letter case, each character at its old place.

What only sometimes is written (vowel signs, soft hyphens, hamzas) is left out of the keys of words.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_BIDI = "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
_CHARACTERS = {
    **dict.fromkeys(_SPACES + _BIDI, " "),
    **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
    **dict.fromkeys("’‘ʼ′＇׳", "'"),
    **dict.fromkeys("～〜∼", "~"),
    "٫": ".",
    "．": ".",
    "٬": ",",
    "،": ",",
    **dict.fromkeys("“”„״＂″", '"'),
    "٪": "%",
    "％": "%",
    "﹪": "%",
    "／": "/",
    "⁄": "/",
    "：": ":",
    "＄": "$",
    "﹩": "$",
    "￥": "¥",
    "￡": "£",
    "￦": "₩",
    "İ": "i",
    "ı": "i",
    "ё": "е",
    "Ё": "е",
}


def _table() -> dict[int, str]:
    table = {ord(character): plain for character, plain in _CHARACTERS.items()}
    # Between these blocks lie ideographs, which are no decimal digits.
    for code in (*range(0x660, 0x3400), *range(0xA000, 0xAC00), *range(0xFF10, 0xFF1A), *range(0x10000, 0x20000)):
        if (digit := unicodedata.decimal(chr(code), None)) is not None:
            table[code] = str(digit)
    for code in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)):
        table[code] = chr(code - 0xFEE0)
    return table


@lru_cache(maxsize=1)
def _fold_table() -> dict[int, str]:
    return _table()


def fold(text: str) -> str:
    """The text in lower case with plain digits, blanks, dashes and apostrophes, each character at its old place."""
    if text.isascii():
        return text.lower()
    plain = text.translate(_fold_table())
    lowered = plain.lower()
    if len(lowered) != len(text):  # no other letter grows today; a later Unicode may bring one
        lowered = "".join(low if len(low := letter.lower()) == 1 else letter for letter in plain)
    return lowered


_MARKS = "".join(
    chr(code)
    for block in (range(0x300, 0x2000), range(0xA800, 0xAC00))
    for code in block
    if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
LETTER = rf"[^\W\d_{_MARKS}]"
# A word with its vowel signs, joiners and soft hyphens; apostrophes belong to it in Cyrillic, quotes in Hebrew.
WORD = rf"{LETTER}(?:{LETTER}|[{_MARKS}\u00ad\u200c\u200d]|(?<=[\u0400-\u05ff])['\"](?=[\u0400-\u05ff]))*+"
WORDS = re.compile(WORD)

_LETTERS = {
    **{"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ۀ": "ه", "ہ": "ه"},
    **{"ँ": "ं", "'": "", '"': "", "\u00ad": "", "\u200c": "", "\u200d": "", "ـ": "", "\u093c": "", "\u09bc": ""},
    **dict(zip("άέήίόύώϊϋΐΰ", "αεηιουωιυιυ", strict=True)),
    **dict.fromkeys(map(chr, (0x301, 0x300, *range(0x64B, 0x653), 0x670, *range(0x591, 0x5C8))), ""),
}
_LETTER_TABLE = {ord(letter): plain_letter for letter, plain_letter in _LETTERS.items()}


def key(word: str) -> str:
    """A folded word as it is looked up: without what is only sometimes written."""
    if word.isascii():
        return word.replace("'", "")
    return unicodedata.normalize("NFC", word).translate(_LETTER_TABLE)
