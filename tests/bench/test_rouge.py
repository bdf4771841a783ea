"""ROUGE as the benchmark counts it: right for every script."""

from __future__ import annotations

import pytest

from bench.rouge import rouge, tokens


@pytest.mark.parametrize(
    "text",
    [
        "The cat sat.",
        "Кошка сидела.",
        "猫坐在垫子上。",
        "جلست القطة.",
        "แมวนั่งบนเสื่อ",
        "बिल्ली बैठी थी।",
        "고양이가 앉았다",
        "ແມວນັ່ງ",
        "ဆိုင်",
    ],
)
def test_a_text_agrees_with_itself(text: str) -> None:
    """Equal texts score 1 in every script, and nothing scores 0 against something."""
    assert rouge(text, text) == (1.0, 1.0, 1.0) or len(tokens(text)) == 1
    assert rouge(text, "") == (0.0, 0.0, 0.0)
    assert tokens(text)


def test_known_values() -> None:
    """Counts by hand: shared words, shared pairs, and words in the same order."""
    one, two, longest = rouge("the cat sat on the mat", "the mat the cat sat")
    assert one == pytest.approx(2 * 5 / 11)
    assert two == pytest.approx(2 * 3 / 9)
    assert longest == pytest.approx(2 * 3 / 11)


def test_values_of_the_reference_implementation() -> None:
    """The example in the documentation of Google's `rouge-score`: 6 of 8 and 9 words, 5 of them in order."""
    one, two, longest = rouge("The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog")
    assert one == pytest.approx(2 * 6 / 17)
    assert two == pytest.approx(2 * 2 / 15)
    assert longest == pytest.approx(2 * 5 / 17)


def test_chinese_by_hand() -> None:
    """Characters: four of five and six are shared, two pairs, and the four stand in the same order."""
    one, two, longest = rouge("我今天去城", "我今天不去家")
    assert one == pytest.approx(2 * 4 / 11)
    assert two == pytest.approx(2 * 2 / 9)
    assert longest == pytest.approx(2 * 4 / 11)


def test_words_count_as_often_as_both_have_them() -> None:
    """A word said three times in a summary counts once for a reference that says it once."""
    assert rouge("rain rain rain", "rain fell")[0] == pytest.approx(2 * 1 / 5)


def test_tokens_drop_punctuation_and_keep_marks() -> None:
    """Vowel signs stay with their letters; full stops go."""
    assert tokens("हिन्दी, Ελλάδα! 東京") == ["हिन्दी", "ελλάδα", "東", "京"]


def test_thai_is_read_by_words() -> None:
    """Dictionary words, not letters, whatever stands beside them."""
    assert tokens("แมวนั่งบนเสื่อ และ ABC") == ["แมว", "นั่ง", "บน", "เสื่อ", "และ", "abc"]


def test_compatibility_forms_are_equal() -> None:
    """Full-width digits and letters made of two code points are those of one."""
    assert tokens("１２ cafe\u0301") == tokens("12 caf\u00e9")
