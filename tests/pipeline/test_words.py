"""Words of scripts with and without blanks."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.pipeline.words import count_words, cut_words, word_spans


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "Well — it's a re-run, isn't it?", ["Well", "it's", "a", "re-run,", "isn't", "it?"]),
        ("en", "  3.5 % of\n\n\u00a0all … ", ["3.5", "of", "all"]),
        ("ru", "Да, конечно!", ["Да,", "конечно!"]),
        ("ko", "안녕 하세요", ["안녕", "하세요"]),
        ("zh-Hans", "今天天气很好。iPhone 15 😀 很好", ["今天", "天气", "很好", "iPhone", "15", "很好"]),
        ("ja", "東京に行く。", ["東京", "に", "行く"]),
        ("th", "ผมไปโรงเรียน ครับ", ["ผม", "ไป", "โรงเรียน", "ครับ"]),
        ("en", "東京", ["東京"]),
        ("en", "", []),
        ("zh-Hans", "……。！", []),
    ],
)
def test_word_spans(language: str, text: str, words: list[str]) -> None:
    """Each script's words are found at their places; punctuation alone is none."""
    assert [text[span.start : span.end] for span in word_spans(text, language)] == words
    assert count_words(text, language) == len(words)


def test_cut_words() -> None:
    """A prefix ends with the last word allowed, and a text that fits stays as it is."""
    assert cut_words("One, two — three. ", "en", 2) == "One, two"
    assert cut_words("One, two — three. ", "en", 3) == "One, two — three. "
    assert cut_words("One", "en", 0) == ""
    assert cut_words("今天天气很好。", "zh-Hans", 2) == "今天天气"


@given(st.text(max_size=80), st.sampled_from(["en", "zh-Hans", "th", "und"]), st.integers(0, 12))
def test_cut_keeps_the_bound(text: str, language: str, at_most: int) -> None:
    """A cut text is a prefix with no more words than allowed, and spans are in order."""
    prefix = cut_words(text, language, at_most)
    assert text.startswith(prefix)
    spans = word_spans(text, language)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert [s for s in spans if s.end <= len(prefix)] == spans[:at_most] or at_most >= len(spans)


@pytest.mark.parametrize("unit", [".", "好", "ก", "a b ", "\ud800"])
def test_large_texts_are_linear(unit: str) -> None:
    """Runs of half a million characters are counted in about linear time."""
    start = time.perf_counter()
    count_words(unit * (500_000 // len(unit)), "zh-Hans")
    assert time.perf_counter() - start < 5
