"""The extractive engine: contract, order of preference, robustness in every script, speed and memory."""

from __future__ import annotations

import time
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engines.extractive.engine import ExtractiveEngine, word_count
from service.engines.extractive.features import NAMES
from service.engines.extractive.rank import TABLE, rank
from service.errors import BadRequest
from service.records import Job, Segment, SummaryParams, SummaryResult, Task, Usage

ARTICLE = (
    "The city council of Harwick approved a new tram line to the harbour on Monday.",
    "He said the vote had been long in coming.",
    "The tram line will link the harbour with the station and open in 2031, the council said.",
    "Will it be crowded?",
    "Shop owners near the harbour fear two years of building work on the tram line.",
    "12.4 / 33.1 / 18.0 / 7",
    "The council will pay 40 million crowns for the tram line and the harbour stop.",
    "A brass band played.",
    "The tram line will link the harbour with the station and open in 2031, the council said.",
)


def job(*texts: str, title: str = "", at_most: int = 8, source: str = "en", task: Task = Task.SUMMARIZE) -> Job:
    """A summary job over the given sentences."""
    segments = tuple(Segment(text, index) for index, text in enumerate(texts))
    return Job(task, "extractive", source, "", segments, SummaryParams(title, at_most))


def run(engine: ExtractiveEngine, work: Job) -> tuple[SummaryResult, Usage]:
    """Put one job through the engine."""
    (row,) = engine.prepare(work)
    engine.admit([(1, row)])
    (done,) = engine.step()
    assert done.error is None
    result, usage = engine.finish(work, [done.output])
    assert isinstance(result, SummaryResult)
    return result, usage


def indices(result: SummaryResult) -> list[int]:
    """The picked sentences, best first."""
    return [sentence.sources[0] for sentence in result.sentences]


def test_catalogue_entry_says_what_made_a_summary() -> None:
    """The one model serves every language and its digest covers its sources."""
    (model,) = ExtractiveEngine().models()
    assert (model.id, model.task, model.languages) == ("extractive", Task.SUMMARIZE, ("*",))
    assert len(model.digest) == 64
    assert model.revision


def test_best_sentence_first_and_bound_kept() -> None:
    """The announcement leads, debris and questions do not come, and no more than asked is returned."""
    result, usage = run(ExtractiveEngine(), job(*ARTICLE, at_most=3))
    picked = indices(result)
    assert picked[0] == 0
    assert len(picked) == 3
    assert not {1, 3, 5, 7} & set(picked)
    assert all(sentence.text is None and sentence.score > 0 for sentence in result.sentences)
    assert usage.input_tokens > usage.output_tokens > 0


def test_repeated_sentences_count_once() -> None:
    """Of two equal sentences only the first can be picked, and near-equal ones are not both picked early."""
    result, _ = run(ExtractiveEngine(), job(*ARTICLE, at_most=20))
    assert 8 not in indices(result)
    same, _ = run(ExtractiveEngine(), job(*["All the same here."] * 30))
    assert indices(same) == [0]


def test_title_draws_its_sentence() -> None:
    """A sentence that says what the title says comes earlier than without the title."""
    texts = [f"Report number {n} deals with matter {n} of the meeting." for n in range(12)]
    texts[9] = "Volcanic ash closed the northern airports for a week."
    plain = [pick.index for pick in rank(texts, "", 12, "en")].index(9)
    titled = [pick.index for pick in rank(texts, "Volcanic ash closes airports", 12, "en")].index(9)
    assert titled <= plain


@pytest.mark.parametrize(
    "texts",
    [
        (
            "中国队在决赛中击败了日本队。",
            "比赛在北京举行，观众超过五万人。",
            "他说球队表现出色。",
            "决赛之后，中国队将前往上海。",
        ),
        ("รัฐบาลประกาศสร้างรถไฟฟ้าสายใหม่", "รถไฟฟ้าสายใหม่จะเปิดในปีหน้า", "ประชาชนยินดีกับรถไฟฟ้า"),
        ("أعلنت الحكومة عن خط قطار جديد إلى الميناء.", "سيفتح الخط الجديد في العام المقبل.", "عبر السكان عن سرورهم."),
        ("सरकार ने नई रेल लाइन की घोषणा की।", "नई रेल लाइन अगले साल खुलेगी।", "लोग खुश हैं।"),
    ],
)
def test_any_script(texts: tuple[str, ...]) -> None:
    """Scripts without blanks or capitals get a full ranking."""
    result, usage = run(ExtractiveEngine(), job(*texts, source="und"))
    assert sorted(indices(result)) == list(range(len(texts)))
    assert usage.input_tokens >= len(texts)


@pytest.mark.parametrize("texts", [(), ("",), (" \n\t",), ("", " ")])
def test_nothing_visible_gives_an_empty_result(texts: tuple[str, ...]) -> None:
    """No text is no failure: the result is empty."""
    result, usage = run(ExtractiveEngine(), job(*texts))
    assert result.sentences == ()
    assert usage == Usage(0, 0)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text(max_size=60), max_size=25),
    st.text(max_size=30),
    st.integers(1, 30),
    st.sampled_from(["en", "zh", "und"]),
)
def test_anything_is_ranked_and_the_same_each_time(texts: list[str], title: str, at_most: int, language: str) -> None:
    """Whatever the segments hold, picks are distinct, bounded, in range and repeatable."""
    picks = rank(texts, title, at_most, language)
    assert picks == rank(texts, title, at_most, language)
    chosen = [pick.index for pick in picks]
    assert len(set(chosen)) == len(chosen) <= at_most
    assert all(texts[index].strip() for index in chosen)
    assert bool(picks) == any(text.strip() for text in texts)


def test_lone_surrogates_and_controls_are_text() -> None:
    """Code points that are no characters do not fail."""
    assert rank(["\x00", "\ud800 lone", "😀" * 50, "a"], "\udfff", 4, "en")


def test_rows_are_independent_and_can_be_evicted() -> None:
    """Rows end in the order they came, an evicted row never ends, and a row's result ignores its neighbours."""
    engine = ExtractiveEngine()
    alone, _ = run(engine, job(*ARTICLE))
    (row,) = engine.prepare(job(*ARTICLE))
    (other,) = engine.prepare(job(*ARTICLE[2:]))
    free = engine.free_rows()
    engine.admit([(2, row), (3, other), (4, row)])
    assert engine.free_rows() == free - 3
    engine.evict([3, 99])
    done = engine.step()
    assert [one.row_id for one in done] == [2, 4]
    assert all(one.output == alone for one in done)
    assert engine.free_rows() == free
    engine.close()


def test_a_large_row_ends_a_step() -> None:
    """Small rows share a step; a step stops before it would take long."""
    engine = ExtractiveEngine()
    (small,) = engine.prepare(job(*ARTICLE))
    (large,) = engine.prepare(job(*[f"{text} {n}" for n in range(40) for text in ARTICLE]))
    engine.admit([(1, small), (2, large), (3, small)])
    assert [[one.row_id for one in engine.step()] for _ in range(3)] == [[1], [2], [3]]


def test_wrong_jobs_are_refused() -> None:
    """Translation and a summary of no sentences are refused before the queue."""
    engine = ExtractiveEngine()
    with pytest.raises(BadRequest):
        engine.prepare(job("A.", task=Task.TRANSLATE))
    with pytest.raises(BadRequest):
        engine.prepare(job("A.", at_most=0))


def test_time_stays_in_bounds() -> None:
    """A long text of many sentences costs time in proportion: well under the second a step may take."""
    engine = ExtractiveEngine()
    engine.warm()
    texts = [f"{ARTICLE[n % 9]} Note {n} of {n * 7919 % 1009}, part {n * 31 % 97}." for n in range(5000)]
    start = time.process_time()
    result, _ = run(engine, job(*texts))
    assert time.process_time() - start < 1.5
    assert len(result.sentences) == 8


def test_word_count_in_both_kinds_of_script() -> None:
    """Blanks count where they are used, pairs of characters elsewhere."""
    assert word_count("three short words") == 3
    assert word_count("中国队在决赛中击败了日本队获得冠军") == 8
    assert word_count("") == 0


def test_weights_are_those_of_the_features() -> None:
    """The table of weights names each feature once."""
    with TABLE.open("rb") as file:
        assert set(tomllib.load(file)["weights"]) == set(NAMES)


def test_a_sentence_that_leans_is_not_taken_alone() -> None:
    """An opening that needs the sentence before it is passed over for one that stands by itself."""
    texts = [
        "The harbour tram of Harwick will be built, the council said on Monday.",
        "Rain fell on the market of the old town all through the afternoon.",
        "It will link the harbour tram with the station of Harwick, the council said.",
        "Engineers of Harwick will link the harbour tram with the station in 2031.",
    ]
    assert {pick.index for pick in rank(texts, "", 2, "en")} == {0, 3}


@pytest.mark.parametrize(("opening", "closing"), ["“”", "«»", '""', "「」"])
def test_half_a_quotation_comes_with_its_other_half_or_not_at_all(opening: str, closing: str) -> None:
    """A quotation over two sentences is taken whole or left out."""
    texts = [
        "The council of Harwick approved the tram line to the harbour on Monday.",
        f"{opening}The tram line to the harbour changes everything for this town.",
        f"Nobody in the council of Harwick will want to go without it,{closing} the mayor said.",
        "Shop owners near the harbour fear two years of work on the tram line.",
        "The tram line will cost the town of Harwick 40 million crowns.",
    ]
    for at_most in (1, 2, 3, 5):
        taken = {pick.index for pick in rank(texts, "", at_most, "en")}
        assert len(taken & {1, 2}) != 1


def test_near_repeats_are_not_both_taken() -> None:
    """Of two sentences that say the same in nearly the same words one is enough."""
    texts = [*ARTICLE[:3], ARTICLE[0].replace("Monday", "Monday night"), *ARTICLE[4:7]]
    assert not {0, 3} <= {pick.index for pick in rank(texts, "", 6, "en")}


def test_how_many_will_be_printed_matters_not_how_many_are_asked_for() -> None:
    """Spare sentences do not change which ones come first."""
    two = [pick.index for pick in rank(ARTICLE, "", 2, "en")]
    assert [pick.index for pick in rank(ARTICLE, "", 9, "en", 2)][:2] == two
