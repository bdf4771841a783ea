"""Summaries from the article's own sentences: a handful of weights, no data, any language."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from service import openers
from service.config import Settings
from service.engines.base import RowDone, RowWork
from service.engines.catalogue import rows_for
from service.engines.extractive import features as values
from service.engines.extractive import matrix as matrices
from service.engines.extractive import rank as ranking
from service.errors import BadRequest
from service.records import Job, ModelInfo, Result, SummaryResult, SummarySentence, Task, Usage

NAME = "extractive"
REVISION = "2"  # goes up with every change that can change a summary
_ROWS = 64
_STEP_COST = 8_000  # characters one step works through before it lets the loop admit and beat


@dataclass(frozen=True, slots=True)
class _Payload:
    texts: tuple[str, ...]
    title: str
    at_most: int
    likely: int
    language: str


def word_count(text: str) -> int:
    """Return roughly how many words a text has: blanks for scripts with spaces, else one word per two characters."""
    spaced = len(text.split())
    return spaced if spaced * 12 >= len(text) or not spaced else len(text) // 2


@cache
def digest() -> str:
    """Return the SHA-256 of the sources that decide a summary, as hex."""
    state = hashlib.sha256()
    for name in (__file__, matrices.__file__, values.__file__, ranking.__file__, ranking.TABLE, openers.__file__):
        state.update(Path(name).read_bytes())
    return state.hexdigest()


class ExtractiveEngine:
    """Implements `engines.base.Engine`: one job is one row, and a row ends in the step that reaches it."""

    def __init__(self) -> None:
        self._models = tuple(
            ModelInfo(
                id=row.id,
                task=row.task,
                revision=REVISION,
                digest=digest(),
                quality=row.quality,
                rank=row.rank,
                licence=row.licence,
                languages=row.languages or ("*",),
            )
            for row in rows_for(NAME)
        )
        self._rows: dict[int, RowWork] = {}

    def models(self) -> tuple[ModelInfo, ...]:
        """The catalogue entries this engine serves."""
        return self._models

    def prepare(self, job: Job) -> list[RowWork]:
        """Make one row of a summary job.

        Raises:
            BadRequest: not a summary job, or no sentence asked for.
        """
        if job.task is not Task.SUMMARIZE:
            raise BadRequest("this engine only summarizes", field="engine")
        if job.summary.max_sentences < 1:
            raise BadRequest("at least one sentence must be allowed", field="length")
        texts = tuple(segment.text for segment in job.segments)
        wanted = job.summary
        payload = _Payload(texts, wanted.title, wanted.max_sentences, wanted.likely_sentences, job.source)
        return [RowWork(max(1, job.characters), payload)]

    def finish(self, job: Job, outputs: Sequence[object]) -> tuple[Result, Usage]:
        """Return the row's sentences; tokens are words as `word_count` counts them."""
        (result,) = outputs
        if not isinstance(result, SummaryResult):
            raise TypeError(f"not an output of this engine: {type(result).__name__}")
        chosen = (job.segments[sentence.sources[0]].text for sentence in result.sentences)
        words = sum(word_count(segment.text) for segment in job.segments)
        return result, Usage(input_tokens=words, output_tokens=sum(map(word_count, chosen)))

    def warm(self) -> None:
        """Build the tables and run one summary."""
        matrices.warm()
        ranking.rank(["One sentence is here.", "Another sentence is there."], "A title", 1, "en")

    def free_rows(self) -> int:
        """How many more rows can be admitted now."""
        return _ROWS - len(self._rows)

    def admit(self, rows: Sequence[tuple[int, RowWork]]) -> None:
        """Take rows in, in order."""
        self._rows.update(rows)

    def step(self) -> list[RowDone]:
        """Finish the oldest row, and those after it while they are small together."""
        done: list[RowDone] = []
        spent = 0
        while self._rows:
            row_id, work = next(iter(self._rows.items()))
            if done and spent + work.cost > _STEP_COST:
                break
            spent += work.cost
            del self._rows[row_id]
            done.append(RowDone(row_id, _summarize(work)))
        return done

    def evict(self, row_ids: Sequence[int]) -> None:
        """Forget rows."""
        for row_id in row_ids:
            self._rows.pop(row_id, None)

    def interrupt(self) -> None:
        """Nothing to do: a step never waits."""

    def close(self) -> None:
        """Forget everything."""
        self._rows.clear()


def _summarize(work: RowWork) -> SummaryResult:
    """Return the sentences of one row, best first."""
    payload = work.payload
    if not isinstance(payload, _Payload):
        raise TypeError(f"not a row of this engine: {type(payload).__name__}")
    picks = ranking.rank(payload.texts, payload.title, payload.at_most, payload.language, payload.likely)
    return SummaryResult(tuple(SummarySentence(None, (pick.index,), pick.score) for pick in picks))


def create(_settings: Settings) -> ExtractiveEngine:
    """Make the engine; it has no settings."""
    return ExtractiveEngine()
