"""Letters of any script as plain Latin ones, roughly as they sound: for comparing names across scripts."""

from __future__ import annotations

import tomllib
import unicodedata
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).resolve().parents[2] / "data" / "romanization.toml"
# Latin letters that do not come apart into a plain one and a mark, and letters whose mark makes another sound.
_LATIN = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ə": "a", "ħ": "h",
    "š": "sh", "ş": "sh", "ș": "sh", "ś": "s", "ž": "zh", "ż": "zh", "ź": "z", "č": "ch", "ç": "s", "ć": "ch",
    "ț": "ts", "ţ": "ts", "ğ": "g", "ñ": "n", "ơ": "o", "ư": "u", "ŋ": "n", "ɓ": "b", "ɗ": "d", "ƙ": "k", "ǝ": "e",
}  # fmt: skip
_HANGUL, _HANGUL_END = 0xAC00, 0xD7A4
_HIRAGANA, _HIRAGANA_END, _TO_KATAKANA = 0x3041, 0x3097, 0x60
_ETHIOPIC, _PER_ROW = 0x1200, 8
_NOTHING = "-"


def romanize(text: str) -> str:
    """A word in lower-case Latin letters, roughly as it sounds; letters of scripts without a table are left out.

    Han characters and the scripts of Thailand, Laos, Cambodia and Myanmar have none: they do not tell the sound, or
    not in reading order.
    """
    folded = text.casefold()
    if folded.isascii():
        return folded
    return "".join(map(_sound, unicodedata.normalize("NFC", folded)))


@cache
def _table() -> dict[str, str]:
    with _TABLE.open("rb") as file:
        given = tomllib.load(file)
    table: dict[str, str] = {}
    for line in given["letters"].values():
        items = line.split()
        table.update(zip(items[::2], items[1::2], strict=True))
    places = given["indic"]["places"].split()
    for block in given["indic"]["blocks"]:
        for place, sound in zip(places[::2], places[1::2], strict=True):
            table[chr(int(block, 16) + int(place, 16))] = sound
    vowels = given["ethiopic"]["vowels"].split()
    for row, consonant in enumerate(given["ethiopic"]["rows"].split()):
        for place, vowel in enumerate(vowels):
            sound = _NOTHING if consonant == _NOTHING else consonant + vowel
            table[chr(_ETHIOPIC + row * _PER_ROW + place)] = sound
    return {letter: "" if sound == _NOTHING else sound for letter, sound in table.items()} | _LATIN


@cache
def _hangul() -> tuple[list[str], list[str], list[str]]:
    with _TABLE.open("rb") as file:
        given = tomllib.load(file)["hangul"]
    leads, vowels, tails = (given[name].replace(_NOTHING, "").split(" ") for name in ("leads", "vowels", "tails"))
    return leads, vowels, tails


def _sound(letter: str) -> str:
    if letter.isascii():
        return letter
    point = ord(letter)
    if _HANGUL <= point < _HANGUL_END:
        leads, vowels, tails = _hangul()
        rest, tail = divmod(point - _HANGUL, len(tails))
        lead, vowel = divmod(rest, len(vowels))
        return leads[lead] + vowels[vowel] + tails[tail]
    if _HIRAGANA <= point < _HIRAGANA_END:
        letter = chr(point + _TO_KATAKANA)
    table = _table()
    found = table.get(letter)
    if found is not None:
        return found
    return "".join(table.get(part, part if part.isascii() else "") for part in unicodedata.normalize("NFKD", letter))
