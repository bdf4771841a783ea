"""What becomes of a summary that says more than its article: it is told, or another one is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from service.errors import Cancelled, DeadlineExceeded, PrecisError
from service.observability.stages import stage
from service.pipeline.article import Read
from service.pipeline.faithfulness.items import UNSUPPORTED
from service.pipeline.faithfulness.verify import Source
from service.pipeline.requests import Summary, SummaryCheck, Translation, Warn
from service.records import Task

# The name of the check, and of the warning where nothing better could be had.
CHECK = "unsupported"
EXTRACTIVE = "extractive"


class Made(Protocol):
    """A finished summary with what is to be said of it."""

    @property
    def summary(self) -> Summary:
        """The summary."""
        ...


M = TypeVar("M", bound=Made)


class Judge:
    """Checks everything that is made of one article against it.

    All of its text counts, what cleaning dropped as well: it is still something the article says.
    """

    def __init__(self, article: Read) -> None:
        self._source = Source(article.article.text, article.language)

    def judged(self, summary: Summary) -> Summary:
        """The summary with what was found."""
        with stage("faithfulness"):
            found = self._source.check(summary.text, summary.language, [one.text for one in summary.sentences])
        return replace(summary, faithfulness=found)

    def supports(self, text: str, language: str) -> bool:
        """Whether nothing in a sentence is doubted."""
        with stage("faithfulness"):
            return self._source.check(text, language, (text,)).verdict != UNSUPPORTED


def doubted(summary: Summary) -> bool:
    """Whether a judged summary says something that its article does not."""
    return summary.faithfulness is not None and summary.faithfulness.verdict == UNSUPPORTED


def best_supported(
    first: M,
    judged: Callable[[M], M],
    again: Callable[[], M] | None,
    extract: Callable[[], M] | None,
) -> tuple[M, tuple[SummaryCheck, ...], tuple[Warn, ...]]:
    """The first of three summaries that the article supports: as it was made, made again, made of its own sentences.

    Args:
        first: judged.
        judged: looks at another one.
        again: makes another one of supported sentences; None where the engine would make the same.
        extract: makes one of the article's sentences; None without such an engine.
    Returns:
        The summary, and what is to be said of how it came about. When none is supported it is the first.
    Raises:
        Cancelled, DeadlineExceeded: there is nobody to wait, or no time.
    """
    if not doubted(first.summary):
        return first, (), ()
    for make, warnings in ((again, ()), (extract, (_DEGRADED,))):
        if make is None:
            continue
        try:
            made = judged(make())
        except (Cancelled, DeadlineExceeded):
            raise
        except PrecisError:
            continue
        if not doubted(made.summary):
            return made, (SummaryCheck(Task.SUMMARIZE, CHECK, "redecoded"),), warnings
    return first, (SummaryCheck(Task.SUMMARIZE, CHECK, "flagged"),), (_LEFT,)


_DEGRADED = Warn("degraded", "what the engine wrote says more than the article; the summary is made of its sentences")
_LEFT = Warn(CHECK, "the summary says something that the article does not, and no better one could be made")


def judged_translation(source: Source, translation: Translation) -> Translation:
    """A translation with what its source does not say of it; one that failed, or is its source, as it is."""
    if translation.error is not None:
        return translation
    with stage("faithfulness"):
        found = source.check(translation.text, translation.target, (translation.text,))
    return replace(translation, faithfulness=found)
