"""A backend that a test scripts: models by id, each a function from a job to what it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from service.config import load
from service.errors import PrecisError
from service.events import Ended, Event
from service.pipeline.pipeline import Pipeline
from service.records import (
    CallContext,
    Catalogue,
    Chunk,
    Direction,
    Job,
    ModelInfo,
    Outcome,
    Result,
    SummaryResult,
    SummarySentence,
    Task,
    Timing,
    TranslateResult,
    Usage,
)

Answer = Callable[[Job], Result]


@dataclass
class Scripted:
    """Runs jobs by calling the function of their model; keeps every job."""

    models: tuple[ModelInfo, ...]
    answers: dict[str, Answer]
    jobs: list[Job] = field(default_factory=list)

    def run(self, jobs: Sequence[Job], context: CallContext) -> list[Outcome]:
        """See Backend.run."""
        self.jobs += jobs
        outcomes = []
        for job in jobs:
            try:
                outcomes.append(Outcome(self.answers[job.engine](job), None, Timing(1.0, 2.0), Usage(3, 4)))
            except PrecisError as error:
                outcomes.append(Outcome(error=error))
        return outcomes

    def stream(self, jobs: Sequence[Job], context: CallContext) -> Iterator[Event]:
        """See Backend.stream."""
        for index, outcome in enumerate(self.run(jobs, context)):
            yield Ended(index, outcome)

    def catalogue(self) -> Catalogue:
        """See Backend.catalogue."""
        return Catalogue(tuple(sorted(self.models, key=lambda model: (model.rank, model.id))))

    def close(self) -> None:
        """Nothing to release."""

    def pipeline(self) -> Pipeline:
        """A pipeline over this backend."""
        return Pipeline(self, load({}))


def context() -> CallContext:
    """A caller with time."""
    return CallContext("test", time.monotonic() + 60)


def summarizer(model_id: str, rank: int, *languages: str, quality: str = "standard") -> ModelInfo:
    """A summary model."""
    return ModelInfo(model_id, Task.SUMMARIZE, "1", "", quality, rank, "CC0-1.0", languages)


def translator(model_id: str, rank: int, *pairs: tuple[str, str], quality: str = "standard") -> ModelInfo:
    """A translation model."""
    directions = tuple(Direction(one, other, (one, other)) for one, other in pairs)
    return ModelInfo(model_id, Task.TRANSLATE, "1", "", quality, rank, "CC0-1.0", directions=directions)


def extractive(job: Job) -> SummaryResult:
    """The first segments as they are."""
    count = min(job.summary.max_sentences, len(job.segments))
    return SummaryResult(tuple(SummarySentence(None, (index,), 1 - index / 100) for index in range(count)))


def chunked(limit: int, each: int = 1) -> Answer:
    """A summarizer that reads `limit` segments at a time and writes the first `each` of them again, shortened."""

    def answer(job: Job) -> SummaryResult:
        found = []
        chunks = []
        for number, start in enumerate(range(0, len(job.segments), limit)):
            texts = job.segments[start : start + limit]
            chunks.append(Chunk(start, 0, start + len(texts) - 1, len(texts[-1].text)))
            for place, segment in enumerate(texts[:each]):
                found.append((place, number, f"{segment.text[:-2]}.", start + place))
        found.sort(key=lambda one: one[:2])
        sentences = [SummarySentence(text, (source,), 1 - i / 999, n) for i, (_, n, text, source) in enumerate(found)]
        return SummaryResult(tuple(sentences), tuple(chunks))

    return answer


def tagging(job: Job) -> TranslateResult:
    """Each segment with the target before it."""
    return TranslateResult(tuple(f"<{job.target}> {one.text}" for one in job.segments), (job.source, job.target))
