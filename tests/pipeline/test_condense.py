"""Summaries of texts that are longer than a model reads at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.errors import Cancelled, DeadlineExceeded, EngineFailed
from service.pipeline.requests import LENGTHS, Length, SummarizeReply, SummarizeRequest
from service.records import Check, Chunk, Job, Result, SummaryResult, SummarySentence, Task
from tests.pipeline.scripted import Answer, Scripted, chunked, context, extractive, summarizer

NAMES = ("ferry", "school", "bridge", "garden", "market", "tower", "river", "station", "theatre", "harbour")
TEXT = "\n\n".join(
    f"The old {name} number {number} opened again on Monday after years of work."
    for number in range(12)
    for name in NAMES
)


def summarized(answer: Answer, **fields: object) -> tuple[SummarizeReply, Scripted]:
    """The reply for TEXT from a summarizer that answers so."""
    backend = Scripted((summarizer("s", 1, "*"),), {"s": answer})
    request = SummarizeRequest(**{"text": TEXT, "language": "en", **fields})  # type: ignore[arg-type]
    return backend.pipeline().summarize(request, context()), backend


def test_chunks_are_summarized_again_until_one_is_left() -> None:
    """120 sentences in chunks of ten become twelve, then two, then one round that reads all of it."""
    reply, backend = summarized(chunked(10), explain=True, length=Length("sentences", 1))
    assert [len(job.segments) for job in backend.jobs] == [120, 12, 2]
    assert len(reply.summary.sentences) == 1
    (sentence,) = reply.summary.sentences
    (source,) = sentence.sources
    assert (
        reply.source[source.start : source.end] == "The old ferry number 0 opened again on Monday after years of work."
    )
    assert reply.summary.degraded is None
    assert reply.coverage.chunks == 12
    assert not reply.coverage.truncated
    assert reply.coverage.used_characters == sum(map(len, TEXT.split("\n\n")))
    assert reply.explain is not None
    first = reply.explain.chunks[0]
    assert reply.source[first.start : first.end] == "\n\n".join(TEXT.split("\n\n")[:10])
    assert len(reply.explain.chunks) == 12
    assert reply.usage.input_tokens == 9
    assert reply.timing.model == 6.0


def test_sentences_of_chunks_that_all_fit_stay_as_they_are() -> None:
    """Nothing is thrown away to keep a bound that is kept already; they are read in the order of the text."""
    reply, backend = summarized(chunked(40, each=2), length=LENGTHS["long"])
    assert len(backend.jobs) == 1
    starts = [sentence.sources[0].start for sentence in reply.summary.sentences]
    assert len(starts) == 6
    assert starts == sorted(starts)
    headline, backend = summarized(chunked(40, each=2), length=LENGTHS["long"], format="headline")
    assert len(backend.jobs) == 2
    assert len(headline.summary.sentences) == 1


@pytest.mark.parametrize("length", [Length("words", 20), Length("characters", 90), Length("sentences", 2)])
def test_the_bound_is_kept_over_rounds(length: Length) -> None:
    """Whatever its unit."""
    reply, backend = summarized(chunked(30, each=3), length=length)
    assert len(backend.jobs) > 1
    text = reply.summary.text
    size = {"words": len(text.split()), "characters": len(text), "sentences": len(reply.summary.sentences)}
    assert 0 < size[length.unit] <= length.at_most


def test_provenance_goes_through_rounds() -> None:
    """A sentence of the last round points at all the caller's sentences that hold what it says."""

    def answer(job: Job) -> Result:
        first = chunked(30)(job)
        if len(job.segments) == 120:
            return first
        said = f"The {NAMES[0]} number 3 and the {NAMES[0]} number 9 opened again."
        return SummaryResult((SummarySentence(said, (1, 3), 1.0),), (Chunk(0, 0, 3, 9),))

    reply, _ = summarized(answer)
    (sentence,) = reply.summary.sentences
    quoted = [reply.source[span.start : span.end] for span in sentence.sources]
    assert quoted[:2] == [TEXT.split("\n\n")[30], TEXT.split("\n\n")[90]]


@pytest.mark.parametrize("error", [EngineFailed("no"), DeadlineExceeded("late")])
def test_a_failure_after_the_first_round_degrades(error: Exception) -> None:
    """The sentences of the chunks are a summary too, and the reply says that they are not one piece."""

    def answer(job: Job) -> Result:
        if len(job.segments) < 120:
            raise error
        return chunked(10)(job)

    reply, _ = summarized(answer)
    assert reply.summary.degraded == "chunks"
    assert [warning.code for warning in reply.warnings] == ["not_condensed"]
    assert len(reply.summary.sentences) == 2


def test_a_failure_of_the_first_round_and_a_caller_that_left_are_errors() -> None:
    """There is nothing to fall back on, and nobody to tell."""

    def failing(job: Job) -> Result:
        raise EngineFailed("no")

    with pytest.raises(EngineFailed):
        summarized(failing)

    def leaving(job: Job) -> Result:
        if len(job.segments) < 120:
            raise Cancelled("gone")
        return chunked(10)(job)

    with pytest.raises(Cancelled):
        summarized(leaving)


def test_rounds_that_get_nowhere_end() -> None:
    """A model that gives back what it reads is asked a few times at most."""

    def parrot(job: Job) -> Result:
        made = chunked(10, each=10)(job)
        texts = tuple(replace(one, text=job.segments[one.sources[0]].text) for one in made.sentences)
        return SummaryResult(texts, made.chunks)

    reply, backend = summarized(parrot)
    assert len(backend.jobs) <= 3
    assert reply.summary.degraded == "chunks"
    assert len(reply.summary.sentences) == 2


def test_extractive_summaries_take_one_round() -> None:
    """An engine that reads everything at once tells no chunks."""
    reply, backend = summarized(extractive)
    assert len(backend.jobs) == 1
    assert (reply.coverage.chunks, reply.coverage.truncated) == (1, False)
    assert reply.summary.degraded is None


def test_an_engine_that_condenses_itself_is_asked_once() -> None:
    """Its chunks are told all the same."""

    def whole(job: Job) -> Result:
        made = chunked(10)(job)
        return replace(made, sentences=made.sentences[:3], condensed=True)

    reply, backend = summarized(whole, length=Length("sentences", 1))
    assert len(backend.jobs) == 1
    assert (reply.coverage.chunks, reply.coverage.truncated, reply.summary.degraded) == (12, False, None)


def test_what_was_not_read_is_told() -> None:
    """A model that leaves out part of the text is not covered up."""

    def half(job: Job) -> Result:
        made = chunked(60)(job)
        return SummaryResult(made.sentences[:1], made.chunks[:1])

    reply, _ = summarized(half)
    assert reply.coverage.truncated
    assert reply.coverage.used_characters == sum(map(len, TEXT.split("\n\n")[:60]))


def test_doubts_of_all_rounds_are_told_once() -> None:
    """Guards report by what they found and in which step."""

    def doubted(job: Job) -> Result:
        made = chunked(10)(job)
        return replace(made, checks=(Check(0, "loop", "redecoded"), Check(1, "loop", "redecoded")))

    reply, _ = summarized(doubted)
    assert [(one.task, one.check, one.action) for one in reply.summary.checks] == [
        (Task.SUMMARIZE, "loop", "redecoded")
    ]
