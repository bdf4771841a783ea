from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from service.config import Settings
from service.engines import registry
from service.engines.remote.engine import RemoteEngine
from service.errors import DeadlineExceeded, EngineFailed, Unavailable
from service.pipeline.pipeline import Pipeline
from service.pipeline.requests import SummarizeRequest
from service.records import CallContext, Job, Task
from service.serving.dispatcher import Dispatcher
from service.serving.inproc import InprocBackend
from tests.engines.remote.driving import STORY, SUMMARY, engine, error_of, run, summary_job
from tests.engines.remote.scripted import HANG_UNTIL_CLIENT_LEAVES, Asked, ScriptedServer, says, script


def hangs(_: Asked) -> Iterator[bytes]:
    yield HANG_UNTIL_CLIENT_LEAVES


def admit(made: RemoteEngine, row_id: int, job: Job) -> None:
    (work,) = made.prepare(job)
    made.admit([(row_id, work)])


def test_a_row_that_is_evicted_closes_its_stream() -> None:
    """The server sees the connection end, the row is not reported, and the next one has its place."""
    with ScriptedServer(script(hangs, SUMMARY)) as server:
        made = engine(server.url, concurrency=1)
        admit(made, 1, summary_job())
        assert server.reached.wait(5)
        assert made.free_rows() == 0
        made.evict([1, 77])
        assert server.hung_up.wait(5)
        assert made.free_rows() == 1
        admit(made, 2, summary_job())
        done = []
        while not done:
            done = made.step()
        assert [row.row_id for row in done] == [2]
        made.close()


def test_a_step_never_holds_the_loop_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing to report a step ends within a second, and at once when it is interrupted."""
    with ScriptedServer(hangs) as server:
        made = engine(server.url)
        admit(made, 1, summary_job())
        assert server.reached.wait(5)
        started_s = time.monotonic()
        assert made.step() == []
        assert time.monotonic() - started_s < 1
        monkeypatch.setattr("service.engines.remote.engine._WAIT_S", 60)
        made.interrupt()
        started_s = time.monotonic()
        assert made.step() == []
        assert time.monotonic() - started_s < 10
        made.close()
        assert server.hung_up.wait(5), "closing the engine closes its streams"


def test_a_server_that_is_down_fails_rows_and_not_the_engine() -> None:
    """Rows end quickly with a typed error; when the server comes, the same engine answers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    made = engine(f"http://127.0.0.1:{port}")
    made.warm()
    started_s = time.monotonic()
    for _ in range(5):
        assert isinstance(error_of(lambda: run(made, summary_job())), Unavailable)
    assert time.monotonic() - started_s < 5
    with ScriptedServer(script(SUMMARY)) as server:
        made._server = type(made._server)(server.url, "tiny")
        made._client = None
        assert len(run(made, summary_job())[0].sentences) == 3  # type: ignore[union-attr]
    made.close()


def test_a_bad_row_fails_alone() -> None:
    """One refused answer among good ones takes nobody with it."""

    def behave(asked: Asked) -> Iterator[bytes]:
        return says("" if "poison" in asked.user else SUMMARY)

    with ScriptedServer(behave) as server:
        made = engine(server.url)
        jobs = [summary_job(*STORY, f"Sentence {n}.", *(["poison"] if n == 2 else [])) for n in range(5)]
        for row_id, job in enumerate(jobs):
            admit(made, row_id, job)
        done = {}
        while len(done) < 5:
            done.update({row.row_id: row for row in made.step()})
        made.close()
    assert [row_id for row_id, row in sorted(done.items()) if row.error] == [2]
    assert isinstance(done[2].error, EngineFailed)


def test_no_more_requests_at_a_time_than_set() -> None:
    """Many parts of one long text share the few connections allowed."""
    lock = threading.Lock()
    now, most = 0, 0
    both = threading.Barrier(2, timeout=5)

    def behave(asked: Asked) -> Iterator[bytes]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        if asked.system.startswith("You summarize"):
            both.wait()
        yield from says("Village houses are new and the bridge is long.")
        with lock:
            now -= 1

    texts = [f"The village has {n} new houses and the bridge is very long indeed, they say." for n in range(200)]
    with ScriptedServer(behave) as server:
        made = engine(server.url, concurrency=2, chunk_characters=2000)
        parts = -(-len(" ".join(texts)) // 2000)
        if parts % 2:
            texts = texts[: len(texts) - 25]
        run(made, summary_job(*texts))
        made.close()
    assert most == 2


def test_an_error_of_ours_fails_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen exception is that row's failure, typed, and the engine goes on."""
    with ScriptedServer(script(SUMMARY)) as server:
        made = engine(server.url)
        with monkeypatch.context() as patch:
            patch.setattr("service.engines.remote.output.summary_sentences", lambda *_: 1 / 0)
            error = error_of(lambda: run(made, summary_job()))
        assert type(error) is EngineFailed
        run(made, summary_job())
        made.close()


def test_the_catalogue_says_what_is_known() -> None:
    """Two models with every direction; the digest changes with what can change an output."""
    made, other = engine("http://127.0.0.1:9"), engine("http://127.0.0.1:9", extra={"top_k": 1})
    summary, translation = made.models()
    assert (summary.id, summary.task, summary.revision) == ("remote-summary", Task.SUMMARIZE, "tiny")
    assert (translation.id, translation.task) == ("remote-translation", Task.TRANSLATE)
    assert len(translation.sources) == len(translation.targets) == 7
    assert summary.digest != other.models()[0].digest
    made.close()
    other.close()


@pytest.fixture
def settings() -> Settings:
    return Settings(engines="extractive remote", remote_url="http://127.0.0.1:9", remote_model="tiny")


def pipeline_over(settings: Settings) -> tuple[Pipeline, InprocBackend]:
    engines = registry.create(settings).engines
    backend = InprocBackend(lambda: Dispatcher(engines, max_rows=100, max_cost=10**6))
    return Pipeline(backend, settings), backend


def test_through_the_whole_service(settings: Settings) -> None:
    """A request by engine id comes back as a summary with sources; a deadline ends the stream on the server."""
    with ScriptedServer(script(SUMMARY, hangs)) as server:
        pipeline, backend = pipeline_over(settings.model_copy(update={"remote_url": f"{server.url}/v1/"}))
        request = SummarizeRequest(text="\n".join(STORY), engine="remote-summary", language="en")
        reply = pipeline.summarize(request, CallContext("1", time.monotonic() + 10))
        assert reply.summary.engine == "remote-summary"
        assert reply.summary.text == " ".join(SUMMARY.split("\n")[:2])
        assert [reply.source[span.start : span.end] for span in reply.summary.sentences[0].sources] == [STORY[0]]
        with pytest.raises(DeadlineExceeded):
            pipeline.summarize(
                SummarizeRequest(text="\n".join(STORY[1:]), engine="remote-summary", language="en"),
                CallContext("2", time.monotonic() + 0.5),
            )
        assert server.hung_up.wait(5)
        backend.close()
