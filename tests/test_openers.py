"""Openings that lean on the sentence before."""

from __future__ import annotations

import pytest

from service.openers import dangles


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("He said so.", "en"),
        ("“However, it rained.”", "en-GB"),
        ("For example, the bridge.", "en"),
        ("Das ist neu.", "de"),
        ("Par exemple, le pont.", "fr"),
        ("Sin embargo, llovió.", "es"),
        ("Например, мост.", "ru"),
        ("これは橋です。", "ja"),
        ("例如，桥。", "zh-Hant"),
        ("예를 들어 다리.", "ko"),
        ("Jembatan ini baru.", "id"),
        ("Cây cầu này mới.", "vi"),
        ("Ő is jött.", "hu"),
    ],
)
def test_openings_that_lean(text: str, language: str) -> None:
    """Pronouns, connectives and pointing words at the beginning lean on what was said before, also inside quotes."""
    assert dangles(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The bridge opened.", "en"),
        ("Hebrides ferries stop.", "en"),
        ("Das Haus brennt.", "de"),
        ("Formal rules apply.", "en"),
        ("橋が開いた。", "ja"),
        ("He said so.", "xx"),
        ("", "en"),
        ("2031", "ru"),
    ],
)
def test_openings_that_stand(text: str, language: str) -> None:
    """Other openings stand by themselves; of a language without a list everything does."""
    assert not dangles(text, language)


@pytest.mark.parametrize(
    ("text", "leans"),
    [
        ("Mayor Lind said they had no need of a permit.", True),
        ("Lind also said that these were the last ones.", True),
        ("Lind said he would come back.", False),
        ("Lind said it was too early to tell.", False),
        ("The councillors said the bridge was safe.", False),
    ],
)
def test_what_is_said_of_others_leans_on_who_they_are(text: str, leans: bool) -> None:
    """A name before the verb does not say who "they" are."""
    assert dangles(text, "en") is leans
