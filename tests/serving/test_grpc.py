"""Client and server over real sockets: errors, cancellation, retry, health, and peers of other releases."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from service.engines.fake import FakeEngine
from service.errors import Cancelled, DeadlineExceeded, Draining, Overloaded, PrecisError, Unavailable
from service.records import CallContext, Job, Segment, SummaryResult, Task, TranslateResult
from service.serving.client import Client
from service.serving.dispatcher import Dispatcher
from service.serving.proto import model_pb2 as pb
from service.serving.server import ModelServer
from service.serving.sharing import Sharing

LONG_S = 30.0
ENDLESS = "fake:steps=100000000 fake:step_ms=1"


class Running:
    """A model server on a thread of its own, with its dispatcher."""

    def __init__(self, listen: str, engine: FakeEngine, max_rows: int, ready: bool) -> None:
        self.engine = engine
        self._listen = listen
        self._max_rows = max_rows
        self._ready = ready
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._main)
        self.port = 0
        self.dispatcher: Dispatcher | None = None
        self._thread.start()
        assert self._started.wait(LONG_S)

    def _main(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = ModelServer(self._listen)
        await server.start()
        self.port = server.port
        self.dispatcher = Dispatcher(
            {"fake": self.engine}, max_rows=self._max_rows, max_cost=10**9, sharing=Sharing(coalesce=True), version="t"
        )
        self.dispatcher.start()
        if self._ready:
            await server.ready(self.dispatcher)
        self._started.set()
        await self._stop.wait()
        await server.stop(0)
        self.dispatcher.close()

    def drain(self) -> None:
        """Drain the dispatcher and leave the server up."""
        assert self.dispatcher is not None
        asyncio.run_coroutine_threadsafe(self.dispatcher.drain(LONG_S), self._loop).result(LONG_S)

    def close(self) -> None:
        """Stop everything."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(LONG_S)


@contextmanager
def running(
    listen: str, engine: FakeEngine | None = None, *, max_rows: int = 100, ready: bool = True
) -> Iterator[Running]:
    """A model server for the time of a test."""
    server = Running(listen, engine or FakeEngine(), max_rows, ready)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def client(target: str) -> Iterator[Client]:
    """A client for the time of a test."""
    made = Client(target)
    try:
        yield made
    finally:
        made.close()


def context(seconds: float = LONG_S, gone: Callable[[], bool] = lambda: False) -> CallContext:
    """A caller with this much time."""
    return CallContext("test", time.monotonic() + seconds, gone=gone)


def translation(*texts: str) -> Job:
    """A translation into Spanish, its segments in different paragraphs."""
    segments = tuple(Segment(text, index) for index, text in enumerate(texts))
    return Job(Task.TRANSLATE, "fake-translation", "en", "es", segments)


def code_of(target: str, job: Job) -> str:
    """The code that a call to this target ends with."""
    with client(target) as caller:
        try:
            caller.run([job], context())
        except PrecisError as error:
            return error.code
    return "ok"


@pytest.fixture
def socket(tmp_path: Path) -> str:
    """Address of a unix socket."""
    return f"unix:{tmp_path}/model.sock"


def test_jobs_cross_the_line_and_come_back(socket: str) -> None:
    """Results, errors, timings and usage arrive as they left."""
    summary = Job(Task.SUMMARIZE, "fake-summary", "en", "", (Segment("One. é漢🙂"), Segment("Two.")))
    with running(socket), client(socket) as caller:
        first, second, third = caller.run([translation("a b", "c"), summary, translation("fake:fail")], context())
    assert isinstance(first.result, TranslateResult)
    assert first.result.segments == ("[es] a b", "[es] c")
    assert first.result.route == ("en", "es")
    assert first.usage.input_tokens == 3
    assert isinstance(second.result, SummaryResult)
    assert [sentence.sources for sentence in second.result.sentences] == [(0,), (1,)]
    assert second.result.sentences[0].text is None
    assert third.error is not None
    assert third.error.code == "engine_failed"


def test_the_catalogue_is_what_the_engines_report(socket: str) -> None:
    """Models, directions and the server's version."""
    engine = FakeEngine()
    with running(socket, engine), client(socket) as caller:
        catalogue = caller.catalogue()
    assert catalogue.server_version == "t"
    assert set(catalogue.models) == set(engine.models())


def test_the_catalogue_stays_the_same_object_until_it_changes(socket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made from it need not be made again every few seconds."""
    monkeypatch.setattr("service.serving.client.CATALOGUE_TTL_S", 0.0)
    with running(socket), client(socket) as caller:
        assert caller.catalogue() is caller.catalogue()


def test_nobody_listening_is_unavailable_at_once(socket: str) -> None:
    """No caller waits for a server that is not there."""
    started_s = time.monotonic()
    with client(socket) as caller:
        with pytest.raises(Unavailable) as refused:
            caller.run([translation("x")], context())
        with pytest.raises(Unavailable):
            caller.catalogue()
    assert refused.value.retry_after_s is not None
    assert time.monotonic() - started_s < 5


def test_the_old_catalogue_outlives_the_server(socket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """During a restart requests are still routed; only running them is unavailable."""
    monkeypatch.setattr("service.serving.client.CATALOGUE_TTL_S", 0.0)
    with client(socket) as caller:
        with running(socket):
            before = caller.catalogue()
        assert caller.catalogue() == before
        with running(socket):
            # The channel backs off for a moment before it looks again.
            deadline_s = time.monotonic() + LONG_S
            while True:
                try:
                    (outcome,) = caller.run([translation("back")], context())
                    break
                except Unavailable:
                    assert time.monotonic() < deadline_s
        assert outcome.error is None


def test_a_starting_server_says_draining(socket: str) -> None:
    """Before the engines are warm nothing is admitted, and health says so."""
    with running(socket, ready=False):
        assert code_of(socket, translation("x")) == "draining"
        assert health(socket) == health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_draining_server_refuses_with_its_own_code(socket: str) -> None:
    """The code of our list survives the crossing."""
    with running(socket) as server, client(socket) as caller:
        assert health(socket) == health_pb2.HealthCheckResponse.SERVING
        server.drain()
        with pytest.raises(Draining) as refused:
            caller.run([translation("x")], context())
    assert refused.value.retry_after_s == 1.0


@contextmanager
def occupied(server: Running, target: str) -> Iterator[None]:
    """A server with one row and one place in its queue, both taken."""
    gone = threading.Event()

    def block(index: int) -> None:
        with client(target) as caller, pytest.raises(Cancelled):
            caller.run([translation(f"{index} {ENDLESS}")], context(gone=gone.is_set))

    blockers = [threading.Thread(target=block, args=(index,)) for index in range(2)]
    blockers[0].start()
    wait_until(lambda: bool(server.engine.widths))
    blockers[1].start()
    assert server.dispatcher is not None
    scheduler = server.dispatcher._lanes["fake"]._scheduler
    wait_until(lambda: scheduler.queued_rows == 1)
    try:
        yield
    finally:
        gone.set()
        for blocker in blockers:
            blocker.join(LONG_S)


def test_a_full_queue_is_overloaded_with_a_time_to_come_back(socket: str) -> None:
    """RESOURCE_EXHAUSTED carries the delay."""
    with running(socket, FakeEngine(rows=1), max_rows=1) as server, occupied(server, socket), client(socket) as caller:
        with pytest.raises(Overloaded) as refused:
            caller.run([translation("x")], context())
    assert refused.value.retry_after_s == 1.0


def test_a_caller_that_hangs_up_is_evicted(socket: str) -> None:
    """The cancellation crosses the line and the row leaves the batch."""
    engine = FakeEngine()
    with running(socket, engine), client(socket) as caller:
        with pytest.raises(Cancelled):
            caller.run([translation(ENDLESS)], context(gone=lambda: bool(engine.widths)))
        wait_until(lambda: bool(engine.evicted))
    assert len(engine.evicted) == 1


def test_a_deadline_is_answered_by_the_server_with_what_is_done(socket: str) -> None:
    """The finished job is returned, the late one says `deadline`."""
    with running(socket), client(socket) as caller:
        quick, late = caller.run([translation("quick"), translation(ENDLESS)], context(0.4))
        assert quick.error is None
        assert late.error is not None
        assert late.error.code == "deadline"
        with pytest.raises(DeadlineExceeded):
            caller.run([translation("x")], context(0.0))


def test_a_full_replica_sends_the_caller_to_another(tmp_path: Path) -> None:
    """With several replicas one other is tried before the caller hears of overload (invariant 6)."""
    with running("127.0.0.1:0", FakeEngine(rows=1), max_rows=1) as full, running("127.0.0.1:0") as free:
        with (
            occupied(full, f"127.0.0.1:{full.port}"),
            client(f"ipv4:127.0.0.1:{full.port},127.0.0.1:{free.port}") as caller,
        ):
            # Until the second connection stands there is no other replica to try.
            wait_until(lambda: answers(caller))
            for index in range(6):
                (outcome,) = caller.run([translation(f"text {index}")], context())
                assert outcome.error is None


def test_when_every_replica_is_full_the_answer_is_overloaded(tmp_path: Path) -> None:
    """One other replica is tried, not for ever."""
    with (
        running("127.0.0.1:0", FakeEngine(rows=1), max_rows=1) as one,
        running("127.0.0.1:0", FakeEngine(rows=1), max_rows=1) as two,
    ):
        with occupied(one, f"127.0.0.1:{one.port}"), occupied(two, f"127.0.0.1:{two.port}"):
            assert code_of(f"ipv4:127.0.0.1:{one.port},127.0.0.1:{two.port}", translation("x")) == "overloaded"


def test_a_dead_replica_costs_no_request() -> None:
    """A replica that goes away is replaced by the other in the same call."""
    with running("127.0.0.1:0") as lasting:
        with running("127.0.0.1:0") as dying, client(f"ipv4:127.0.0.1:{dying.port},127.0.0.1:{lasting.port}") as caller:
            assert all(caller.run([translation(str(index))], context())[0].error is None for index in range(4))
            dying.close()
            assert all(caller.run([translation(f"more {index}")], context())[0].error is None for index in range(8))


def test_neighbouring_releases_understand_each_other(socket: str) -> None:
    """Fields a peer does not know are ignored, fields it does not send have defaults (invariant 11)."""
    newer = pb.Job(
        task="translate", engine="fake-translation", source="en", target="es", texts=["x"]
    ).SerializeToString()
    newer += b"\xfa\x3e\x03new"  # field 1007, of a later release
    unknown_task = pb.Job(task="dream", engine="fake-translation", texts=["x"])
    request = pb.RunRequest(jobs=[pb.Job.FromString(newer), unknown_task]).SerializeToString() + b"\xfa\x3e\x03new"
    with running(socket), grpc.insecure_channel(socket) as channel:
        call = channel.unary_unary("/precis.v1.Model/Run", response_deserializer=pb.RunReply.FromString)
        reply = call(request, timeout=LONG_S)
    assert reply.outcomes[0].translation.texts == ["[es] x"]
    assert reply.outcomes[1].failure.code == "bad_request"


def test_an_outcome_of_a_later_release_is_an_error_of_that_item() -> None:
    """An end that this release does not know is not taken for success."""
    from service.serving import codec

    later = pb.Outcome.FromString(b"\xfa\x3e\x03new")
    outcome = codec.outcome_from_message(later)
    assert outcome.error is not None
    assert outcome.error.code == "engine_failed"
    failure = codec.failure_from_message(pb.Failure(code="newer_code", detail="d"))
    assert failure.code == "engine_failed"


def answers(caller: Client) -> bool:
    """Whether a call is admitted now."""
    try:
        caller.run([translation("anybody")], context())
    except Overloaded:
        return False
    return True


def health(target: str) -> int:
    """What the gRPC health protocol says."""
    with grpc.insecure_channel(target) as channel:
        reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=LONG_S)
    status: int = reply.status
    return status


def wait_until(condition: Callable[[], bool]) -> None:
    """Give other threads the processor until the condition holds."""
    tick = threading.Event()
    deadline_s = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < deadline_s, "the condition never held"
        tick.wait(0.005)
