"""Words that a cut sentence does not end with."""

from __future__ import annotations

import pytest

from service import languages
from service.pipeline.endings import announces
from service.pipeline.shorten import clause, shorten


@pytest.mark.parametrize(
    ("word", "language"),
    [
        ("the", "en"),
        ("“of", "en"),
        ("für", "de"),
        ("qu’", "fr"),
        ("του", "el"),
        ("के", "hi"),
        ("40", "sw"),
        ("на", "ru-RU"),
    ],
)
def test_words_that_announce_more(word: str, language: str) -> None:
    """Articles, prepositions and bare numbers show that something was cut, whatever marks touch them."""
    assert announces(word, language)


@pytest.mark.parametrize(("word", "language"), [("harbour", "en"), ("the", "de"), ("", "en"), ("الميناء", "ar")])
def test_other_words_end_a_piece(word: str, language: str) -> None:
    """Other words, and those of other languages, may stand at the end."""
    assert not announces(word, language)


def test_every_list_belongs_to_a_language_of_the_table() -> None:
    """A list under a code that no request can have would never be read."""
    known = {language.code for language in languages.all_languages()}
    assert {code for code in ("en", "nb", "el", "ur") if code not in known} == set()


def test_a_cut_ends_with_a_word_that_can_stand_there() -> None:
    """The last words that announce more are left out of a sentence that has to be cut."""
    cut = shorten("The council will build a tram line to the harbour", "en", lambda piece: len(piece.split()) <= 8)
    assert cut == "The council will build a tram line…"


def test_a_clause_behind_a_colon_is_no_headline() -> None:
    """The first item of a list that a colon opens does not make a clause."""
    assert clause("Each step has two parts: a riser, which stands, and a tread.", "en", 4, 12, 200) == (
        "Each step has two parts"
    )
