"""The replies that the OpenAPI document shows are those of the service."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.examples import LEFT_OUT, Recorded, record
from service.api.app import RESOURCES
from service.api.examples import FILE
from service.api.guards import EVENTS
from service.api.openapi import JSON
from tests.api import events
from tests.process.comparing import VOLATILE, differences

pytestmark = [pytest.mark.process, pytest.mark.apertium]

KEPT: Recorded = json.loads(FILE.read_text(encoding="utf-8"))
# Ids and times; how far a job was, and what a process of this release calls itself.
PASSING = VOLATILE | {"requests", "results_url", "progress", "created_at", "started_at", "finished_at", "expires_at"}


def _told(stream: str) -> list[list[Any]]:
    """Names and data of the events of a stream, in an order that does not depend on which translation ends first."""
    found = [[event.name, event.data] for event in events.checked(stream.encode())]
    for _, data in found:
        del data["seq"]
    return sorted(found, key=lambda event: (event[0], event[1].get("index", 0)))


def test_examples_are_what_the_service_answers() -> None:
    """All of each reply but ids and times: `python -m scripts.examples --write` records them anew."""
    recorded = record()
    assert {name: set(kinds) for name, kinds in KEPT.items()} == {name: set(kinds) for name, kinds in recorded.items()}
    found = []
    for operation, kinds in KEPT.items():
        for kind, shown in kinds.items():
            got = recorded[operation][kind]
            if kind.endswith(EVENTS):
                one, other = ({name: _told(stream) for name, stream in side.items()} for side in (shown, got))
                found += differences(one, other, operation)
            else:
                found += differences(shown, got, operation, volatile=PASSING)
    assert found == []


def test_every_operation_has_an_example_for_every_status() -> None:
    """Also of the streams; what is left out is named."""
    wanted = set()
    for operation in (one for resource in RESOURCES for one in resource.operations if one.name not in LEFT_OUT):
        for status in operation.statuses:
            wanted.add((operation.name, f"{status} {JSON}"))
            if operation.events:
                wanted.add((operation.name, f"{status} {EVENTS}"))
    assert {(name, kind) for name, kinds in KEPT.items() for kind in kinds} == wanted
