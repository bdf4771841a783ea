"""ROUGE as the benchmark counts it: right for every script."""

from __future__ import annotations

import pytest

from bench.rouge import rouge, tokens


@pytest.mark.parametrize(
    "text", ["The cat sat.", "Кошка сидела.", "猫坐在垫子上。", "جلست القطة.", "แมวนั่งบนเสื่อ", "बिल्ली बैठी थी।"]
)
def test_a_text_agrees_with_itself(text: str) -> None:
    """Equal texts score 1 in every script, and nothing scores 0 against something."""
    assert rouge(text, text) == (1.0, 1.0, 1.0)
    assert rouge(text, "") == (0.0, 0.0, 0.0)


def test_known_values() -> None:
    """Counts by hand: shared words, shared pairs, and words in the same order."""
    one, two, longest = rouge("the cat sat on the mat", "the mat the cat sat")
    assert one == pytest.approx(2 * 5 / 11)
    assert two == pytest.approx(2 * 3 / 9)
    assert longest == pytest.approx(2 * 3 / 11)


def test_tokens_drop_punctuation_and_keep_marks() -> None:
    """Vowel signs stay with their letters; full stops go."""
    assert tokens("हिन्दी, Ελλάδα! 東京") == ["हिन्दी", "ελλάδα", "東", "京"]
