"""The client against the real service: gunicorn, model process, keys."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from precis_client import (
    BadRequest,
    Client,
    DeadlineExceeded,
    Forbidden,
    IdempotencyConflict,
    NoText,
    NotFound,
    RateLimited,
    RetryPolicy,
    Unauthorized,
    UnsupportedLanguage,
    slice_text,
)
from service.config import Settings
from tests.api.callers import KEY, table
from tests.clients.python.callers import Ask, loop, threads
from tests.process.service import LONG_S, Service, serving, wait_until

pytestmark = pytest.mark.process
both = pytest.mark.parametrize("ask", [threads, loop])

TEXT = "The bridge is open again 😀. It had been closed since March. Nobody was hurt."
PATIENT = RetryPolicy(attempts=30, first_wait_s=0.2, longest_wait_s=5.0, budget=100)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests that do no harm, with jobs where it knows them."""
    more: dict[str, object] = {}
    if "jobs_database" in Settings.model_fields:
        more = {"jobs_database": "", "state_dir": tmp_path_factory.mktemp("state")}
    with serving(**more) as running:
        yield running


def url(service: Service) -> str:
    """Where clients find it."""
    return f"http://127.0.0.1:{service.port}"


def paths(service: Service) -> dict[str, Any]:
    """What the service says it can do."""
    found: dict[str, Any] = service.get("/openapi.json").json["paths"]
    return found


# ---- every call -----------------------------------------------------------------------------------------------------


@both
def test_a_summary_with_translations(ask: Ask, service: Service) -> None:
    """Typed all the way down, and its offsets slice the text in either unit."""
    for unit in ("codepoint", "utf16"):
        reply = ask(url(service), "summarize", TEXT, translate_to=["es", "xx"], language="en", offsets=unit)
        assert reply.summary.text == "The bridge is open again 😀. It had been closed since March."
        assert [slice_text(TEXT, one.sources[0], unit) for one in reply.summary.sentences] == [
            one.text for one in reply.summary.sentences
        ]
        assert reply.translation("es").text.startswith("[es] The bridge")
        assert reply.translation("xx").error.code == "unsupported_language"
        assert reply.raw["id"] == reply.id
        assert reply.provenance.models[0].id == "fake-summary"


@both
def test_html(ask: Ask, service: Service) -> None:
    """Offsets of HTML index the article's text in the reply."""
    reply = ask(url(service), "summarize", html=f"<html><body><p>{TEXT}</p></body></html>", language="en")
    (source, *_) = reply.summary.sentences[0].sources
    assert slice_text(reply.article.text, source) == reply.summary.sentences[0].text


@both
def test_translations(ask: Ask, service: Service) -> None:
    """One text into one language has a short way; several come in order; a failure is raised where it is asked for."""
    one = ask(url(service), "translate", "Hello there", "es", source="en", keep=["there"])
    assert one.text == "[es] Hello there"
    many = ask(url(service), "translate", ["Hello", "Bye"], ["es", "xx"], source="en")
    assert [(item.index, item.target, item.ok) for item in many.translations] == [
        (0, "es", True), (0, "xx", False), (1, "es", True), (1, "xx", False)
    ]  # fmt: skip
    with pytest.raises(ValueError, match="4 translations"):
        _ = many.text
    with pytest.raises(UnsupportedLanguage) as told:
        _ = ask(url(service), "translate", "Hello", "xx", source="en").text
    assert "es" in told.value.supported
    html = ask(url(service), "translate", target="es", html="<p>Hi <b>you</b></p>", source="en")
    assert html.text.startswith("<p>")


@both
def test_the_other_calls(ask: Ask, service: Service) -> None:
    """Detection, batches, languages and models."""
    assert ask(url(service), "detect", ["Guten Morgen, liebe Leute", "Bonjour à tous"], top=2).language == "de"
    results = ask(url(service), "batch", [
        {"id": "a", "task": "summarize", "request": {"text": TEXT}},
        {"task": "translate", "request": {"text": "Hi", "source": "en", "target": "es"}},
        {"task": "detect", "request": {"text": "Guten Morgen, liebe Leute"}},
        {"id": "bad", "task": "summarize", "request": {"text": " "}},
    ]).results  # fmt: skip
    assert results[0].summary.summary.text
    assert results[1].translation.text == "[es] Hi"
    assert results[2].detection.language == "de"
    assert (results[3].id, results[3].ok) == ("bad", False)
    with pytest.raises(NoText):
        _ = results[3].summary
    assert {"en", "de"} <= {one.code for one in ask(url(service), "languages").languages}
    assert {one.task for one in ask(url(service), "models").models} == {"summarize", "translate"}
    with pytest.raises(NotFound, match="without keys"):
        ask(url(service), "usage")


@both
def test_refusals_name_their_field(ask: Ask, service: Service) -> None:
    """With the request's id, which is in the log."""
    with pytest.raises(BadRequest) as told:
        ask(url(service), "summarize", TEXT, extra={"lenght": "short", "format": "poem"}, request_id="my-request")
    assert told.value.request_id == "my-request"
    assert {field for field, _ in told.value.errors} == {"lenght", "format"}
    with pytest.raises(UnsupportedLanguage) as other:
        ask(url(service), "summarize", TEXT, language="nosuch")
    assert other.value.field == "language"
    with pytest.raises(NoText):
        ask(url(service), "summarize", "  ")


@both
def test_the_deadline_is_kept_by_both_sides(ask: Ask, service: Service) -> None:
    """The service is told, and ends its work."""
    started_s = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        ask(url(service), "summarize", "Sentence fake:steps=60000 fake:step_ms=1 goes on. One more.", timeout=0.4)
    assert time.monotonic() - started_s < 3


# ---- keys and repetition --------------------------------------------------------------------------------------------


def test_keys_limits_and_usage(tmp_path: Path) -> None:
    """Each way in which a key is not enough has its class; a limit that is over after the deadline is told at once."""
    file = tmp_path / "keys.toml"
    file.write_text(table("news", more='requests_per_minute = 1\nscopes = ["detect"]'))
    with serving(keys_file=file) as running:
        with Client(url(running), key="precis_wrong") as stranger, pytest.raises(Unauthorized):
            stranger.detect("x")
        with Client(url(running), key=KEY, retry=RetryPolicy(attempts=2)) as client:
            with pytest.raises(Forbidden):
                client.summarize(TEXT)
            client.detect("x")
            usage = client.usage()
            assert (usage.key, usage.limits.requests_per_minute, usage.scopes) == ("news", 1, ("detect",))
            assert usage.requests.day >= 1
            with pytest.raises(RateLimited) as told:
                client.detect("x", timeout=2.0)
            assert told.value.quota is not None
            assert told.value.quota["limit"] == "minute"
            assert (told.value.retry_after_s or 0) > 2


def test_the_same_key_is_answered_once(service: Service) -> None:
    """A caller's own key of idempotency gets the kept reply, and a conflict for something else."""
    with Client(url(service)) as client:
        first = client.summarize(TEXT, idempotency_key="k-1")
        assert client.summarize(TEXT, idempotency_key="k-1").id == first.id
        assert client.summarize(TEXT).id != first.id
        with pytest.raises(IdempotencyConflict):
            client.summarize(TEXT + " More.", idempotency_key="k-1")


def until_brace(sock: socket.socket) -> bytes:
    """A whole message with a JSON object as its body."""
    data = b""
    while not data.endswith(b"}"):
        more = sock.recv(65536)
        assert more
        data += more
    return data


@contextmanager
def losing_the_first_reply(port: int) -> Iterator[str]:
    """A way to a service on which the first reply is lost, after the service has sent it."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads_: list[threading.Thread] = []

    def carry(client: socket.socket, lose: bool) -> None:
        with client, socket.create_connection(("127.0.0.1", port), LONG_S) as service:
            client.settimeout(LONG_S)
            service.sendall(until_brace(client))
            reply = until_brace(service)
            if not lose:
                client.sendall(reply)

    def accept() -> None:
        for number in range(2):
            client, _ = listener.accept()
            threads_.append(threading.Thread(target=carry, args=(client, number == 0)))
            threads_[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    for thread in (accepting, *threads_):
        thread.join(LONG_S)
    listener.close()


def test_a_reply_that_was_lost_is_told_again_and_not_made_again() -> None:
    """The automatic key of idempotency makes the second try of a POST safe."""
    with serving(cache_mb=0, orphan_grace_s=0) as running, losing_the_first_reply(running.port) as lossy:
        with Client(lossy) as client:
            assert client.summarize(TEXT, language="en").summary.text.startswith("The bridge")
        metrics = running.probe("/metrics").body.decode()
    admitted = sum(float(value) for value in re.findall(r"^precis_rows_admitted_total\S* (\S+)$", metrics, re.M))
    assert admitted == 1
    assert re.search(r'^precis_idempotent\S*"replayed"\S* 1', metrics, re.M) or "replayed" in metrics


# ---- overload and faults --------------------------------------------------------------------------------------------


@pytest.mark.heavy
def test_an_overloaded_service_is_waited_for() -> None:
    """Twelve callers and room for three: all are answered in the end, by asking again after the time they are told."""
    with serving(max_queued_rows=2, fake_script="rows=1", api_threads=16, cache_mb=0) as running:
        with Client(url(running), retry=PATIENT) as client, ThreadPoolExecutor(12) as pool:
            texts = [f"Sentence {index} fake:steps=200 fake:step_ms=1 goes on. One more." for index in range(12)]
            replies = list(pool.map(client.summarize, texts))
    assert [f"Sentence {index} " in reply.summary.text for index, reply in enumerate(replies)] == [True] * 12


@pytest.mark.heavy
@both
def test_a_model_process_that_dies_is_survived(ask: Ask) -> None:
    """`kill -9` while requests run: the caller waits a little longer and gets the answer."""
    with serving(fake_script="rows=8") as running, ThreadPoolExecutor(1) as pool:
        text = "Sentence fake:steps=1500 fake:step_ms=1 goes on. One more."
        call = pool.submit(ask, url(running), "summarize", text, make={"retry": PATIENT})
        wait_until(lambda: b"precis_rows_admitted_total" in running.probe("/metrics").body, "it runs")
        os.kill(running.model_pid(), signal.SIGKILL)
        assert call.result(LONG_S).summary.text.startswith("Sentence")


# ---- what is being built: held against the contract as soon as the service has it ------------------------------------


@both
def test_streams_of_the_real_service(ask: Ask, service: Service) -> None:
    """Deltas make up the summary and the last event is the reply; a service without streams says so by the field."""
    known = paths(service)["/v1/summarize"]["post"]["responses"]["200"]["content"]
    if "text/event-stream" not in known:
        with pytest.raises(BadRequest) as told:
            ask(url(service), "stream_summarize", TEXT)
        assert told.value.field == "Accept"
        return
    events = ask(url(service), "stream_summarize", TEXT, translate_to=["es", "xx"], language="en")
    names = [type(one).__name__ for one in events]
    assert (names[0], names[-1]) == ("LanguageFound", "SummarizeResult")
    told_text = ""
    for one in events[: names.index("SummaryDone")]:
        if type(one).__name__ == "SummaryDelta":
            told_text = one.text if one.reset else told_text + one.text
    result = events[-1].result
    assert told_text == result.summary.text
    assert {one.translation.language for one in events if type(one).__name__ == "SummaryTranslated"} == {"es", "xx"}
    assert result.summary.text == ask(url(service), "summarize", TEXT, language="en").summary.text
    translated = ask(url(service), "stream_translate", ["Hello", "Bye"], ["es"], source="en")
    assert [one.text for one in translated[-1].result.translations] == ["[es] Hello", "[es] Bye"]
    with pytest.raises(NoText):
        ask(url(service), "stream_summarize", " ")


@both
def test_jobs_of_the_real_service(ask: Ask, service: Service) -> None:
    """Begun, waited for, fetched and deleted; a service without jobs says that there is no such path."""
    items = [{"id": f"n{index}", "task": "summarize", "request": {"text": f"{TEXT} {index}."}} for index in range(5)]
    items.append({"id": "bad", "task": "summarize", "request": {"text": " "}})
    if "/v1/jobs" not in paths(service):
        with pytest.raises(NotFound):
            ask(url(service), "jobs.create", items)
        return
    key = uuid.uuid4().hex
    made = ask(url(service), "jobs.create", items, idempotency_key=key)
    assert ask(url(service), "jobs.create", items, idempotency_key=key).id == made.id
    ended = ask(url(service), "jobs.wait", made.id, timeout=60)
    assert (ended.state, ended.progress.done, ended.progress.failed) == ("succeeded", 6, 1)
    page = ask(url(service), "jobs.results_page", made.id, limit=4)
    rest = ask(url(service), "jobs.results_page", made.id, after=page.next)
    assert [one.id for one in (*page.results, *rest.results)] == [*(f"n{index}" for index in range(5)), "bad"]
    assert rest.complete
    assert page.results[0].summary.summary.text.startswith("The bridge")
    assert made.id in [one.id for one in ask(url(service), "jobs.list").jobs]
    assert ask(url(service), "jobs.cancel", made.id).ended
    with pytest.raises(NotFound):
        ask(url(service), "jobs.get", made.id)
