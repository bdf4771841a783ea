"""Names across scripts."""

from __future__ import annotations

import pytest

from service.pipeline.sounds import skeleton


@pytest.mark.parametrize(
    "names",
    [
        ("Zelensky", "Зеленский", "ゼレンスキー", "زيلينسكي"),
        ("Macron", "Макрон", "マクロン", "ماكرون", "Μακρόν", "마크롱"),
        ("Washington", "ワシントン", "واشنطن", "워싱턴"),
        ("Putin", "Путин", "푸틴"),
        ("Trump", "ترامب", "ट्रम्प"),
        ("Merkel", "메르켈", "מרקל"),
        ("Müller", "Muller", "MÜLLER"),
    ],
)
def test_a_name_sounds_alike_in_every_script(names: tuple[str, ...]) -> None:
    """One name in several scripts comes out as the same consonants."""
    assert len({skeleton(name) for name in names}) == 1


@pytest.mark.parametrize("word", ["", "北京", "123", "🌉", "aeiou", "\u0301", "\ud800"])
def test_what_has_no_consonants_is_empty(word: str) -> None:
    """Ideographs, digits, emoji, vowels, bare marks and lone surrogates have no sound."""
    assert skeleton(word) == ""
