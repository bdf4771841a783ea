"""What is said of an output as a whole."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline.faithfulness.items import Faithfulness
from service.pipeline.faithfulness.verify import Source

ARTICLE = (
    "Mayor Anna Lindqvist opened the harbour of Eastbrook on Monday. "
    'She said: "We waited far too long for this." The council has not paid the builders of the northern wall yet.'
)


def test_everything_that_is_wrong_is_named_in_order() -> None:
    """Names, quotations and negations are found together, in the order of the text."""
    output = (
        'Mayor Boris Feldmann opened the harbour. She said: "It was worth the money." '
        "The council has paid the builders of the northern wall."
    )
    found = Source(ARTICLE, "en").check(output, "en")
    assert found.verdict == "unsupported"
    assert [item.kind for item in found.unsupported] == ["name", "quote", "negation"]
    assert [item.start for item in found.unsupported] == sorted(item.start for item in found.unsupported)
    assert found.checked == ("quantities", "names", "quotes", "negation")


@pytest.mark.parametrize(
    ("output", "language", "verdict", "checked"),
    [
        ("Anna Lindqvist opened the harbour.", "en", "supported", ("quantities", "names", "quotes", "negation")),
        ("Se abrió el puerto de Eastbrook.", "es", "supported", ("quantities", "names", "quotes")),
        ("打开了港口", "zh-Hans", "unchecked", ("quantities", "quotes")),
        ("", "en", "supported", ("quantities", "names", "quotes", "negation")),
        ("🌉", "und", "unchecked", ("quantities", "quotes")),
    ],
)
def test_verdicts(output: str, language: str, verdict: str, checked: tuple[str, ...]) -> None:
    """What could be looked up is listed, and where that is nothing the verdict says so."""
    found = Source(ARTICLE, "en").check(output, language)
    if output:
        assert (found.verdict, found.checked) == (verdict, checked)
    assert found.unsupported == ()


def test_sentences_of_the_source_are_supported() -> None:
    """An output made of the source's own sentences is supported in any language, however blanks are set."""
    source = "Ein  Satz\nsteht hier. Und „noch einer“ hier."
    sentences = ("Ein Satz steht hier.", "Und „noch einer“ hier.")
    assert Source(source, "de").check(" ".join(sentences), "de", sentences).verdict == "supported"


def test_a_torn_quotation_is_doubted_among_sentences_of_the_source() -> None:
    """Two true sentences make a quotation that nobody said."""
    source = (
        'One said: "We begin today. It is late." Much later in the evening, when the hall was nearly empty, another '
        'said: "All is well. They will not come."'
    )
    sentences = ('"We begin today.', 'They will not come."')
    found = Source(source, "en").check(" ".join(sentences), "en", sentences)
    assert [item.kind for item in found.unsupported] == ["quote"]


LETTERS = st.sampled_from(list("abcABCЖé中न한\"“”.,!?0123456789 \n-'’%$€🌉"))


@given(st.text(LETTERS, max_size=150), st.sampled_from(["en", "de", "ru", "zh-Hans", "hi", "und"]))
@settings(max_examples=100, deadline=None)
def test_a_text_is_supported_by_itself(text: str, language: str) -> None:
    """Whatever a text says, it says."""
    assert Source(text, language).check(text, language).unsupported == ()


@given(st.text(LETTERS, max_size=80), st.text(LETTERS, max_size=80))
@settings(max_examples=100, deadline=None)
def test_every_place_is_exact(source: str, output: str) -> None:
    """Every item slices to its text, in the same language and across."""
    for language in ("en", "ru"):
        found = Source(source, "en").check(output, language)
        assert all(output[item.start : item.end] == item.text for item in found.unsupported)


def check_of(source: str, output: str) -> Faithfulness:
    """A check that has to end soon, on a busy machine too."""
    start = time.process_time()
    found = Source(source, "en").check(output, "en")
    Source(source, "en").check(output, "es")
    assert time.process_time() - start < 10
    return found


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("A" * 100_000, "A" * 20_000),
        ("Ab " * 30_000, "Ba " * 6_000),
        ('"' * 100_000, '"' * 100_000),
        ('"a b c ' * 14_000, '"c b a ' * 14_000),
        ("The wall was not built there. " * 3_000, "The wall was built there. " * 600),
        ("[" * 100_000, '"[[[' * 4_000),
        ("U.S." * 25_000, "U.K." * 25_000),
        ("".join(f"Name{at} " for at in range(12_000)), "".join(f"Nbme{at} said. " for at in range(1_500))),
    ],
    ids=["one word", "capitals", "marks", "open quotes", "statements", "brackets", "dots", "names"],
)
def test_huge_texts_end_in_time(source: str, output: str) -> None:
    """No input makes the check run away."""
    assert check_of(source, output).verdict in ("supported", "unsupported", "unchecked")
