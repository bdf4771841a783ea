"""The model calls of one request, with what they cost."""

from __future__ import annotations

import time
from collections.abc import Sequence

from service.pipeline.requests import Provenance, TimingTotals, UsedModel
from service.records import CallContext, Job, ModelInfo, Outcome, Usage
from service.serving.backend import Backend
from service.version import VERSION


class Calls:
    """Runs jobs for one request and adds up what they took."""

    def __init__(self, backend: Backend, context: CallContext, config_digest: str) -> None:
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
        """Run jobs, each with its model, as one batch; they run side by side, so the slowest counts for the time."""
        outcomes = self._backend.run(jobs, self._context)
        self._queue_ms += max(outcome.timing.queue_ms for outcome in outcomes)
        self._model_ms += max(outcome.timing.model_ms for outcome in outcomes)
        self._input_tokens += sum(outcome.usage.input_tokens for outcome in outcomes)
        self._output_tokens += sum(outcome.usage.output_tokens for outcome in outcomes)
        for model, outcome in zip(models, outcomes, strict=True):
            # During a rollout the replica that did it may have another revision than the catalogue names.
            revision, digest = outcome.model if any(outcome.model) else (model.revision, model.digest)
            self._models[model.id, revision, digest] = UsedModel(model.id, revision, digest)
        return outcomes

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
