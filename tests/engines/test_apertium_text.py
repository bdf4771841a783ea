"""What goes into a pipeline and comes back, without any pipeline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engines.apertium.plan import ROW_CHARACTERS, assemble, make_plan
from service.engines.apertium.text import guard, restore, stretches
from service.records import Segment

SPECIAL = "^$/<>{}\\[]@*#~|_\x00\x07🙂“”«»$%"


@pytest.mark.parametrize(
    "text",
    [
        "Write to jo_an@example.org or see https://example.org/a?b=c#d.",
        "The #launch by @team cost $5 {name} (50%)",
        "a  b\tc\nd\u00a0e",
        "don’t — “stop” the dogs’ noise",
        SPECIAL,
        "שלום and 你好",
    ],
)
def test_an_unchanged_output_restores_the_source(text: str) -> None:
    """A pipeline that copies gives the source back."""
    guarded = guard(text, "en")
    assert restore(guarded, guarded.text) is not None
    assert restore(guarded, guarded.text)[0] == text  # type: ignore[index]


@given(st.text(alphabet=st.sampled_from("ab Z.,'’\n1-" + SPECIAL)).map(str.strip))
def test_only_words_and_plain_marks_go_in(text: str) -> None:
    """No character of the stream format reaches a pipeline, and the stretches cover the source."""
    guarded = guard(text, "en")
    assert not set(guarded.text.replace("[", "").replace("]", "")) & set(SPECIAL)
    assert guarded.text.endswith("]")
    assert "".join(part for part, _ in stretches(guarded)) == text


def test_marks_are_taken_out_and_counted() -> None:
    """Apertium's marks go, words it copied are counted, a literal star stays."""
    guarded = guard("2 * Foo sees bar", "en")
    assert guarded.text == "2 [0] Foo sees bar.[1]"
    assert restore(guarded, "2 [0] *Foo #ve \\@bar.[1]") == ("2 * Foo ve bar", {"foo": 1, "bar": 1})


@pytest.mark.parametrize("output", ["no.[1]", "[0][0] no.[1]", "a [0] b", "a [0] b[1]", "a [0] b [7].[1]", ""])
def test_lost_or_doubled_superblanks_are_noticed(output: str) -> None:
    """Output that does not hold each superblank once, or lost the added stop, is refused."""
    assert restore(guard("say * it", "en"), output) is None


def test_quotes_left_empty_are_noticed() -> None:
    """A quoted word that was merged with its neighbour is not returned as an empty quotation."""
    assert restore(guard("will “see” it", "en"), "verá [0] [1] lo.[2]") is None


def test_blanks_around_a_kept_stretch_follow_the_source() -> None:
    """A quotation hugs its words even where a rule dropped the first of them."""
    assert restore(guard("said “the dog” now.", "en"), "dijo[0] perro [1]ahora.[2]") == ("dijo “perro” ahora.", {})


def test_apostrophes_keep_their_shape() -> None:
    """Typographic apostrophes are read as plain ones and come back typographic."""
    guarded = guard("don’t go", "en")
    assert guarded.text.startswith("don't")
    assert restore(guarded, "l'equip va.[0]") == ("l’equip va", {})


def test_a_capital_lost_to_an_article_returns() -> None:
    """The first letter has the case of the source's first letter."""
    assert restore(guard("Russia left", "en"), "la Russia left.[0]") == ("La Russia left", {})


@given(st.lists(st.text(alphabet="ab .!\n 12", max_size=60), max_size=8))
def test_a_plan_assembles_to_its_source(texts: list[str]) -> None:
    """Pieces put back untranslated are the segments, character for character."""
    plan = make_plan([Segment(text) for text in texts])
    assert assemble(plan, plan.rows) == tuple(texts)


def test_long_segments_are_cut_and_rejoined() -> None:
    """A long text becomes several rows of bounded size."""
    text = "One more sentence here. " * 600 + "x" * 5000
    plan = make_plan([Segment(text)])
    assert len(plan.rows) > 8
    assert max(sum(map(len, row)) for row in plan.rows) <= ROW_CHARACTERS
    assert assemble(plan, plan.rows) == (text,)
