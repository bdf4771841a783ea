"""Counts the characters that a caller sends before work on them begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from service.api.access import Access, current_entry, refusal
from service.api.context import PipelineLike
from service.api.limits import Verdict
from service.pipeline.progress import SILENT, Progress
from service.pipeline.requests import (
    DetectReply,
    DetectRequest,
    LanguagesReply,
    SummarizeReply,
    SummarizeRequest,
    TranslateReply,
    TranslateRequest,
)
from service.records import CallContext, ModelInfo

R = TypeVar("R")


class MeteredPipeline:
    """A pipeline that charges its callers' keys.

    An article counts once, whatever its summary is translated into; a text to translate counts for each target. What
    fails is not charged, unless the caller was told some of it before.
    """

    def __init__(self, pipeline: PipelineLike, access: Access) -> None:
        self._pipeline = pipeline
        self._access = access

    def summarize(self, request: SummarizeRequest, context: CallContext, progress: Progress = SILENT) -> SummarizeReply:
        """As the pipeline's.

        Raises:
            RateLimited: the key's characters are used up.
        """
        return self._charged(
            context.caller,
            characters(request),
            lambda: self._pipeline.summarize(request, context, progress),
            progress,
        )

    def translate(self, request: TranslateRequest, context: CallContext, progress: Progress = SILENT) -> TranslateReply:
        """As the pipeline's.

        Raises:
            RateLimited: the key's characters are used up.
        """
        return self._charged(
            context.caller,
            characters(request),
            lambda: self._pipeline.translate(request, context, progress),
            progress,
        )

    def detect(self, request: DetectRequest) -> DetectReply:
        """As the pipeline's.

        Raises:
            RateLimited: the key's characters are used up.
        """
        entry = current_entry()
        caller = entry.key.id if entry else ""
        return self._charged(caller, characters(request), lambda: self._pipeline.detect(request))

    def languages(self) -> LanguagesReply:
        """As the pipeline's."""
        return self._pipeline.languages()

    def models(self) -> tuple[ModelInfo, ...]:
        """As the pipeline's."""
        return self._pipeline.models()

    def _charged(self, caller: str, characters: int, work: Callable[[], R], progress: Progress = SILENT) -> R:
        charge(self._access, caller, characters)
        try:
            return work()
        except BaseException:
            if caller and not progress.told:
                self._access.limiter.refund(caller, characters)
            raise


def characters(request: SummarizeRequest | TranslateRequest | DetectRequest) -> int:
    """What a request is charged."""
    if isinstance(request, SummarizeRequest):
        return len(request.text or "") + len(request.html or "")
    times = len(request.targets) if isinstance(request, TranslateRequest) else 1
    return sum(map(len, request.texts)) * times


def charge(access: Access, caller: str, characters: int) -> None:
    """Count characters of a caller, such as those of a job that is done later; nothing is counted without a key.

    Raises:
        RateLimited: they do not fit into what is left of the day or the month.
    """
    key = access.by_id(caller) if caller else None
    if key is None:
        return
    verdict = access.limiter.charge(key, characters)
    entry = current_entry()
    if entry is not None:
        latest = {standing.name: standing for standing in (*entry.verdict.standings, *verdict.standings)}
        entry.verdict = Verdict(tuple(latest.values()), verdict.refused)
    if verdict.refused:
        raise refusal(verdict)
