"""Bytes of `text/event-stream` into events, however they are cut. Source: WHATWG HTML, section 9.2."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_LINE = re.compile(r"\r\n|\n|\r")
# A full reply of the largest article is far below.
_MOST_CHARACTERS = 64 * 1024 * 1024


@dataclass(frozen=True)
class Message:
    """One event as it stands in the stream."""

    event: str
    data: str
    id: str


class TooMuch(ValueError):
    """An event that never ends."""


class Parser:
    """Reads a stream piece by piece. What is no UTF-8 becomes U+FFFD, as the standard has it."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending: list[str] = []
        self._size = 0
        self._started = False
        self._skip_feed = False
        self._event, self._data, self._id = "", list[str](), ""

    def feed(self, piece: bytes) -> list[Message]:
        """The events that are complete with this piece.

        Raises:
            TooMuch: one event is beyond all measure.
        """
        text = self._decoder.decode(piece)
        if not self._started and text:
            self._started = True
            text = text.removeprefix("\ufeff")
        if self._skip_feed and text:
            # The line ended with the carriage return of the piece before.
            text, self._skip_feed = text.removeprefix("\n"), False
        if not text:
            return []
        *ended, rest = _LINE.split(text)
        if text.endswith("\r"):
            self._skip_feed = True
        self._size += len(text)
        if self._size > _MOST_CHARACTERS:
            raise TooMuch("an event of the stream is too large")
        if ended:
            ended[0] = "".join(self._pending) + ended[0]
            self._pending.clear()
        if rest:
            self._pending.append(rest)
        return [message for line in ended if (message := self._line(line)) is not None]

    def _line(self, line: str) -> Message | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        else:
            self._size = 0 if not self._data else self._size  # comments come for ever
        return None

    def _dispatch(self) -> Message | None:
        event, data = self._event or "message", "\n".join(self._data)
        had_data = bool(self._data)
        self._event, self._data, self._size = "", [], 0
        return Message(event, data, self._id) if had_data else None
