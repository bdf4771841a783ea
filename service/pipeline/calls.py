"""The model calls of one request, with what they cost."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

from service.events import Ended
from service.pipeline.progress import SILENT, Progress
from service.pipeline.requests import Provenance, TimingTotals, UsedModel
from service.records import CallContext, Job, ModelInfo, Outcome, Usage
from service.serving.backend import Backend
from service.version import VERSION


class Calls:
    """Runs jobs for one request and adds up what they took.

    Args:
        backend: where they run.
        context: whose request it is, and until when.
        config_digest: of the settings.
        progress: who is told how far the request is.
    """

    def __init__(self, backend: Backend, context: CallContext, config_digest: str, progress: Progress = SILENT) -> None:
        self.progress = progress
        self._config_digest = config_digest
        self._backend = backend
        self._context = context
        self._started_s = time.monotonic()
        self._queue_ms = 0.0
        self._model_ms = 0.0
        self._input_tokens = 0
        self._output_tokens = 0
        self._models: dict[tuple[str, str, str], UsedModel] = {}

    def run(self, jobs: Sequence[Job], models: Sequence[ModelInfo]) -> list[Outcome]:
        """Run jobs as one batch and return how each ended, in their order."""
        outcomes = dict(self.each(jobs, models))
        return [outcomes[number] for number in range(len(jobs))]

    def each(self, jobs: Sequence[Job], models: Sequence[ModelInfo]) -> Generator[tuple[int, Outcome]]:
        """Run jobs as one batch and yield the number and the end of each: as it ends where the request is followed.

        They run side by side, so the slowest one counts for the time.
        """
        queue_ms = model_ms = 0.0
        if self.progress.follows:
            ended: Iterator[tuple[int, Outcome]] = self._followed(jobs)
        else:
            ended = enumerate(self._backend.run(jobs, self._context))
        for number, outcome in ended:
            queue_ms = max(queue_ms, outcome.timing.queue_ms)
            model_ms = max(model_ms, outcome.timing.model_ms)
            self._input_tokens += outcome.usage.input_tokens
            self._output_tokens += outcome.usage.output_tokens
            self._note(models[number], outcome)
            yield number, outcome
        self._queue_ms += queue_ms
        self._model_ms += model_ms

    def _note(self, model: ModelInfo, outcome: Outcome) -> None:
        # During a rollout the replica that did it may have another revision than the catalogue names.
        revision, digest = outcome.model if any(outcome.model) else (model.revision, model.digest)
        self._models[model.id, revision, digest] = UsedModel(model.id, revision, digest)

    def _followed(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        with closing(self._backend.stream(jobs, self._context)) as events:
            for event in events:
                if isinstance(event, Ended):
                    yield event.job, event.outcome

    def timing(self) -> TimingTotals:
        """Milliseconds so far."""
        return TimingTotals((time.monotonic() - self._started_s) * 1000, self._queue_ms, self._model_ms)

    def usage(self) -> Usage:
        """Tokens so far."""
        return Usage(self._input_tokens, self._output_tokens)

    def provenance(self) -> Provenance:
        """The models that took part, and the settings."""
        models = tuple(self._models[key] for key in sorted(self._models))
        return Provenance(VERSION, models, self._config_digest)
