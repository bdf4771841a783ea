"""The table of words and letter groups: what is looked up, and what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import languages
from service.pipeline.word_grams import NONE, WordGrams, code_points, hashes, words


def test_words_have_no_case_signs_or_digits() -> None:
    """Words are lower case and composed; what is no letter stands between them."""
    assert words("It’s NAI\u0308VE, 3 times!") == ["it", "s", "naïve", "times"]
    assert words("हिन्दी है।") == ["हिन्दी", "है"]
    assert words("12 :-)") == []


def test_groups_stay_inside_words() -> None:
    """A group takes in the blanks at the ends of its word and nothing beyond them."""
    rows, places = hashes(code_points(" ab c "), 20)
    # 3 letters; _a ab b_ _c c_; _ab ab_ _c_; _ab_; the words ab and c
    assert len(rows) == len(places) == 3 + 5 + 3 + 1 + 2
    alone = {int(row) for row in hashes(code_points(" ab "), 20)[0]}
    assert alone < {int(row) for row in rows}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1, max_size=70), max_size=8), st.integers(4, 18))
def test_any_words_have_rows(parts: list[str], bits: int) -> None:
    """Rows lie in the table, and more words have the rows of fewer."""
    text = f" {' '.join(parts)} "
    rows, places = hashes(code_points(text), bits)
    assert all(0 <= row < 1 << bits for row in rows)
    assert all(0 <= place < len(text) for place in places)
    fewer = hashes(code_points(f" {' '.join(parts[:-1])} "), bits)[0] if len(parts) > 1 else np.zeros(0, dtype=np.intp)
    assert len(fewer) <= len(rows)


@pytest.mark.parametrize(("script", "text", "code"), [("Latn", "niedziela", "pl"), ("Cyrl", "річка", "uk")])
def test_a_word_speaks_for_its_language(script: str, text: str, code: str) -> None:
    """The best of the candidates is the language the word is of."""
    codes = [row.code for row in languages.all_languages() if row.detect and row.script == script]
    found = WordGrams(script, codes).scores(text)
    assert found is not None
    assert codes[int(np.argmax(found[0]))] == code
    assert found[1] < 0.5


def test_nonsense_is_no_word() -> None:
    """What a hand falling on the keys types has a high probability of being no language."""
    found = WordGrams("Latn", ["en", "de"]).scores("xkcdq qwzxv")
    assert found is not None
    assert found[1] > 0.5


def test_what_the_table_has_not_gets_no_say() -> None:
    """An unknown script has no scores, an unknown language is below the best; the class of nonsense is no candidate."""
    assert WordGrams("Tibt", ["bo"]).scores("བོད") is None
    found = WordGrams("Latn", ["en", "xx"]).scores("the weather")
    assert found is not None
    assert found[0][1] < found[0][0]
    assert languages.get(NONE) is None
