"""`Accept: text/event-stream`: which requests stream, what they tell, and that all else holds for them too."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service import telemetry
from service.api.app import create_app
from service.api.replies_events import SUMMARIZE_EVENTS, TRANSLATE_EVENTS
from service.config import Settings
from service.engines.extractive.engine import ExtractiveEngine
from service.engines.fake import FakeEngine
from service.errors import Cancelled, DeadlineExceeded, NoText, Overloaded, PrecisError, Unavailable
from service.pipeline.pipeline import Pipeline
from service.serving.dispatcher import Dispatcher
from service.serving.inproc import InprocBackend
from service.serving.sharing import Sharing
from tests.api.callers import BEARER, GOOD, Make, making, table
from tests.api.conftest import Bench
from tests.api.events import EVENTS, checked, read, shaped, summary_text, timeless
from tests.api.fakes import TEXT

SUMMARIZE, TRANSLATE = "/v1/summarize", "/v1/translate"
ARTICLE = (
    "The town library of Eastbrook reopened on Monday after two years of repairs.\n\n"
    "The roof had let in rain since the storm of 2024, and half of the reading room was closed. "
    "The council paid 3 million euros 🌉 of the bill; readers gave the rest. "
    "Ms Ellen Hart, who has run the library since 2011, said that the smell of wet paper was gone."
)


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Logs as the service writes them: tracebacks for people take seconds."""
    telemetry.configure_logging("api", "info", io.StringIO())


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A maker of apps with keys."""
    with making(tmp_path) as maker:
        yield maker


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of the real pipeline, over an extractive engine and one that translates by copying."""
    backend = InprocBackend(
        lambda: Dispatcher(
            {"extractive": ExtractiveEngine(), "fake": FakeEngine()},
            max_rows=1000, max_cost=10**7, sharing=Sharing(coalesce=True),
        )
    )  # fmt: skip
    limits = Settings(runtime_dir=tmp_path_factory.mktemp("run"))
    yield create_app(limits, Pipeline(backend, limits), draining=lambda: False, live=lambda: True).test_client()
    backend.close()


def stream(client: Any, path: str, body: object, **headers: str) -> Any:
    """One request for events, read to its end."""
    named = {"Accept": EVENTS} | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, json=body, headers=named, buffered=True)


# ---- which requests stream -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream", True),
        ("text/event-stream, application/json;q=0.5", True),
        ("application/json;q=0.5, text/event-stream;q=0.6", True),
        ("text/event-stream, */*", True),
        ("text/event-stream;charset=utf-8", True),
        ("text/event-stream;q=0.5, application/json", False),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=0.5, */*", False),
        ("*/*", False),
        ("text/*", False),
        ("", False),
    ],
)
def test_events_are_told_to_who_names_them(bench: Bench, accept: str, streams: bool) -> None:
    """The media type must be named, and liked no less than JSON."""
    for path, body in ((SUMMARIZE, GOOD), (TRANSLATE, {**GOOD, "target": "es"})):
        reply = bench.client.post(path, json=body, headers={"Accept": accept}, buffered=True)
        assert reply.status_code == 200
        assert reply.content_type == ("text/event-stream; charset=utf-8" if streams else "application/json")


def test_the_head_of_a_stream(bench: Bench) -> None:
    """Nothing on the way is to keep it or to hold it back, and it has the headers of every reply."""
    reply = stream(bench.client, SUMMARIZE, GOOD, X_Request_Id="abc")
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Accel-Buffering"] == "no"
    assert reply.headers["X-Request-Id"] == "abc"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Length" not in reply.headers


# ---- what is told ----------------------------------------------------------------------------------------------------


def test_a_summary_is_told_in_order(bench: Bench) -> None:
    """Language, sentences, the summary, its translations, the reply; each as the reply has it."""
    events = checked(stream(bench.client, SUMMARIZE, {"text": TEXT, "translate_to": ["es", "xx"]}).data)
    names = [event.name for event in events]
    assert names == ["language", "summary.delta", "summary", "translation", "translation", "result"]
    result = events[-1].data["result"]
    assert events[0].data["language"] == result["language"]
    assert events[2].data["summary"] == result["summary"]
    assert [event.data["index"] for event in events[3:5]] == [0, 1]
    assert [event.data["translation"] for event in events[3:5]] == result["translations"]
    assert summary_text(events) == result["summary"]["text"]


def test_translations_are_told_as_they_end(bench: Bench) -> None:
    """The language of each text, then translations in any order with their places in the reply."""
    events = checked(stream(bench.client, TRANSLATE, {"text": ["a 🌉", "b"], "target": ["es", "xx"]}).data)
    assert [event.name for event in events] == ["language"] * 2 + ["translation"] * 4 + ["result"]
    result = events[-1].data["result"]
    assert [event.data["language"] for event in events[:2]] == result["languages"]
    assert [event.data["index"] for event in events[2:6]] == [3, 2, 1, 0]
    for event in events[2:6]:
        assert event.data["translation"] == result["translations"][event.data["index"]]


@pytest.mark.parametrize("unit", ["codepoint", "utf16"])
@pytest.mark.parametrize(
    "wishes",
    [
        {"translate_to": ["es", "fr", "xx"]},
        {"length": "long", "format": "bullets", "explain": True},
        {"length": {"words": 9}},
        {"format": "headline", "language": "en"},
        {"faithfulness": "strict", "translate_to": ["ca"]},
        {"faithfulness": "off", "translate_to": ["en"]},
    ],
)
def test_the_result_is_the_reply_of_the_request_that_does_not_stream(
    real: Any, wishes: dict[str, Any], unit: str
) -> None:
    """All fields but time and id; deltas put together are the text, in the pieces of its sentences."""
    body = {"text": ARTICLE, "offsets": unit, **wishes}
    events = shaped(checked(stream(real, SUMMARIZE, body).data), SUMMARIZE_EVENTS)
    reply = real.post(SUMMARIZE, json=body).json
    result = events[-1].data["result"]
    assert timeless(result) == timeless(reply)
    assert summary_text(events) == reply["summary"]["text"]
    deltas = [event.data for event in events if event.name == "summary.delta"]
    assert [delta["index"] for delta in deltas] == list(range(len(reply["summary"]["sentences"])))
    told = {event.data["index"]: event.data["translation"] for event in events if event.name == "translation"}
    assert [told[index] for index in range(len(told))] == reply["translations"]
    (summary,) = (event.data["summary"] for event in events if event.name == "summary")
    assert summary == reply["summary"]


@pytest.mark.parametrize(
    "body",
    [
        {"text": [ARTICLE, "Bonjour, mes amis de la bibliothèque.", "..."], "target": ["es", "en", "xx"]},
        {"html": "<p>Visit <a href='/help'>our help</a> {name}.</p><p>Acme Desk</p>", "target": "es", "source": "en",
         "keep": ["Acme Desk"]},
        {"text": "One fake:fail here.", "source": "en", "target": ["es", "fr"]},
    ],
)  # fmt: skip
def test_translations_are_those_of_the_request_that_does_not_stream(real: Any, body: dict[str, Any]) -> None:
    """All fields but time and id, failures of single targets included; each is told once."""
    events = shaped(checked(stream(real, TRANSLATE, body).data), TRANSLATE_EVENTS)
    reply = real.post(TRANSLATE, json=body).json
    assert timeless(events[-1].data["result"]) == timeless(reply)
    told = {event.data["index"]: event.data["translation"] for event in events if event.name == "translation"}
    assert len(events) == len(reply["languages"]) + len(reply["translations"]) + 1
    assert [told[index] for index in range(len(told))] == reply["translations"]


def test_streams_are_documented(bench: Bench) -> None:
    """/openapi.json tells of the media type and of the shape of each event."""
    document = bench.client.get("/openapi.json").json
    for path, events in ((SUMMARIZE, SUMMARIZE_EVENTS), (TRANSLATE, TRANSLATE_EVENTS)):
        told = document["paths"][path]["post"]["responses"]["200"]["content"][EVENTS]
        assert told["schema"]["type"] == "string"
        assert list(told["x-event-schemas"]) == list(events)
    assert EVENTS not in document["paths"]["/v1/detect"]["post"]["responses"]["200"]["content"]


# ---- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [Overloaded("full", retry_after_s=3), NoText("none"), Unavailable("x"), ValueError()])
@pytest.mark.parametrize("point", ["", "language"])
def test_what_fails_before_anything_is_told_is_an_ordinary_reply(bench: Bench, error: Exception, point: str) -> None:
    """Even a moment behind the language, so that a full queue is 429 with `Retry-After`."""
    if point:
        bench.pipeline.errors[point] = error
    else:
        bench.pipeline.error = error
    plain = bench.post(SUMMARIZE, GOOD)
    reply = stream(bench.client, SUMMARIZE, GOOD)
    assert reply.content_type == "application/problem+json"
    assert reply.status_code == plain.status_code
    assert {**reply.json, "request_id": ""} == {**plain.json, "request_id": ""}
    assert reply.headers.get("Retry-After") == plain.headers.get("Retry-After")


def test_wrong_requests_are_refused_as_ever(bench: Bench) -> None:
    """Body, deadline and drain are looked at before a stream begins."""
    for reply, status in (
        (stream(bench.client, SUMMARIZE, {"txt": "x"}), 400),
        (stream(bench.client, SUMMARIZE, GOOD, X_Deadline_Ms="no"), 400),
        (bench.client.get(SUMMARIZE, headers={"Accept": EVENTS}), 405),
        (bench.client.head(SUMMARIZE, headers={"Accept": EVENTS}), 405),
    ):
        assert (reply.status_code, reply.content_type) == (status, "application/problem+json")
    bench.draining = True
    assert stream(bench.client, SUMMARIZE, GOOD).status_code == 503
    assert bench.pipeline.requests == []


@pytest.mark.parametrize(
    ("error", "code"), [(DeadlineExceeded("late"), "deadline"), (RuntimeError("secret"), "engine_failed")]
)
def test_a_failure_after_that_is_the_last_event(bench: Bench, error: Exception, code: str) -> None:
    """It is the problem that a reply of its own would have told."""
    bench.pipeline.errors["summary"] = error
    bench.pipeline.gates["summary"] = threading.Event()
    reply = bench.client.post(SUMMARIZE, json=GOOD, headers={"Accept": EVENTS, "X-Request-Id": "abc"})
    bench.pipeline.gates["summary"].set()
    events = shaped(checked(reply.data), SUMMARIZE_EVENTS)
    assert [event.name for event in events] == ["language", "summary.delta", "summary", "error"]
    problem = events[-1].data["error"]
    assert (problem["code"], problem["request_id"], problem["status"] >= 500) == (code, "abc", True)
    assert "secret" not in reply.data.decode()


def test_silence_is_filled_with_comments(tmp_path: Path) -> None:
    """Also before the first event; a reply begins within a second whatever the work does."""
    bench = Bench(Settings(runtime_dir=tmp_path, stream_keepalive_s=0.1))
    gate = bench.pipeline.gates["language"] = threading.Event()
    reply = bench.client.post(SUMMARIZE, json=GOOD, headers={"Accept": EVENTS})
    chunks = reply.iter_encoded()
    first = [next(chunks) for _ in range(3)]
    gate.set()
    rest = b"".join(chunks)
    reply.close()
    assert [event.name for event in read(first[0])] == ["language"]
    assert first[1:] == [b": keep-alive\n\n"] * 2
    assert checked(first[0] + rest)[-1].name == "result"


# ---- room, keys, limits ----------------------------------------------------------------------------------------------


def test_more_streams_than_allowed_are_refused_at_once(tmp_path: Path) -> None:
    """429 `overloaded` with `Retry-After`; whatever way a stream ends, its place is free again."""
    bench = Bench(Settings(runtime_dir=tmp_path, max_streams=2))
    gate = bench.pipeline.gates["summary"] = threading.Event()
    open_ones = [bench.client.post(SUMMARIZE, json=GOOD, headers={"Accept": EVENTS}) for _ in range(2)]
    refused = stream(bench.client, SUMMARIZE, GOOD)
    assert (refused.status_code, refused.json["code"], refused.headers["Retry-After"]) == (429, "overloaded", "1")
    assert bench.post(TRANSLATE, {**GOOD, "target": "es"}).status_code == 200
    gate.set()
    for reply in open_ones:
        assert checked(reply.data)[-1].name == "result"
    bench.pipeline.error = NoText("none")
    for _ in range(5):
        assert stream(bench.client, SUMMARIZE, GOOD).status_code == 422
    bench.pipeline.error = None
    assert stream(bench.client, SUMMARIZE, GOOD).status_code == 200


def test_a_reader_that_leaves_ends_the_work(bench: Bench) -> None:
    """Whoever waits for the caller sees that it has gone."""
    gate = bench.pipeline.gates["summary"] = threading.Event()
    reply = bench.client.post(SUMMARIZE, json=GOOD, headers={"Accept": EVENTS})
    assert bench.pipeline.context is not None
    assert not bench.pipeline.context.gone()
    reply.close()
    assert bench.pipeline.context.gone()
    gate.set()


def test_keys_hold_for_streams(make: Make) -> None:
    """Scopes, and a place among the requests at a time until the last event is out."""
    app = make(table("news", more='concurrency = 1\nscopes = ["summarize"]'))
    assert stream(app.client, SUMMARIZE, GOOD).status_code == 401
    assert stream(app.client, TRANSLATE, {**GOOD, "target": "es"}, **BEARER).status_code == 403
    gate = app.pipeline.gates["summary"] = threading.Event()
    reply = app.client.post(SUMMARIZE, json=GOOD, headers={"Accept": EVENTS, **BEARER})
    assert app.pipeline.context is not None
    assert app.pipeline.context.caller == "news"
    assert app.ask("GET", "/v1/usage").json["running"] == 1
    assert stream(app.client, SUMMARIZE, GOOD, **BEARER).status_code == 429
    gate.set()
    assert checked(reply.data)[-1].name == "result"
    reply.close()
    assert app.ask("GET", "/v1/usage").json["running"] == 0


def test_characters_are_charged_once_something_was_told(make: Make) -> None:
    """What failed before is free; what failed after the caller could read it is not; the head tells what is left."""
    app = make(table("news", more="characters_per_day = 100"))

    def used() -> int:
        return int(app.ask("GET", "/v1/usage").json["characters"]["day"])

    size = len(GOOD["text"])
    reply = stream(app.client, SUMMARIZE, GOOD, **BEARER)
    assert reply.headers["RateLimit"].startswith(f'"day";r={100 - size};t=')
    assert used() == size
    app.pipeline.errors["language"] = Overloaded("full")
    assert stream(app.client, SUMMARIZE, GOOD, **BEARER).status_code == 429
    assert used() == size
    del app.pipeline.errors["language"]
    app.pipeline.errors["summary"] = Cancelled("gone")
    gate = app.pipeline.gates["summary"] = threading.Event()
    reply = app.client.post(SUMMARIZE, json=GOOD, headers={"Accept": EVENTS, **BEARER})
    gate.set()
    reply.get_data()
    reply.close()
    assert used() == 2 * size
    reply = stream(app.client, SUMMARIZE, {"text": "x" * 90}, **BEARER)
    assert (reply.status_code, reply.json["code"]) == (429, "rate_limited")


def test_a_stream_is_told_again_for_its_idempotency_key(make: Make) -> None:
    """The very same events, once for all; the same key without a stream is something else."""
    app = make(table("news"))
    again = {**BEARER, "Idempotency-Key": "k"}
    body = {**GOOD, "translate_to": ["es"]}
    first, second = (stream(app.client, SUMMARIZE, body, **again) for _ in range(2))
    assert first.data == second.data
    assert checked(second.data)[-1].name == "result"
    assert second.content_type == first.content_type
    assert second.headers["Idempotent-Replay"] == "true"
    assert len(app.pipeline.requests) == 1
    assert app.ask(body=body, headers=again).status_code == 409


@pytest.mark.parametrize("error", [Overloaded("full"), DeadlineExceeded("late")])
def test_a_stream_that_fails_frees_its_idempotency_key(make: Make, error: PrecisError) -> None:
    """Whether it has begun or not, the request may be sent again."""
    app = make(table("news"))
    again = {**BEARER, "Idempotency-Key": "k"}
    app.pipeline.errors["language" if isinstance(error, Overloaded) else "translation"] = error
    stream(app.client, SUMMARIZE, GOOD, **again)
    app.pipeline.errors.clear()
    reply = stream(app.client, SUMMARIZE, GOOD, **again)
    assert checked(reply.data)[-1].name == "result"
    assert "Idempotent-Replay" not in reply.headers
