"""Server-sent events from bytes that arrive cut anywhere.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import codecs
import re

_LINE_END = re.compile(r"\r\n|\n|\r")


class TooMuch(Exception):
    """One event, or one line of it, is over the bound."""


class EventReader:
    """Turns chunks of bytes into the data of events; comments and other fields are dropped.

    Args:
        most_characters: bound on what is held of an event that has not ended.
    """

    def __init__(self, most_characters: int) -> None:
        self._most = most_characters
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest: list[str] = []
        self._rest_characters = 0
        self._data: list[str] = []
        self._data_characters = 0
        self._after_return = False

    def feed(self, chunk: bytes, *, last: bool = False) -> list[str]:
        """Return the data of the events that `chunk` completes.

        Args:
            chunk: the next bytes, cut anywhere, also inside a character.
            last: no more follows; an event without its blank line counts then, because servers forget it.
        Raises:
            TooMuch: an event is over the bound.
        """
        text = self._decoder.decode(chunk, last)
        if self._after_return and text:
            text = text.removeprefix("\n")
            self._after_return = False
        if text.endswith("\r"):
            # The line has ended; should the next chunk open with the other half of `\r\n`, that is no second end.
            self._after_return = True
        events: list[str] = []
        start = 0
        for match in _LINE_END.finditer(text):
            self._rest.append(text[start : match.start()])
            self._end_line(events)
            start = match.end()
        if start < len(text):
            self._rest.append(text[start:])
            self._rest_characters += len(text) - start
        if self._rest_characters + self._data_characters > self._most:
            raise TooMuch
        if last:
            self._end_line(events)
            self._end_line(events)
        return events

    def _end_line(self, events: list[str]) -> None:
        line = "".join(self._rest)
        self._rest.clear()
        self._rest_characters = 0
        if line:
            name, _, value = line.partition(":")
            if name == "data":
                self._data.append(value.removeprefix(" "))
                self._data_characters += len(value)
        elif self._data:
            events.append("\n".join(self._data))
            self._data.clear()
            self._data_characters = 0
