"""Which sentences of an article support one of a summary: word for word, in other words, in another language."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline.provenance import MOST, Support, SupportIndex, support, supports
from service.records import Segment, SummaryResult, SummarySentence

ARTICLE = (
    "The council of Harwick voted on Monday to build a tram line to the harbour.",
    "Mayor Edda Lindqvist said the line would open in 2031.",
    "It costs 40 million crowns, a third more than planned.",
    "Shop owners fear two years of noise.",
    "A brass band played after the vote.",
    "Shop owners fear two years of noise.",
)
INDEX = SupportIndex(ARTICLE, "en")


def indices(found: tuple[Support, ...]) -> list[int]:
    """The sentences found, most telling first."""
    return [one.index for one in found]


@pytest.mark.parametrize("place", range(len(ARTICLE)))
def test_a_sentence_is_its_own_origin(place: int) -> None:
    """A sentence of the article is found at its own place, a repeated one at the first."""
    (found,) = support(ARTICLE[place], "en", INDEX)
    assert found.score == 1.0
    assert ARTICLE[found.index] == ARTICLE[place]
    assert found.index == ARTICLE.index(ARTICLE[place])


@pytest.mark.parametrize(
    "piece",
    ["Harwick voted on Monday to build a tram line…", "“the line would  open in 2031”", "HARWICK VOTED ON MONDAY"],
)
def test_a_piece_of_a_sentence_is_found_word_for_word(piece: str) -> None:
    """What is cut from a sentence is found there whatever its case, marks and blanks."""
    (found,) = support(piece, "en", INDEX)
    assert found.score == 1.0


def test_a_stretch_over_two_sentences_names_both_with_their_shares() -> None:
    """Two sentences of the article in one of the summary are both its origin, and their shares add up."""
    found = support(f"{ARTICLE[1]} {ARTICLE[2]}", "en", INDEX)
    assert sorted(indices(found)) == [1, 2]
    assert sum(one.score for one in found) == pytest.approx(1.0, abs=0.001)


def test_other_words_lead_to_the_sentences_that_hold_them() -> None:
    """A written sentence is traced to those that hold its names and numbers, the most telling first."""
    found = support("The tram line to Harwick's harbour will cost 40 million crowns.", "en", INDEX)
    assert set(indices(found)) == {0, 2}
    assert all(0 < one.score < 1 for one in found)


def test_what_the_article_does_not_say_has_no_source() -> None:
    """A sentence about something else gets an empty answer, not the least bad guess."""
    assert support("Quarterly profits at the software company doubled.", "en", INDEX) == ()
    assert support("", "en", INDEX) == ()
    assert support("Anything at all.", "en", SupportIndex((), "en")) == ()


@pytest.mark.parametrize(
    ("language", "sentence", "expected"),
    [
        ("de", "Bürgermeisterin Edda Lindqvist: Eröffnung 2031.", 1),
        ("ru", "По словам мэра Эдды Линдквист, открытие в 2031 году.", 1),
        ("ar", "قالت رئيسة البلدية إيدا ليندكفيست إن الافتتاح في ٢٠٣١.", 1),
        ("ja", "リンドクヴィスト市長によると2031年に開業する。", 1),
        ("fr", "Le coût est de 40 millions.", 2),
    ],
)
def test_another_language_is_matched_by_numbers_and_names(language: str, sentence: str, expected: int) -> None:
    """Between languages numbers in any digits and the sound of names lead to the sentence."""
    assert indices(support(sentence, language, INDEX))[:1] == [expected]


def test_place_decides_between_equals() -> None:
    """Where nothing else tells sentences apart, the one at the same place of the text comes first."""
    index = SupportIndex(["In 2031 it opens.", "They met.", "They left.", "By 2031 all is done."], "en")
    assert indices(support("2031 ist es so weit.", "de", index, place=1.0))[:1] == [3]
    assert indices(support("2031 ist es so weit.", "de", index, place=0.0))[:1] == [0]


@pytest.mark.parametrize("written", ["1,250,000", "1.250.000", "1 250 000", "1’250’000", "١٢٥٠٠٠٠"])
def test_a_number_is_the_same_however_it_is_grouped(written: str) -> None:
    """Grouping marks and digits of other scripts do not hide a number."""
    index = SupportIndex(["Nobody counted.", "The town has 1,250,000 people.", "Rain fell."], "en")
    assert indices(support(f"{written} !", "fr", index)) == [1]


def test_sentences_of_the_engine_keep_their_place_and_written_ones_are_looked_up() -> None:
    """An extractive sentence is its segment, also where an equal one stands before it; a written one is traced."""
    segments = [Segment(text) for text in ARTICLE]
    result = SummaryResult(
        (SummarySentence(None, (5,), 1.0), SummarySentence("The line costs 40 million crowns.", (3,), 0.5))
    )
    first, second = supports(result, segments, "en")
    assert first == (Support(5, 1.0),)
    assert indices(second)[0] == 2


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.text(max_size=40), max_size=8),
    st.text(max_size=60),
    st.sampled_from(["en", "zh", "und"]),
    st.sampled_from(["en", "de"]),
)
def test_anything_is_looked_up(texts: list[str], sentence: str, language: str, other: str) -> None:
    """Whatever is asked, supports are distinct, few, in range, scored within bounds and the same each time."""
    index = SupportIndex(texts, other)
    found = support(sentence, language, index)
    assert found == support(sentence, language, SupportIndex(texts, other))
    assert len(set(indices(found))) == len(found) <= MOST
    assert all(0 <= one.index < len(texts) and 0 < one.score <= 1 for one in found)
