from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from service.engines.remote.engine import RemoteEngine
from service.errors import EngineFailed
from service.records import Job, Segment, SummaryParams, Task, Usage
from tests.engines.remote.driving import STORY, SUMMARY, engine, error_of, run, summarize, summary_job
from tests.engines.remote.scripted import Asked, Behaviour, ScriptedServer, says, script


def summary_by(behave: Behaviour, job: Job) -> list[str | None]:
    """Texts of the sentences, best first."""
    with ScriptedServer(behave) as server:
        made = engine(server.url)
        try:
            return [sentence.text for sentence in summarize(made, job).sentences]
        finally:
            made.close()


def refusal(answer: str, job: Job | None = None, finish: str = "stop") -> str:
    """Why an answer, given twice, is refused."""
    with ScriptedServer(lambda _: says(answer, finish)) as server:
        made = engine(server.url)
        error = error_of(lambda: summarize(made, job or summary_job()))
        made.close()
    assert isinstance(error, EngineFailed)
    assert len(server.asked) == 2, "refused answers are asked for once more"
    assert "Your previous answer was refused: it " in server.asked[1].system
    return error.detail.partition("refused: ")[2]


def test_a_summary_knows_its_sources() -> None:
    """Sentences come in the model's order with falling scores, each with the segments that support it."""
    with ScriptedServer(script(SUMMARY)) as server:
        made: RemoteEngine = engine(server.url)
        result, usage = run(made, summary_job(title="Ferries go electric"))
        made.close()
    sentences = result.sentences  # type: ignore[union-attr]
    assert [sentence.text for sentence in sentences] == SUMMARY.split("\n")
    assert [sentence.sources for sentence in sentences] == [(0,), (1,), (4,)]
    scores = [sentence.score for sentence in sentences]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0.5
    assert usage == Usage(100, 7)
    (asked,) = server.asked
    assert asked.fenced == ["Ferries go electric", "", " ".join(STORY)]
    assert "at most 3 plain sentences in English" in asked.system


def test_a_sentence_made_of_two_names_both() -> None:
    """A sentence that joins facts from two places has both as sources."""
    joined = "Lindvik will replace its three diesel ferries with electric ones, delivered by a shipyard in Gdansk."
    with ScriptedServer(script(joined)) as server:
        made = engine(server.url)
        (sentence,) = summarize(made, summary_job()).sentences
        made.close()
    assert sentence.sources == (0, 4)


@pytest.mark.parametrize(
    "wrapped",
    [
        "<think>Ferries... which one?\n</think>\n\n{0}\n{1}",
        "thinking without an opening</think>{0}\n{1}",
        "```\n{0}\n{1}\n```",
        "Here is the summary:\n\n1. {0}\n2. {1}",
        "- {0}\n- {1}\n- {1}",
        "{0} {1}",
    ],
)
def test_wrapping_is_no_part_of_a_summary(wrapped: str) -> None:
    """Thoughts, code fences, announcements, bullets, repeats and one-line answers all give the same sentences."""
    first, second, _ = SUMMARY.split("\n")
    assert summary_by(script(wrapped.format(first, second)), summary_job()) == [first, second]


def test_an_answer_cut_at_the_token_bound_loses_its_last_sentence() -> None:
    """What the bound cut in the middle is not passed on; what came before is."""
    first, second, _ = SUMMARY.split("\n")
    found = summary_by(lambda _: says(f"{first}\n{second}\nThe first vessel is to be", "length"), summary_job())
    assert found == [first, second]
    assert refusal("Lindvik will replace its three", finish="length") == "it was not finished"


def test_a_second_answer_may_be_better() -> None:
    """One refused answer is asked for again, with a reason and without the answer."""
    with ScriptedServer(script("", SUMMARY)) as server:
        made = engine(server.url)
        assert len(summarize(made, summary_job()).sentences) == 3
        made.close()
    assert server.asked[1].system.endswith("Your previous answer was refused: it was empty.")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("...\n", "it was empty"),
        ("<think>and then he was cut", "it was not finished"),
        ("Лидвик заменит свои паромы электрическими до 2031 года.", "it was in another script"),
        ("Die Stadt ersetzt drei alte Schiffe durch neue, die mit Strom fahren sollen und leiser sind.", "another"),
        ("The recipe needs two eggs, some flour and a pinch of salt.", "it was not about the text"),
        ("The ferries the ferries the ferries the ferries the ferries the ferries", "it repeated itself"),
        ("Lindvik will replace its ferries. " * 60, "too long"),
        ("Lindvik ferries " + "electric diesel council " * 40 + ".", "it was too long"),
        ("x" * 9000, "it was far too long"),
    ],
)
def test_bad_answers_are_refused(answer: str, reason: str) -> None:
    """Empty, foreign, unrelated, looping and endless answers become a typed error, never a summary."""
    assert reason in refusal(answer)


def test_an_answer_that_tells_the_rules_is_refused() -> None:
    """Neither the instructions nor the mark of the fence come out."""

    def leak(asked: Asked) -> Iterator[bytes]:
        return says(" ".join(asked.system.split()[20:40]))

    def mark(asked: Asked) -> Iterator[bytes]:
        return says(f"{STORY[0]} {asked.user.split()[2]}")

    for behave in (leak, mark):
        with ScriptedServer(behave) as server:
            made = engine(server.url)
            error = error_of(lambda made=made: summarize(made, summary_job()))  # type: ignore[misc]
            made.close()
        assert error.detail.endswith("it repeated the instructions")


def test_languages_without_blanks_have_sources_too() -> None:
    """Sources are found in scripts that do not separate words."""
    texts = ("市議会は火曜日に新しい図書館の建設計画を承認した。", "建設費は十二億円で、来年の春に着工する予定だ。")
    job = Job(
        Task.SUMMARIZE, "remote-summary", "ja", "", tuple(map(Segment, texts)) * 2, SummaryParams(max_sentences=2)
    )
    with ScriptedServer(script("市議会は新しい図書館の建設を承認した。")) as server:
        made = engine(server.url)
        (sentence,) = summarize(made, job).sentences
        made.close()
    assert sentence.sources[0] == 0
    assert "Japanese (日本語)" in server.asked[0].system


def numbered(count: int) -> list[str]:
    return [f"Report {n} from village{n} tells of {n} new houses and a bridge over river{n}." for n in range(count)]


def extract(asked: Asked) -> Iterator[bytes]:
    """The first sentence of every line shown, as many as allowed."""
    allowed = int(re.findall(r"at most (\d+) plain", asked.system)[0])
    found = [sentence for line in asked.fenced for sentence in re.findall(r"Report .*?\.", line)]
    return says("\n".join(found[:allowed]))


def test_a_long_text_is_read_whole() -> None:
    """Parts go out under the bound, every segment in exactly one; notes on them are combined by further questions."""
    texts = numbered(400)
    job = summary_job(*texts, sentences=5)
    with ScriptedServer(extract) as server:
        made = engine(server.url, chunk_characters=2000)
        result = summarize(made, job)
        made.close()
    parts = [asked for asked in server.asked if asked.system.startswith("You summarize")]
    assert sorted(re.findall(r"Report (\d+) ", "\n".join("\n".join(asked.fenced) for asked in parts)), key=int) == [
        str(n) for n in range(400)
    ]
    assert all(len("\n".join(asked.fenced)) <= 2000 for asked in server.asked)
    assert (len(result.chunks), result.condensed) == (len(parts), True)
    assert (result.chunks[0].first, result.chunks[-1].last) == (0, 399)
    combined = [asked for asked in server.asked if asked.system.startswith("You combine")]
    assert combined[-1] is server.asked[-1]
    assert len(result.sentences) == 5
    assert [sentence.sources for sentence in result.sentences] == [
        (texts.index(str(sentence.text)),) for sentence in result.sentences
    ]


def test_a_segment_over_the_bound_is_cut_not_dropped() -> None:
    """One endless sentence goes out in parts that together are the sentence."""
    text = " ".join(f"word{n}" for n in range(1000))

    def echo(asked: Asked) -> Iterator[bytes]:
        return says(" ".join(asked.fenced[-1].split()[:5]))

    with ScriptedServer(echo) as server:
        made = engine(server.url, chunk_characters=2000)
        summarize(made, summary_job(text))
        made.close()
    shown = [word for asked in server.asked if asked.system.startswith("You summ") for word in asked.fenced[0].split()]
    assert shown == text.split() or sorted(shown) == sorted(text.split())


def test_one_failing_part_ends_the_row() -> None:
    """When a part gets no summary there is none of the whole: nothing is left out in silence."""

    def behave(asked: Asked) -> Iterator[bytes]:
        return says("") if "village7 " in asked.user else extract(asked)

    with ScriptedServer(behave) as server:
        made = engine(server.url, chunk_characters=2000)
        error = error_of(lambda: summarize(made, summary_job(*numbered(100))))
        made.close()
    assert "empty" in error.detail


def test_a_refused_answer_is_reported() -> None:
    """The summary that replaced it says what was wrong with the first one."""
    with ScriptedServer(script("Cats sleep a lot and dogs bark.", SUMMARY)) as server:
        made = engine(server.url)
        found = summarize(made, summary_job())
        made.close()
    assert [(one.segment, one.check, one.action) for one in found.checks] == [(0, "unsupported", "redecoded")]


def test_a_second_attempt_says_what_was_wrong_with_the_first() -> None:
    """A summary that is asked for again carries a remark of ours in the rules, and the text stays data."""
    job = replace(summary_job(), summary=SummaryParams("", 3, attempt=1))
    with ScriptedServer(script(SUMMARY)) as server:
        made = engine(server.url)
        summarize(made, job)
        made.close()
    (asked,) = server.asked
    assert "Your previous answer was refused: it said something that the text does not say." in asked.system
