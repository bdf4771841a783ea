"""Events of a reply that streams."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from precis_client.decoding import Reply, decode
from precis_client.errors import InvalidReply, StreamBroken, from_problem
from precis_client.replies import Language, SummarizeReply, Summary, SummaryTranslation, TranslateReply, Translation
from precis_client.sse import Message, Parser, TooMuch

R = TypeVar("R", SummarizeReply, TranslateReply)


@dataclass(frozen=True, kw_only=True)
class Event(Reply):
    """Something that was told; `seq` counts from 0."""

    seq: int


@dataclass(frozen=True, kw_only=True)
class LanguageFound(Event):
    """The language of the article, or of text number `index`."""

    language: Language
    index: int = 0


@dataclass(frozen=True, kw_only=True)
class SummaryDelta(Event):
    """Text to append, of summary sentence number `index`; with `reset` it stands for all that came before."""

    text: str = ""
    index: int = 0
    reset: bool = False


@dataclass(frozen=True, kw_only=True)
class SummaryDone(Event):
    """The whole summary, as in the reply."""

    summary: Summary


@dataclass(frozen=True, kw_only=True)
class SummaryTranslated(Event):
    """A translation of the summary has ended; `index` is that of its language in `translate_to`."""

    index: int = 0
    translation: SummaryTranslation


@dataclass(frozen=True, kw_only=True)
class Translated(Event):
    """A translation has ended; `index` is its place in `translations`."""

    index: int = 0
    translation: Translation


@dataclass(frozen=True, kw_only=True)
class SummarizeResult(Event):
    """The last event: the full reply."""

    result: SummarizeReply


@dataclass(frozen=True, kw_only=True)
class TranslateResult(Event):
    """The last event: the full reply."""

    result: TranslateReply


SummarizeEvent: TypeAlias = LanguageFound | SummaryDelta | SummaryDone | SummaryTranslated | SummarizeResult
TranslateEvent: TypeAlias = LanguageFound | Translated | TranslateResult

SUMMARIZE: Mapping[str, type[Event]] = {
    "language": LanguageFound,
    "summary.delta": SummaryDelta,
    "summary": SummaryDone,
    "translation": SummaryTranslated,
    "result": SummarizeResult,
}
TRANSLATE: Mapping[str, type[Event]] = {
    "language": LanguageFound,
    "translation": Translated,
    "result": TranslateResult,
}

E = TypeVar("E")


class EventReader(Generic[E]):
    """Pieces of a stream into typed events, held to their order.

    Args:
        kinds: event names known; others are passed over, for newer servers know more.
    """

    def __init__(self, kinds: Mapping[str, type[Event]]) -> None:
        self._kinds = kinds
        self._parser = Parser()
        self._next_seq = 0
        self.ended = False

    def feed(self, piece: bytes) -> list[E]:
        """The events that are complete with this piece. Those behind the last one are not looked at.

        Raises:
            InvalidReply: what came is no event of this API.
            StreamBroken: an event is missing.
        """
        try:
            messages = self._parser.feed(piece)
        except TooMuch as error:
            raise InvalidReply(str(error)) from None
        found: list[E] = []
        for message in messages:
            if self.ended:
                break
            event = self._event(message)
            if event is not None:
                found.append(event)
        return found

    def finish(self) -> None:
        """The stream has come to its end.

        Raises:
            StreamBroken: before its last event.
        """
        if not self.ended:
            raise StreamBroken("the stream ended before its last event")

    def _event(self, message: Message) -> Any:
        try:
            body = json.loads(message.data)
        except ValueError:
            raise InvalidReply(f"the event `{message.event}` holds no JSON") from None
        if not isinstance(body, dict) or not isinstance(body.get("seq"), int):
            raise InvalidReply(f"the event `{message.event}` has no number")
        if body["seq"] != self._next_seq:
            raise StreamBroken(f"the stream goes on with event {body['seq']} where {self._next_seq} was to come")
        self._next_seq += 1
        if message.event == "error":
            problem = body.get("error")
            raise from_problem(problem if isinstance(problem, dict) else {})
        kind = self._kinds.get(message.event)
        if kind is None:
            return None
        self.ended = message.event == "result"
        return decode(kind, body)


class TextSoFar:
    """The summary as far as it has been told: `feed` it all events, read `text`."""

    def __init__(self) -> None:
        self.text = ""

    def feed(self, event: object) -> None:
        """Take an event in."""
        if isinstance(event, SummaryDelta):
            self.text = event.text if event.reset else self.text + event.text
        elif isinstance(event, SummaryDone):
            self.text = event.summary.text
