"""Composing: the bound is kept exactly, text order and provenance hold, and every corner has a defined answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline import words
from service.pipeline.compose import BULLET, HEADLINE_WORDS, Composed, compose
from service.pipeline.requests import Format, Length, Unit
from service.pipeline.shorten import balanced, smooth
from service.records import Sentence, SummaryResult, SummarySentence

STORY = (
    "The council approved the tram line on Monday.",
    "He said the vote had taken years, and that more would follow before the first tram runs.",
    "The line will open in 2031.",
    "Shop owners, who feared two years of building work near the harbour, asked for help.",
)


def article(parts: tuple[str, ...] | list[str], joint: str = " ") -> tuple[str, list[Sentence]]:
    """A text of these sentences and their spans."""
    spans, at = [], 0
    for part in parts:
        spans.append(Sentence(at, at + len(part), 0))
        at += len(part) + len(joint)
    return joint.join(parts), spans


def extract(*order: int) -> SummaryResult:
    """An extractive result in this order of preference."""
    return SummaryResult(tuple(SummarySentence(None, (index,), 1.0 - n / 100) for n, index in enumerate(order)))


def run(
    parts: tuple[str, ...] | list[str],
    order: tuple[int, ...],
    unit: Unit,
    at_most: int,
    format: Format = "paragraph",
    language: str = "en",
    title: str = "",
) -> Composed:
    """Compose these sentences in this order of preference."""
    text, spans = article(parts)
    if title:
        shift = len(title) + 2
        text = f"{title}\n\n{text}"
        spans = [Sentence(span.start + shift, span.end + shift, 0) for span in spans]
    result = extract(*order)
    return compose(text, spans, result, length=Length(unit, at_most), format=format, language=language, title=title)


def test_reading_order_is_text_order() -> None:
    """Preferred sentences come in the order of the text, with their spans."""
    text, spans = article(STORY)
    composed = run(STORY, (2, 0, 3), "sentences", 2)
    assert composed.text == f"{STORY[0]} {STORY[2]}"
    assert [text[one.sources[0].start : one.sources[0].end] for one in composed.sentences] == [STORY[0], STORY[2]]
    assert [(one.sources[0].start, one.sources[0].end) for one in composed.sentences] == [
        (spans[0].start, spans[0].end),
        (spans[2].start, spans[2].end),
    ]
    assert composed.warnings == ()


def test_a_sentence_over_the_bound_is_passed_over() -> None:
    """With a bound in words a shorter sentence further down takes the place that is left."""
    composed = run(STORY, (0, 3, 2), "words", 14)
    assert composed.text == f"{STORY[0]} {STORY[2]}"
    assert words.count_words(composed.text, "en") == 14


def test_characters_count_separators_and_bullets() -> None:
    """A bound that the sentences alone would keep, but not with their separators, drops one."""
    exact = len(STORY[0]) + 1 + len(STORY[2])
    assert len(run(STORY, (0, 2), "characters", exact).text) == exact
    assert run(STORY, (0, 2), "characters", exact - 1).text == STORY[0]
    bullets = run(STORY, (0, 2), "characters", exact + 4, "bullets")
    assert bullets.text == f"- {STORY[0]}\n- {STORY[2]}"
    assert run(STORY, (0, 2), "characters", exact + 3, "bullets").text == f"- {STORY[0]}"
    assert [one.text for one in bullets.sentences] == [STORY[0], STORY[2]]


def test_a_first_sentence_that_leans_on_another_is_avoided() -> None:
    """`He said ...` opens no summary while another sentence fits, but may follow the one it leans on."""
    assert run(STORY, (1, 2, 3), "sentences", 1).text == STORY[2]
    assert run(STORY, (1, 0), "sentences", 2).text == f"{STORY[0]} {STORY[1]}"
    assert run(STORY, (1,), "sentences", 1).text == STORY[1]
    assert run(STORY[1:], (0, 2), "sentences", 1).text == STORY[1]


def test_shortened_at_a_clause_then_at_a_word() -> None:
    """When nothing fits, the best sentence ends at a comma near the bound, else after a whole word."""
    at_clause = run(STORY, (1, 3), "words", 9)
    assert at_clause.text == "Shop owners, who feared two years of building work…"
    assert [warning.code for warning in at_clause.warnings] == ["shortened"]
    comma = run(["Rain fell all day on the old town, so the match was called off by noon."], (0,), "words", 10)
    assert comma.text == "Rain fell all day on the old town…"
    assert run(STORY[:1], (0,), "characters", 14).text == "The council…"


def test_quotations_are_not_torn_where_avoidable() -> None:
    """A cut inside a quotation moves before it."""
    composed = run(['The mayor of the town said "we will never build here again" and left.'], (0,), "words", 8)
    assert composed.text == "The mayor of the town said…"
    assert balanced(composed.text)


@pytest.mark.parametrize("format", ["paragraph", "bullets", "headline"])
@pytest.mark.parametrize("unit", ["words", "characters"])
def test_bound_of_one(format: Format, unit: Unit) -> None:
    """One word is the first word, one character is the ellipsis."""
    composed = run(STORY[:1], (0,), unit, 1, format)
    mark = BULLET if format == "bullets" and unit == "words" else ""
    assert composed.text == mark + ("The…" if unit == "words" else "…")
    assert len(composed.sentences) == 1
    assert [warning.code for warning in composed.warnings] == ["shortened"]


def test_one_long_word_is_cut_between_characters() -> None:
    """A bound inside the first word cuts it, but never between a letter and its marks."""
    assert run(["Donaudampfschifffahrt"], (0,), "characters", 6).text == "Donau…"
    assert run(["e\u0301e\u0301e\u0301"], (0,), "characters", 4).text == "e\u0301…"


def test_identical_sentences_come_once() -> None:
    """Sentences with the same text are one sentence."""
    assert run(["All the same."] * 5, (0, 1, 2, 3), "sentences", 3).text == "All the same."


def test_hard_wrapped_text_is_smoothed() -> None:
    """Line breaks inside a sentence do not reach the reader; the source still covers them."""
    parts = ["The coun-\ncil approved\n   the tram."]
    composed = run(parts, (0,), "sentences", 1)
    assert composed.text == "The coun-cil approved the tram."
    assert composed.sentences[0].sources[0].end == len(parts[0])
    assert smooth("东京的\n电车") == "东京的电车"
    assert smooth("a\u00a0 b\tc") == "a b c"


def test_no_blank_between_sentences_where_scripts_have_none() -> None:
    """Chinese sentences are joined without a blank, Thai ones with one."""
    assert (
        run(["中国队赢了。", "比赛在北京举行。"], (0, 1), "sentences", 2, language="zh-Hans").text
        == "中国队赢了。比赛在北京举行。"
    )
    assert run(["ฝนตก", "แดดออก"], (0, 1), "sentences", 2, language="th").text == "ฝนตก แดดออก"


def test_headline_takes_the_title() -> None:
    """A title that is short enough is the headline, and its span is its source."""
    composed = run(STORY, (0,), "sentences", 2, "headline", title="Tram line approved.")
    assert composed.text == "Tram line approved"
    assert composed.sentences[0].sources[0].start == 0
    assert composed.warnings == ()


@pytest.mark.parametrize("title", ["", "News", "Read more:", "word " * 13])
def test_headline_without_a_good_title(title: str) -> None:
    """Without a title that can serve, the best sentence loses its full stop."""
    assert run(STORY, (0,), "sentences", 2, "headline", title=title.strip()).text == STORY[0][:-1]


def test_headline_of_a_long_sentence_is_a_clause() -> None:
    """The first clause is a headline without an ellipsis; without one the sentence is cut and that is said."""
    clause = run(
        ["The bridge over the river reopened on Friday, " + "and so on " * 9 + "."], (0,), "sentences", 1, "headline"
    )
    assert clause.text == "The bridge over the river reopened on Friday"
    assert clause.warnings == ()
    cut = run(["Very " * 20 + "long."], (0,), "sentences", 1, "headline")
    assert words.count_words(cut.text, "en") == HEADLINE_WORDS
    assert cut.text.endswith("…")
    assert [warning.code for warning in cut.warnings] == ["shortened"]


def test_sentences_an_engine_wrote_keep_their_order() -> None:
    """Written sentences come as written, with all their sources; the title of the source does not replace them."""
    text, spans = article(STORY)
    result = SummaryResult(
        (SummarySentence("It opens in 2031.", (2,), 0.0), SummarySentence("A tram was approved.", (0, 1), -1.0))
    )
    composed = compose(text, spans, result, length=Length("sentences", 2), format="paragraph", language="en", title="")
    assert composed.text == "It opens in 2031. A tram was approved."
    assert len(composed.sentences[1].sources) == 2
    headline = compose(
        text, spans, result, length=Length("sentences", 2), format="headline", language="en", title="The council"
    )
    assert headline.text == "It opens in 2031"


def test_nothing_visible_gives_an_empty_summary() -> None:
    """An empty result, or one of blanks, composes to nothing rather than failing."""
    assert run(["   "], (0,), "words", 3) == Composed("", ())
    assert run(["a"], (), "sentences", 1, "headline") == Composed("", ())


def test_weak_sentences_do_not_fill_a_bound() -> None:
    """A sentence far below the best is not taken only because it is short."""
    text, spans = article(STORY)
    result = SummaryResult((SummarySentence(None, (0,), 1.0), SummarySentence(None, (2,), 0.01)))
    composed = compose(text, spans, result, length=Length("words", 50), format="paragraph", language="en", title="")
    assert composed.text == STORY[0]


SENTENCES = st.lists(
    st.one_of(
        st.text(min_size=1, max_size=40),
        st.text('ab ,."“”—é\u0301\n', min_size=1, max_size=60),
        st.text("中国队赢了。，ไทยภา ", min_size=1, max_size=30),
        st.sampled_from(STORY),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=400, deadline=None)
@given(
    SENTENCES,
    st.randoms(use_true_random=False),
    st.sampled_from(["sentences", "words", "characters"]),
    st.integers(1, 60),
    st.sampled_from(["paragraph", "bullets", "headline"]),
    st.sampled_from(["en", "zh-Hans", "th", "de", "und"]),
    st.booleans(),
)
def test_bound_order_and_sources_hold(
    parts: list[str], random: object, unit: Unit, at_most: int, format: Format, language: str, titled: bool
) -> None:
    """In every unit, format and language the bound holds, sources slice to the sentences, and runs agree."""
    order = list(range(len(parts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    title = parts[0] if titled else ""
    text, spans = article(parts)
    result = extract(*order)
    length = Length(unit, at_most)
    composed = compose(text, spans, result, length=length, format=format, language=language, title=title)
    assert composed == compose(text, spans, result, length=length, format=format, language=language, title=title)
    assert bool(composed.text) == any(smooth(part) for part in parts)
    if unit == "sentences":
        assert len(composed.sentences) <= at_most
    elif unit == "words":
        assert words.count_words(composed.text, language) <= at_most
    else:
        assert len(composed.text) <= at_most
    starts = [one.sources[0].start for one in composed.sentences]
    assert starts == sorted(starts)
    assert format != "headline" or words.count_words(composed.text, language) <= HEADLINE_WORDS
    cut = any(warning.code == "shortened" for warning in composed.warnings)
    for one in composed.sentences:
        assert one.text in composed.text
        if not cut and format != "headline":
            assert one.text == smooth(text[one.sources[0].start : one.sources[0].end])


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("word " * 100_000, "words"),
        ("w" * 500_000, "characters"),
        ('"a ' * 160_000, "words"),
        ("国" * 500_000, "characters"),
    ],
)
@pytest.mark.parametrize("format", ["paragraph", "headline"])
def test_half_a_million_characters_in_one_sentence(text: str, unit: Unit, format: Format) -> None:
    """One endless sentence is cut in linear time."""
    composed = run([text.strip()], (0,), unit, 20, format)
    assert composed.text.endswith("…")
    assert len(composed.text) < 200


def test_a_headline_is_cut_before_half_a_quotation() -> None:
    """Far too short is better than a quotation that does not close."""
    parts = ('"The sea will win", "Nobody asked any of us before they drew the line": the harbour meets on Monday.',)
    made = run(parts, (0,), "sentences", 1, "headline")
    assert balanced(made.text)
    assert made.text.startswith('"The sea will win"')
