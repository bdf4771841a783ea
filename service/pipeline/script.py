"""Which script a text is written in, and what the script alone says about its language."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from functools import lru_cache
from typing import Literal

# First and last code point of the blocks that hold letters of living scripts. Source: Unicode Scripts.txt, by block.
_BLOCKS = sorted(
    [
        (0x0041, 0x024F, "Latn"),
        (0x0250, 0x02AF, "Latn"),
        (0x0370, 0x03FF, "Grek"),
        (0x0400, 0x052F, "Cyrl"),
        (0x0530, 0x058F, "Armn"),
        (0x0590, 0x05FF, "Hebr"),
        (0x0600, 0x06FF, "Arab"),
        (0x0750, 0x077F, "Arab"),
        (0x08A0, 0x08FF, "Arab"),
        (0x0900, 0x097F, "Deva"),
        (0x0980, 0x09FF, "Beng"),
        (0x0A00, 0x0A7F, "Guru"),
        (0x0A80, 0x0AFF, "Gujr"),
        (0x0B00, 0x0B7F, "Orya"),
        (0x0B80, 0x0BFF, "Taml"),
        (0x0C00, 0x0C7F, "Telu"),
        (0x0C80, 0x0CFF, "Knda"),
        (0x0D00, 0x0D7F, "Mlym"),
        (0x0D80, 0x0DFF, "Sinh"),
        (0x0E00, 0x0E7F, "Thai"),
        (0x0E80, 0x0EFF, "Laoo"),
        (0x1000, 0x109F, "Mymr"),
        (0x10A0, 0x10FF, "Geor"),
        (0x1100, 0x11FF, "Hang"),
        (0x1200, 0x139F, "Ethi"),
        (0x1780, 0x17FF, "Khmr"),
        (0x1C80, 0x1C8F, "Cyrl"),
        (0x1C90, 0x1CBF, "Geor"),
        (0x1E00, 0x1EFF, "Latn"),
        (0x1F00, 0x1FFF, "Grek"),
        (0x2C60, 0x2C7F, "Latn"),
        (0x2DE0, 0x2DFF, "Cyrl"),
        (0x3040, 0x30FF, "Kana"),
        (0x3130, 0x318F, "Hang"),
        (0x31F0, 0x31FF, "Kana"),
        (0x3005, 0x3007, "Hani"),
        (0x3400, 0x4DBF, "Hani"),
        (0x4E00, 0x9FFF, "Hani"),
        (0xA640, 0xA69F, "Cyrl"),
        (0xA720, 0xA7FF, "Latn"),
        (0xAC00, 0xD7FF, "Hang"),
        (0xF900, 0xFAFF, "Hani"),
        (0xFB1D, 0xFB4F, "Hebr"),
        (0xFB50, 0xFDFF, "Arab"),
        (0xFE70, 0xFEFF, "Arab"),
        (0xFF21, 0xFF5A, "Latn"),
        (0xFF66, 0xFF9F, "Kana"),
        (0x20000, 0x323AF, "Hani"),
    ]
)
_STARTS = [start for start, _, _ in _BLOCKS]

OTHER = "Zzzz"


@lru_cache(maxsize=8192)
def script_of(character: str) -> str:
    """The ISO 15924 code of a letter (`Kana` for both kana, `Hang` for hangul), "" for what is not a letter."""
    if not character.isalpha():
        return ""
    point = ord(character)
    index = bisect_right(_STARTS, point) - 1
    if index >= 0 and point <= _BLOCKS[index][1]:
        return _BLOCKS[index][2]
    return OTHER


def count_scripts(letters: Counter[str]) -> Counter[str]:
    """How many letters of each script are among counted characters; characters that are no letters are left out."""
    found: Counter[str] = Counter()
    for character, times in letters.items():
        script = script_of(character)
        if script:
            found[script] += times
    return found


@lru_cache(maxsize=8192)
def _han_kind(character: str) -> Literal["Hans", "Hant", "Jpan", ""]:
    """Which national character set alone has this character.

    The Chinese standards were made for one form of writing each, so they are the list of distinguishing characters.
    """
    simplified, traditional, japanese = (_encodes(character, name) for name in ("gb2312", "big5", "shift_jis"))
    if simplified and not traditional:
        return "Hans"
    if traditional and not simplified:
        return "Hant"
    if japanese and not simplified and not traditional:
        return "Jpan"
    return ""


def _encodes(character: str, charset: str) -> bool:
    try:
        character.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def han_kinds(letters: Counter[str]) -> dict[str, int]:
    """How many Han characters among the counted ones are used only in simplified or traditional Chinese or Japanese.

    Returns:
        Counts for `Hans`, `Hant` and `Jpan`; characters common to two of them count for none.
    """
    found = {"Hans": 0, "Hant": 0, "Jpan": 0}
    for character, times in letters.items():
        if script_of(character) == "Hani":
            kind = _han_kind(character)
            if kind:
                found[kind] += times
    return found
