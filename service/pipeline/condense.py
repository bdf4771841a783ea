"""One summary of a text of any length: where the model read it in chunks, the chunks' summaries are summarized again.

The model process cuts to its model's limit and says which chunks it read; each further round reads what the last one
wrote, so rounds are few. Every sentence keeps pointing at the segments of the first round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from service.errors import Cancelled, EngineFailed, PrecisError
from service.observability.stages import stage
from service.pipeline.calls import Calls
from service.pipeline.requests import SummaryCheck, Warn
from service.records import Chunk, Job, ModelInfo, Segment, SummaryParams, SummaryResult, SummarySentence, Task

# A chunk's summary is a seventh of it or less, so this is enough for more text than is ever taken.
MOST_ROUNDS = 4
# What `degraded` says of a summary that is made of the chunks' sentences.
UNCONDENSED = "chunks"


@dataclass(frozen=True, slots=True)
class Condensed:
    """A summary of segments, best sentences first.

    Attributes:
        result: its sentences, with sources among the segments.
        chunks: what the model read as a whole in the first round; empty where it read everything so.
        checks: what the guards doubted on the way.
        degraded: `chunks` when the sentences are those of the chunks because the last step failed, else None.
    """

    result: SummaryResult
    chunks: tuple[Chunk, ...]
    checks: tuple[SummaryCheck, ...]
    degraded: str | None = None
    warnings: tuple[Warn, ...] = ()


def condense(
    job: Job, model: ModelInfo, calls: Calls, enough: Callable[[SummaryResult], bool] = lambda result: False
) -> Condensed:
    """Summarize a job's segments, in rounds where they are too long for one.

    Args:
        job: a summary of the whole text.
        model: that the job names.
        calls: where rounds run; one deadline holds for all of them.
        enough: whether the sentences of several chunks may stay as they are, because all fit the caller's bound.
    Raises:
        PrecisError: the first round failed; what fails later degrades the summary instead.
        Cancelled: the caller has gone.
    """
    first = _run(job, model, calls)
    checks = _checks(first)
    result = first
    for _ in range(MOST_ROUNDS):
        if len(result.chunks) <= 1 or result.condensed or enough(result):
            return Condensed(result, first.chunks, checks)
        notes = in_reading_order(result, job.segments)
        segments = tuple(Segment(note.text or "", note.chunk) for note in notes)
        try:
            reduced = _run(replace(job, segments=segments, summary=replace(job.summary, title="")), model, calls)
        except Cancelled:
            raise
        except PrecisError as error:
            return _uncondensed(result, first, checks, error.code)
        checks += _checks(reduced)
        sentences = tuple(replace(one, sources=_sources(one, notes)) for one in reduced.sentences)
        shorter = sum(len(note.text or "") for note in notes) > sum(len(one.text or "") for one in sentences)
        if len(reduced.chunks) > 1 and not shorter:
            break
        result = SummaryResult(sentences, reduced.chunks)
    return (
        _uncondensed(result, first, checks, "too_long")
        if len(result.chunks) > 1
        else Condensed(result, first.chunks, checks)
    )


def in_reading_order(result: SummaryResult, segments: Sequence[Segment]) -> list[SummarySentence]:
    """The sentences of all chunks, in the order of the text, each with its own words."""
    ordered = sorted(result.sentences, key=lambda sentence: sentence.chunk)
    return [
        replace(one, text=segments[one.sources[0]].text if one.text is None else one.text)
        for one in ordered
        if one.text is not None or one.sources
    ]


def summary_job(model: ModelInfo, language: str, segments: tuple[Segment, ...], params: SummaryParams) -> Job:
    """The job of a whole text."""
    return Job(Task.SUMMARIZE, model.id, language, "", segments, params)


def _run(job: Job, model: ModelInfo, calls: Calls) -> SummaryResult:
    with stage("summarize"):
        (outcome,) = calls.run([job], [model])
    if outcome.error is not None:
        raise outcome.error
    if not isinstance(outcome.result, SummaryResult) or not outcome.result.sentences:
        raise EngineFailed("the engine found nothing to say about this text")
    return outcome.result


def _sources(sentence: SummarySentence, notes: Sequence[SummarySentence]) -> tuple[int, ...]:
    return tuple(sorted({source for note in sentence.sources for source in notes[note].sources}))


def _checks(result: SummaryResult) -> tuple[SummaryCheck, ...]:
    return tuple(SummaryCheck(Task.SUMMARIZE, one.check, one.action) for one in result.checks)


def _uncondensed(result: SummaryResult, first: SummaryResult, checks: tuple[SummaryCheck, ...], code: str) -> Condensed:
    detail = f"the text was read in parts and the summaries of the parts could not be made into one ({code})"
    return Condensed(result, first.chunks, checks, UNCONDENSED, (Warn("not_condensed", detail),))
