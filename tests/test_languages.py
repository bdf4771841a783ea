"""The language table and the tags it accepts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import config, languages


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("en-US", "en"),
        ("en_US", "en"),
        ("en-u-ca-buddhist", "en"),
        ("en-x-any", "en"),
        ("de-CH-1996", "de"),
        ("eng", "en"),
        ("spa", "es"),
        ("pt-BR", "pt"),
        ("iw", "he"),
        ("in", "id"),
        ("ji", "yi"),
        ("mo", "ro"),
        ("fil", "tl"),
        ("no", "nb"),
        ("nb-NO", "nb"),
        ("nn", "nn"),
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("zh_TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-hant", "zh-Hant"),
        ("zh-Hans-TW", "zh-Hans"),
        ("cmn", "zh-Hans"),
        ("zh-cmn-Hant", "zh-Hant"),
        ("zho_Hant", "zh-Hant"),
        ("sr", "sr"),
        ("sr-Cyrl-RS", "sr"),
        ("sr-latn", "sr-Latn"),
        ("srp_Latn", "sr-Latn"),
        ("sr-ME", "sr-Latn"),
        ("sh", "sr-Latn"),
    ],
)
def test_canonical_known(tag: str, expected: str) -> None:
    """Every accepted spelling gives the one tag."""
    assert languages.canonical(tag) == expected


@pytest.mark.parametrize(
    "tag",
    [
        "",
        " ",
        " en",
        "en ",
        "en\n",
        "en-",
        "-en",
        "e",
        "english",
        "x-en",
        "und",
        "auto",
        "xx",
        "ru-Latn",
        "zh-yue",
        "é",
        "en\0",
        "ẹn",
        "en--US",
        "a" * 10_000,
        "en-" + "abcde-" * 1000,
        "\ud800",
    ],
)
def test_canonical_unknown(tag: str) -> None:
    """A malformed or unknown tag gives None."""
    assert languages.canonical(tag) is None
    assert languages.get(tag) is None


@pytest.mark.parametrize("odd", [None, 3, b"en", ["en"], {}])
def test_canonical_of_other_types(odd: object) -> None:
    """What is not a string gives None, not an exception."""
    assert languages.canonical(odd) is None
    assert languages.get(odd) is None


@given(st.text(max_size=80))
def test_canonical_never_raises_and_is_idempotent(tag: str) -> None:
    """Any string gives None or a tag that stands for itself."""
    code = languages.canonical(tag)
    assert code is None or languages.canonical(code) == code


def test_rows_are_consistent() -> None:
    """Codes are unique, sorted and canonical; aliases lead to their row and to no other."""
    rows = languages.all_languages()
    codes = [row.code for row in rows]
    assert codes == sorted(set(codes))
    aliases = [alias for row in rows for alias in row.aliases]
    assert len(aliases) == len(set(aliases))
    for row in rows:
        assert row.name
        assert row.native
        assert len(row.iso3) == 3
        assert languages.canonical(row.code) == row.code
        assert languages.canonical(f"{row.code.split('-')[0]}-{row.script}") == row.code
        assert not set(row.aliases) & set(codes)
        assert {languages.canonical(alias) for alias in row.aliases} <= {row.code}


def test_direction_and_spaces() -> None:
    """Right-to-left scripts and scripts without blanks are marked."""
    rtl = {row.script for row in languages.all_languages() if row.direction == "rtl"}
    assert rtl == {"Arab", "Hebr"}
    unspaced = {row.script for row in languages.all_languages() if not row.spaces}
    assert unspaced == {"Hans", "Hant", "Jpan", "Khmr", "Laoo", "Mymr", "Thai"}


def test_every_default_apertium_code_is_known() -> None:
    """Both ends of every default translation pair are rows of the table."""
    for pair in config.DEFAULT_APERTIUM_PAIRS.split():
        for tag in pair.split("-"):
            assert languages.canonical(tag) is not None, tag
