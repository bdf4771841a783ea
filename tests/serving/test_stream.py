"""Streams over the process line and without one: the text of the unary call, piece by piece."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from service.engines.base import RowText
from service.engines.fake import FakeEngine
from service.errors import Cancelled, DeadlineExceeded, Draining, Overloaded, Unavailable
from service.events import Ended, Event, Piece
from service.records import Job, Outcome, Segment, SummaryResult, Task, TranslateResult
from service.serving.backend import Backend
from service.serving.client import Client
from service.serving.dispatcher import Dispatcher
from service.serving.inproc import InprocBackend
from service.serving.proto import model_pb2 as pb
from service.serving.sharing import Sharing
from tests.serving.test_grpc import ENDLESS, client, context, occupied, running, translation, wait_until


@pytest.fixture
def socket(tmp_path: Path) -> str:
    """Address of a unix socket."""
    return f"unix:{tmp_path}/model.sock"


@pytest.fixture(params=["grpc", "inproc"])
def backend(request: pytest.FixtureRequest, socket: str) -> Iterator[tuple[Backend, FakeEngine]]:
    """A backend and its engine, with and without a process line."""
    engine = FakeEngine()
    if request.param == "grpc":
        with running(socket, engine), client(socket) as caller:
            yield caller, engine
        return
    options = {"max_rows": 100, "max_cost": 10**9, "sharing": Sharing(30.0, coalesce=True)}
    made = InprocBackend(lambda: Dispatcher({"fake": engine}, **options))  # type: ignore[arg-type]
    yield made, engine
    made.close()


def read(events: Sequence[Event]) -> tuple[dict[tuple[int, int], str], dict[int, Outcome]]:
    """What a reader has in the end: the text of each segment of each job, and the outcomes."""
    texts: dict[tuple[int, int], str] = {}
    outcomes: dict[int, Outcome] = {}
    for event in events:
        if isinstance(event, Ended):
            outcomes[event.job] = event.outcome
            continue
        assert event.job not in outcomes, "a piece after the end"
        place = (event.job, event.segment)
        texts[place] = event.text if event.replaces else texts.get(place, "") + event.text
    return texts, outcomes


def test_the_text_is_that_of_the_unary_call(backend: tuple[Backend, FakeEngine]) -> None:
    """Several jobs of several segments and speeds, one that starts anew and one that fails."""
    caller, _ = backend
    jobs = [
        translation("one fake:steps=7", "two fake:steps=3", "three fake:steps=12"),
        translation("é漢🙂 fake:steps=9"),
        translation("before fake:steps=2", "fake:again fake:steps=5 other words", "behind"),
        translation("fake:fail"),
        Job(Task.SUMMARIZE, "fake-summary", "en", "", (Segment("A. fake:steps=4"), Segment("B."))),
    ]
    events = list(caller.stream(jobs, context()))
    texts, outcomes = read(events)
    wanted = caller.run(jobs, context())
    assert sorted(outcomes) == [0, 1, 2, 3, 4]
    for number, outcome in enumerate(wanted):
        assert outcomes[number].result == outcome.result
        if isinstance(outcome.result, TranslateResult):
            assert tuple(texts[number, index] for index in range(len(outcome.result.segments))) == (
                outcome.result.segments
            )
    assert outcomes[3].error is not None and outcomes[3].error.code == "engine_failed"
    assert isinstance(outcomes[4].result, SummaryResult)
    assert texts[4, 0] == "A. fake:steps=4\nB."
    first = [event for event in events if isinstance(event, Piece) and event.job == 0]
    assert len(first) > 10
    assert [event.segment for event in first] == sorted(event.segment for event in first)
    anew = [event for event in events if isinstance(event, Piece) and event.replaces]
    assert [(event.job, event.segment) for event in anew] == [(2, 1)]


def test_a_reader_that_leaves_takes_its_row_along(backend: tuple[Backend, FakeEngine]) -> None:
    """Closing the iterator after the first piece evicts the row, grace or not, and its neighbour finishes."""
    caller, engine = backend
    outcomes: list[Outcome] = []
    neighbour = threading.Thread(
        target=lambda: outcomes.extend(caller.run([translation("neighbour fake:steps=200 fake:step_ms=1")], context()))
    )
    with closing(
        iter(caller.stream([translation(f"word {'x' * 5000} fake:steps=1000000 fake:step_ms=1")], context()))
    ) as events:
        neighbour.start()
        assert isinstance(next(events), Piece)
    wait_until(lambda: bool(engine.evicted))
    neighbour.join()
    assert len(engine.evicted) == 1
    assert isinstance(outcomes[0].result, TranslateResult)


def test_a_caller_that_is_gone_ends_its_stream(backend: tuple[Backend, FakeEngine]) -> None:
    """Without a word being said, and with words coming all the time."""
    caller, engine = backend
    for text in (ENDLESS, f"{'x' * 4_000_000} fake:steps=1000000 fake:step_ms=1"):
        seen = len(engine.widths)
        with pytest.raises(Cancelled):
            for _ in caller.stream([translation(text)], context(gone=lambda seen=seen: len(engine.widths) > seen)):
                pass
    wait_until(lambda: len(engine.evicted) == 2)


def test_a_deadline_ends_the_late_job_alone(backend: tuple[Backend, FakeEngine]) -> None:
    """What was done in time is delivered, the rest says `deadline`."""
    caller, engine = backend
    _, outcomes = read(list(caller.stream([translation("quick"), translation(ENDLESS)], context(0.4))))
    assert outcomes[0].error is None
    assert outcomes[1].error is not None and outcomes[1].error.code == "deadline"
    wait_until(lambda: bool(engine.evicted))
    with pytest.raises(DeadlineExceeded):
        list(caller.stream([translation("x")], context(0.0)))


def test_streams_share_no_computation(backend: tuple[Backend, FakeEngine]) -> None:
    """Two readers of equal jobs each read from the beginning."""
    caller, _ = backend
    job = translation("equal fake:steps=30 fake:step_ms=1")
    one, other = iter(caller.stream([job], context())), iter(caller.stream([job], context()))
    started = [next(one), next(other)]
    texts = [read([first, *rest])[0][0, 0] for first, rest in zip(started, (one, other), strict=True)]
    assert texts == ["[es] equal fake:steps=30 fake:step_ms=1"] * 2


def test_refusals_are_those_of_the_unary_call(socket: str) -> None:
    """Nobody there, not ready, draining, full, and a job the server does not know."""
    with client(socket) as caller, pytest.raises(Unavailable):
        list(caller.stream([translation("x")], context()))
    with running(socket, ready=False), client(socket) as caller, pytest.raises(Draining):
        list(caller.stream([translation("x")], context()))
    with running(socket) as server, client(socket) as caller:
        server.drain()
        with pytest.raises(Draining):
            list(caller.stream([translation("x")], context()))
    with running(socket, FakeEngine(rows=1), max_rows=1) as server, occupied(server, socket), client(socket) as caller:
        with pytest.raises(Overloaded):
            list(caller.stream([translation("x")], context()))
    wrong = Job(Task.TRANSLATE, "nobody", "en", "es", (Segment("x"),))
    with running(socket), client(socket) as caller:
        _, outcomes = read(list(caller.stream([wrong, translation("x")], context())))
    assert outcomes[0].error is not None and outcomes[0].error.code == "unsupported_language"
    assert outcomes[1].error is None


def test_a_full_replica_sends_the_reader_to_another() -> None:
    """As long as nothing has been said."""
    with running("127.0.0.1:0", FakeEngine(rows=1), max_rows=1) as full, running("127.0.0.1:0") as free:
        with (
            occupied(full, f"127.0.0.1:{full.port}"),
            client(f"ipv4:127.0.0.1:{full.port},127.0.0.1:{free.port}") as caller,
        ):
            wait_until(lambda: answers(caller))
            for index in range(4):
                _, outcomes = read(list(caller.stream([translation(f"text {index}")], context())))
                assert outcomes[0].error is None


def answers(caller: Client) -> bool:
    """Whether a stream is admitted now."""
    try:
        list(caller.stream([translation("anybody")], context()))
    except Overloaded:
        return False
    return True


def test_the_crash_of_an_engine_ends_every_stream(socket: str) -> None:
    """With a typed error, within a second."""
    with running(socket) as server, client(socket) as caller:
        events = iter(caller.stream([translation(f"long {'x' * 500} fake:steps=100000 fake:step_ms=1")], context()))
        next(events)
        with client(socket) as other:
            started_s = time.monotonic()
            other.run([translation("fake:raise")], context())
            _, outcomes = read(list(events))
            assert time.monotonic() - started_s < 5
        assert server.dispatcher is not None
    assert outcomes[0].error is not None and outcomes[0].error.code == "engine_failed"


def test_a_model_process_of_an_older_release_answers_at_once(socket: str) -> None:
    """Where the method is not there yet, the outcomes come without pieces (invariant 11)."""
    with running(socket), client(socket) as caller:
        caller._connect()
        caller._stream = caller._channel.unary_stream(
            "/precis.v1.Model/NotThereYet",
            request_serializer=pb.RunRequest.SerializeToString,
            response_deserializer=pb.StreamReply.FromString,
        )
        texts, outcomes = read(list(caller.stream([translation("one"), translation("fake:fail")], context())))
    assert texts == {}
    assert isinstance(outcomes[0].result, TranslateResult)
    assert outcomes[1].error is not None


class Asked(FakeEngine):
    """A fake engine that counts how often it is asked for text."""

    asked = 0

    def written(self) -> list[RowText]:
        self.asked += 1
        return super().written()


def test_nobody_reading_costs_nothing(socket: str) -> None:
    """The engine is asked for text while somebody reads along, and at no other time."""
    engine = Asked()
    with running(socket, engine), client(socket) as caller:
        caller.run([translation("x fake:steps=5")], context())
        assert engine.asked == 0
        list(caller.stream([translation("x fake:steps=5")], context()))
        assert engine.asked == 5
        caller.run([translation("y fake:steps=5")], context())
        assert engine.asked == 5
