"""Words that no piece of a sentence should end with: they announce what was cut off."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).parents[1] / "data" / "endings.toml"
_ALIASES = {"no": "nb", "nn": "nb", "gl": "pt", "sk": "cs", "mk": "bg", "hr": "cs", "bs": "cs", "sr": "bg"}
_TOUCHING = " ,;:.…\"'“”„«»‘’()[]-–—،؛"


def announces(word: str, language: str) -> bool:
    """Tell whether a word says that something follows, so that a cut behind it would show.

    Args:
        word: with whatever marks touch it.
        language: BCP-47 tag; of a language without a list only bare numbers do.
    """
    code = language.split("-", 1)[0].lower()
    bare = word.strip(_TOUCHING).lower()
    return bare.isdecimal() or bare in _sets().get(_ALIASES.get(code, code), frozenset())


@cache
def _sets() -> dict[str, frozenset[str]]:
    with _TABLE.open("rb") as file:
        return {code: frozenset(words.split()) for code, words in tomllib.load(file)["words"].items()}
