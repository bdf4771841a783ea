"""Which statements of a summary its source turns round."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline.faithfulness.negation import NegationIndex, known


def doubted(source: str, output: str, language: str = "en") -> list[str]:
    """What is doubted, each where it says it is."""
    found = NegationIndex(source, language).unsupported(output)
    assert all(output[item.start : item.end] == item.text and item.kind == "negation" for item in found)
    return [item.text for item in found]


ENGLISH = "The council agreed to repair the northern harbour wall before winter. It did not discuss the old market."


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("The council agreed to repair the northern harbour wall before winter.", []),
        ("The council never agreed to repair the northern harbour wall before winter.", ["never"]),
        ("The council agreed to repair the harbour wall.", []),
        ("The council did not meet the mayor of the neighbouring town.", []),
        ("It discussed the old market.", []),
    ],
)
def test_a_statement_turned_round(output: str, found: list[str]) -> None:
    """The same words with a negation more are doubted; other words, or too few of them, are not."""
    assert doubted(ENGLISH, output) == found


def test_a_negation_that_is_left_out() -> None:
    """The whole statement is doubted when the negation is missing."""
    source = "The ministry has not approved the construction of the second railway tunnel."
    output = "The ministry has approved the construction of the second railway tunnel."
    assert doubted(source, output) == [output]


@pytest.mark.parametrize(
    ("language", "source", "output"),
    [
        (
            "de",
            "Der Stadtrat wird die alte Brücke nicht vor Ende Dezember öffnen.",
            "Der Stadtrat wird die alte Brücke vor Ende Dezember öffnen.",
        ),
        (
            "fr",
            "Le conseil municipal ouvrira le nouveau pont avant décembre.",
            "Le conseil municipal n'ouvrira pas le nouveau pont avant décembre.",
        ),
        (
            "es",
            "El ayuntamiento abrirá el puente nuevo antes del verano.",
            "El ayuntamiento no abrirá el puente nuevo antes del verano.",
        ),
        (
            "ru",
            "Совет откроет новый городской мост раньше декабря.",
            "Совет не откроет новый городской мост раньше декабря.",
        ),
        (
            "tr",
            "Belediye meclisi yeni köprünün yapımını kabul etmiş değil.",
            "Belediye meclisi yeni köprünün yapımını kabul etmiş.",
        ),
        ("ar", "وافق المجلس على إصلاح الجدار الشمالي للميناء", "لم وافق المجلس على إصلاح الجدار الشمالي للميناء"),
        ("hi", "परिषद बंदरगाह उत्तरी दीवार मरम्मत करेगी", "परिषद बंदरगाह उत्तरी दीवार मरम्मत नहीं करेगी"),
    ],
)
def test_other_languages(language: str, source: str, output: str) -> None:
    """A negation more or less is seen in each language with a table, and none in the text itself."""
    assert known(language)
    assert len(doubted(source, output, language)) == 1
    assert doubted(source, source, language) == []


def test_one_sentence_that_agrees_is_enough() -> None:
    """When the source says both, nothing is doubted."""
    source = "The bridge will open before the winter fair. Critics say the bridge will not open before the winter fair."
    assert doubted(source, "The bridge will open before the winter fair.") == []
    assert doubted(source, "The bridge will not open before the winter fair.") == []


def test_a_language_without_a_table_is_left_alone() -> None:
    """Nothing is said where negations are not known."""
    assert not known("ka")
    assert doubted("საბჭო შეთანხმდა", "საბჭო არ შეთანხმდა", "ka") == []


@given(st.text(st.sampled_from(list("not never. wall agree\n!é")), max_size=150))
@settings(max_examples=100, deadline=None)
def test_a_text_agrees_with_itself(text: str) -> None:
    """Nothing of a text is turned round by the text itself."""
    assert doubted(text, text) == []
