"""Event streams as a reader sees them, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

EVENTS = "text/event-stream"


@dataclass(frozen=True)
class Event:
    """One event: its name, and its data decoded."""

    name: str
    data: dict[str, Any]


def read(body: bytes) -> list[Event]:
    """All events of a stream that has ended, comments left out; what is malformed fails."""
    blocks = body.decode("utf-8").split("\n\n")
    assert blocks.pop() == ""
    found = []
    for block in blocks:
        if block.startswith(":"):
            assert block == ": keep-alive"
            continue
        number, name, data = block.split("\n")
        event = Event(name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        assert number == f"id: {event.data['seq']}"
        found.append(event)
    return found


def checked(body: bytes) -> list[Event]:
    """The same, after what holds of every stream: numbers from 0 without a gap, one last event and it is the last."""
    events = read(body)
    assert [event.data["seq"] for event in events] == list(range(len(events)))
    assert [event.name in ("result", "error") for event in events] == [False] * (len(events) - 1) + [True]
    return events


def shaped(events: list[Event], shapes: Mapping[str, type[BaseModel]]) -> list[Event]:
    """The same, each of them being of the shape that is documented for its name."""
    for event in events:
        shapes[event.name].model_validate_json(json.dumps(event.data))
    return events


def summary_text(events: list[Event]) -> str:
    """What a reader of deltas alone has of the summary in the end."""
    text = ""
    for event in events:
        if event.name == "summary.delta":
            text = event.data["text"] if event.data.get("reset") else text + event.data["text"]
    return text


def timeless(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply without what differs between two equal requests."""
    return {name: value for name, value in reply.items() if name not in ("id", "timing_ms")}
