"""The progress of a request as events, in the shapes of `replies_events`."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_core import to_json

from service.api import render
from service.api.event_stream import EventStream
from service.api.render import Unit
from service.pipeline.progress import Progress
from service.pipeline.requests import Summary, Translation
from service.records import Detection


class _Telling(Progress):
    """What both tasks tell alike.

    Args:
        stream: where events go.
        unit: of their offsets.
    """

    follows = True

    def __init__(self, stream: EventStream, unit: Unit) -> None:
        self._stream = stream
        self._unit = unit

    @property
    def told(self) -> bool:
        """See Progress.told."""
        return self._stream.told

    def _tell(self, name: str, *, opening: bool = False, **content: object) -> None:
        self._stream.tell(name, to_json(content), opening=opening)


class SummaryEvents(_Telling):
    """The events of a summary."""

    def language(self, index: int, found: Detection, *, detected: bool) -> None:
        """See Progress.language."""
        self._tell("language", opening=True, language=render.language_object(found, detected))

    def written(self, summary: Summary) -> None:
        """See Progress.written."""
        for index, text in enumerate(pieces(summary.text, [one.text for one in summary.sentences])):
            self._tell("summary.delta", text=text, index=index)

    def summary(self, summary: Summary, source: str) -> None:
        """See Progress.summary."""
        made = render.summary_object(summary, render.placing(source, self._unit), self._unit)
        self._tell("summary", summary=made)

    def translation(self, number: int, translation: Translation) -> None:
        """See Progress.translation."""
        made = render.summary_translation(translation, self._unit)
        self._tell("translation", index=number, translation=made)


class TranslationEvents(_Telling):
    """The events of translations."""

    def language(self, index: int, found: Detection, *, detected: bool) -> None:
        """See Progress.language."""
        made = render.text_language(index, found, detected)
        self._tell("language", opening=True, index=index, language=made)

    def translation(self, number: int, translation: Translation) -> None:
        """See Progress.translation."""
        made = render.text_translation(translation, self._unit)
        self._tell("translation", index=number, translation=made)


def pieces(text: str, sentences: Sequence[str]) -> list[str]:
    """A summary's text cut behind its sentences, each piece with what stands before its sentence."""
    ends: list[int] = []
    for sentence in sentences:
        found = text.find(sentence, ends[-1] if ends else 0)
        if found < 0:
            return [text]
        ends.append(found + len(sentence))
    if not text:
        return []
    starts = [0, *ends[:-1]]
    return [text[start:end] for start, end in zip(starts, [*ends[:-1], len(text)], strict=True)]
