"""What a server's events say, put together; nothing of their shape is trusted."""

from __future__ import annotations

import json
from dataclasses import dataclass

from service.records import Usage


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer. `finish` is the server's reason (`stop`, `length`, …); `usage` is None when it was not told."""

    text: str
    finish: str
    usage: Usage | None


class Garbage(Exception):
    """What came is no chat completion, or over the bound."""


class ServerFault(Exception):
    """The server reports its own failure inside the stream."""


class ReplyBuilder:
    """Adds up the chunks of one answer.

    Args:
        most_characters: bound on the text; reading stops past it.
    """

    def __init__(self, most_characters: int) -> None:
        self._most = most_characters
        self._pieces: list[str] = []
        self._characters = 0
        self._finish = ""
        self._usage: Usage | None = None
        self.done = False

    @property
    def finished(self) -> bool:
        """Whether the answer is complete, though its usage may still come."""
        return self.done or bool(self._finish)

    def take(self, data: str) -> None:
        """Take the data of one event.

        Raises:
            Garbage: not JSON, or not a chat completion's.
            ServerFault: the event is an error.
        """
        if data.strip() == "[DONE]":
            self.done = True
            return
        for line in _documents(data):
            self._document(line)

    def build(self) -> Reply:
        """The answer so far."""
        return Reply("".join(self._pieces), self._finish, self._usage)

    def _document(self, document: object) -> None:
        if not isinstance(document, dict):
            raise Garbage
        if document.get("error"):
            raise ServerFault
        self._usage = _usage(document.get("usage")) or self._usage
        choices = document.get("choices")
        if not isinstance(choices, list):
            raise Garbage
        for choice in choices[:1]:
            if not isinstance(choice, dict):
                raise Garbage
            part = choice.get("delta") or choice.get("message") or {}
            self._text(part.get("content") if isinstance(part, dict) else None)
            if isinstance(choice.get("finish_reason"), str):
                self._finish = choice["finish_reason"]

    def _text(self, content: object) -> None:
        if isinstance(content, list):
            content = "".join(
                piece["text"] for piece in content if isinstance(piece, dict) and isinstance(piece.get("text"), str)
            )
        if not isinstance(content, str):
            return
        self._pieces.append(content)
        self._characters += len(content)
        if self._characters > self._most:
            self._finish, self.done = "over_long", True


def _documents(data: str) -> list[object]:
    """The JSON of an event; where a server forgets the blank line between events, several, one a line."""
    try:
        return [json.loads(data)]
    except (ValueError, RecursionError):
        lines = [line for line in data.split("\n") if line.strip() and line.strip() != "[DONE]"]
    if data.lstrip().startswith('{"error'):
        raise ServerFault  # written without escaping, as at least one server does
    try:
        return [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        raise Garbage from None


def _usage(value: object) -> Usage | None:
    if not isinstance(value, dict):
        return None
    counts = [value.get(name) for name in ("prompt_tokens", "completion_tokens")]
    numbers = [count if isinstance(count, int) and 0 <= count < 2**31 else 0 for count in counts]
    return Usage(*numbers) if any(numbers) else None
