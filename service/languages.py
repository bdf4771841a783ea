"""The languages the service knows, and the one way to turn what a caller writes into a tag it uses.

The rows live in `data/languages.toml`, read once at import. Tags follow BCP-47: a script is part of a tag only where a
language is commonly written in two of them (`zh-Hans`, `zh-Hant`, `sr`, `sr-Latn`); regions are accepted and dropped,
because nothing here differs by region.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_TABLE = Path(__file__).parent / "data" / "languages.toml"

# RFC 5646: language, extended language, script, region; variants, extensions and private use are dropped.
_TAG = re.compile(
    r"(?P<language>[A-Za-z]{2,3})"
    r"(?:-(?P<extlang>[A-Za-z]{3}))?"
    r"(?:-(?P<script>[A-Za-z]{4}))?"
    r"(?:-(?P<region>[A-Za-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
    r"(?:-[A-WYZa-wyz0-9](?:-[A-Za-z0-9]{2,8})+)*"
    r"(?:-[xX](?:-[A-Za-z0-9]{1,8})+)?"
)
_LONGEST_TAG = 64

# CLDR likely subtags: the script that is usual where the region is the only hint.
_SCRIPT_OF_REGION = {
    ("zh", "TW"): "Hant",
    ("zh", "HK"): "Hant",
    ("zh", "MO"): "Hant",
    ("sr", "ME"): "Latn",
}
_DEFAULT_ROW = {"zh": "zh-Hans"}


@dataclass(frozen=True, slots=True)
class Language:
    """One language in one script.

    Attributes:
        code: BCP-47 tag, as it appears in requests and replies.
        iso3: ISO 639-3 code, or the macrolanguage's where that is the usual one (`ara`, `zho`).
        name: in English.
        native: in the language itself.
        direction: of the script.
        script: ISO 15924 code of the usual written form.
        spaces: whether blanks separate words.
        aliases: other tags accepted for it, lower case.
        labels: labels of the identification model that mean it; empty when it is never detected. Rows that share a
            label are told apart by their script.
    """

    code: str
    iso3: str
    name: str
    native: str
    direction: Literal["ltr", "rtl"]
    script: str
    spaces: bool
    aliases: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def detect(self) -> bool:
        """Whether identification can answer with this language."""
        return bool(self.labels)


def _read(row: Mapping[str, Any]) -> Language:
    return Language(
        code=row["code"],
        iso3=row["iso3"],
        name=row["name"],
        native=row["native"],
        direction="rtl" if row.get("rtl", False) else "ltr",
        script=row.get("script", "Latn"),
        spaces=row.get("spaces", True),
        aliases=tuple(row.get("aliases", ())),
        labels=tuple(row.get("detect", ())),
    )


def _load(path: Path) -> tuple[Language, ...]:
    with path.open("rb") as file:
        rows = tomllib.load(file)["language"]
    return tuple(sorted((_read(row) for row in rows), key=lambda language: language.code))


_ALL = _load(_TABLE)
_BY_CODE = {language.code: language for language in _ALL}
_BY_ALIAS = {alias: language.code for language in _ALL for alias in language.aliases}


def all_languages() -> tuple[Language, ...]:
    """Every language of the table, sorted by code."""
    return _ALL


def get(tag: object) -> Language | None:
    """The language a tag means, in any spelling `canonical` accepts, or None."""
    language = _BY_CODE.get(tag) if isinstance(tag, str) else None
    if language is None:
        code = canonical(tag)
        language = _BY_CODE[code] if code is not None else None
    return language


def canonical(tag: object) -> str | None:
    """The tag this service uses for a language, or None when it does not know it.

    Case and `_` for `-` do not matter. Withdrawn and three-letter codes are accepted (`iw`, `eng`). A region, variant
    or extension is dropped (`en-US` is `en`), except that a region decides the script where the table has two
    (`zh-TW` is `zh-Hant`); without any hint `zh` is `zh-Hans` and `sr` is Cyrillic. A script the table does not have
    for that language is not known (`ru-Latn`). `und` and `auto` are not languages.

    Args:
        tag: anything; what is not a well-formed tag gives None, never an exception.
    Source: RFC 5646; CLDR likely subtags and language aliases.
    """
    if not isinstance(tag, str) or len(tag) > _LONGEST_TAG:
        return None
    match = _TAG.fullmatch(tag.replace("_", "-"))
    if match is None:
        return None
    primary = match["language"].lower()
    if match["extlang"]:
        # Only Chinese takes an extended language in practice, and only Mandarin is a row of the table.
        if (primary, match["extlang"].lower()) != ("zh", "cmn"):
            return None
        primary = "zh"
    known = primary if primary in _BY_CODE else _BY_ALIAS.get(primary)
    if known is None:
        return None
    base, _, implied = known.partition("-")
    script = (match["script"] or "").title()
    if not script and base in ("zh", "sr") and match["region"]:
        script = _SCRIPT_OF_REGION.get((base, match["region"].upper()), "")
    return _row(base, script or implied)


def _row(base: str, script: str) -> str | None:
    """The code of the row for a base language and a script; an empty script is the language's default."""
    default = _DEFAULT_ROW.get(base, base)
    if not script or _BY_CODE[default].script == script:
        return default
    code = f"{base}-{script}"
    return code if code in _BY_CODE else None
