"""Replies that stream, byte by byte as the contract has them (docs/ARCHITECTURE.md), through real sockets."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from precis_client import (
    AsyncClient,
    BadRequest,
    Client,
    DeadlineExceeded,
    EngineFailed,
    InvalidReply,
    LanguageFound,
    Overloaded,
    PrecisError,
    StreamBroken,
    SummarizeResult,
    SummaryDelta,
    SummaryDone,
    SummaryTranslated,
    TextSoFar,
    Translated,
    TranslateResult,
)
from tests.clients.python.callers import Ask, loop, threads
from tests.clients.python.scripted import (
    RESET,
    STREAM_END,
    STREAM_HEAD,
    Script,
    chunk,
    event,
    problem,
    reply,
    scripted,
    stream,
)

both = pytest.mark.parametrize("ask", [threads, loop])

LANGUAGE = {"code": "de", "confidence": 0.9, "detected": True}
SUMMARY = {"text": "Zwölf 😀 Brücken. Alle offen.", "language": "de"}
ES: dict[str, Any] = {"language": "es", "status": "ok", "text": "Doce 😀 puentes."}
XX: dict[str, Any] = {"language": "xx", "status": "error", "error": {"code": "unsupported_language", "detail": "no"}}
WHOLE = {"id": "i", "language": LANGUAGE, "summary": SUMMARY, "translations": [ES, XX]}
BODY = b"".join(
    [
        event("language", 0, language=LANGUAGE),
        b": keep-alive\n\n",
        event("summary.delta", 1, text="Zwölf 😀 Brü", index=0),
        event("summary.delta", 2, text="cken.", index=0),
        event("summary.delta", 3, text=" Alle offen.", index=1),
        event("news.of.tomorrow", 4, what="ever"),
        event("summary", 5, summary=SUMMARY),
        b": keep-alive\n\n",
        event("translation", 6, index=1, translation=XX),
        event("translation", 7, index=0, translation=ES),
        event("result", 8, result=WHOLE),
    ]
)


def check(events: list[Any]) -> None:
    """These are the events of `BODY`."""
    kinds = [LanguageFound, SummaryDelta, SummaryDelta, SummaryDelta, SummaryDone, SummaryTranslated, SummaryTranslated,
             SummarizeResult]  # fmt: skip
    assert [type(one) for one in events] == kinds
    assert [one.seq for one in events] == [0, 1, 2, 3, 5, 6, 7, 8]
    so_far = TextSoFar()
    for one in events[:4]:
        so_far.feed(one)
    assert so_far.text == SUMMARY["text"] == events[4].summary.text
    assert events[0].language.code == "de"
    assert (events[5].translation.ok, events[5].translation.error.code) == (False, "unsupported_language")
    assert events[-1].result.translation("es").text == "Doce 😀 puentes."


@both
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000_000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_stream_is_told_as_it_comes(ask: Ask, size: int, line_end: bytes) -> None:
    """However it is cut, within characters, lines and their ends, with comments and unknown events between."""
    with scripted(stream(BODY.replace(b"\n", line_end), size)) as server:
        check(ask(server.url, "stream_summarize", "Text", translate_to=["es", "xx"]))
    (asked,) = server.asked
    assert asked.headers["accept"] == "text/event-stream"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.json == {"text": "Text", "translate_to": ["es", "xx"]}
    assert 0 < int(asked.headers["x-deadline-ms"]) <= 60_000


def test_events_come_one_by_one() -> None:
    """An event is there before the service has made the next."""
    head, tail = BODY.split(b": keep-alive\n\n", 1)
    go_on = threading.Event()
    with scripted([STREAM_HEAD, chunk(head), go_on, chunk(tail), STREAM_END]) as server, Client(server.url) as client:
        with client.stream_summarize("Text") as events:
            assert isinstance(next(events), LanguageFound)
            go_on.set()
            assert events.result().summary.text == SUMMARY["text"]
            with pytest.raises(StopIteration):
                next(events)


def test_translations_stream() -> None:
    """Each as it ends, in whatever order; then the whole reply."""
    made = [{"index": 0, "source": "de", "target": target, "status": "ok", "text": target} for target in ("es", "fr")]
    body = b"".join(
        [
            event("language", 0, index=0, language=LANGUAGE),
            event("translation", 1, index=1, translation=made[1]),
            event("translation", 2, index=0, translation=made[0]),
            event("result", 3, result={"id": "i", "translations": made}),
        ]
    )
    for ask in (threads, loop):
        with scripted(stream(body, 5)) as server:
            events = ask(server.url, "stream_translate", "Text", ["es", "fr"])
        assert [type(one) for one in events] == [LanguageFound, Translated, Translated, TranslateResult]
        assert [one.translation.text for one in events[1:3]] == ["fr", "es"]


def test_a_summary_that_is_written_anew() -> None:
    """What came before a reset is void."""
    so_far = TextSoFar()
    for one in (SummaryDelta(seq=0, text="Wrong."), SummaryDelta(seq=1, text=" Bad.", index=1),
                SummaryDelta(seq=2, text="Good", reset=True), SummaryDelta(seq=3, text=".")):  # fmt: skip
        so_far.feed(one)
    assert so_far.text == "Good."


# ---- what goes wrong ------------------------------------------------------------------------------------------------


@both
def test_an_error_at_the_end_is_raised(ask: Ask) -> None:
    """As the class of its code."""
    told = event("error", 1, error={"code": "engine_failed", "detail": "it broke", "request_id": "r9", "status": 500})
    with scripted(stream(event("language", 0, language=LANGUAGE) + told)) as server:
        with pytest.raises(EngineFailed, match="it broke") as raised:
            ask(server.url, "stream_summarize", "Text")
    assert raised.value.request_id == "r9"
    assert len(server.asked) == 1


CUT = BODY[: len(BODY) // 2]


@both
@pytest.mark.parametrize(
    "script",
    [stream(CUT), stream(CUT, end=False), [*stream(CUT, end=False), RESET],
     stream(event("language", 0, language=LANGUAGE)), stream(b""),
     stream(event("language", 0, language=LANGUAGE) + event("summary", 2, summary=SUMMARY))],
    ids=["ended", "closed", "reset", "one event", "empty", "an event is missing"],
)  # fmt: skip
def test_a_stream_that_breaks_is_told_and_not_taken_up(ask: Ask, script: Script) -> None:
    """A POST is not sent again in the middle: its text would be told twice."""
    with scripted(script, stream(BODY)) as server, pytest.raises(StreamBroken):
        ask(server.url, "stream_summarize", "Text")
    assert len(server.asked) == 1


@both
@pytest.mark.parametrize(
    "script",
    [reply(200, WHOLE), stream(b"event: summary\ndata: nonsense\n\n"), stream(b"event: summary\ndata: {}\n\n"),
     stream(event("summary", 0, summary=[])), stream(event("language", 0))],
)  # fmt: skip
def test_what_is_no_stream_of_this_api_is_told(ask: Ask, script: Script) -> None:
    """By name."""
    with scripted(script) as server, pytest.raises(InvalidReply):
        ask(server.url, "stream_summarize", "Text")


@both
def test_refusals_before_the_first_byte_are_tried_again(ask: Ask) -> None:
    """As those of any call; what would fail again is told."""
    with scripted(problem(429, "overloaded", after="0"), [], stream(BODY)) as server:
        check(ask(server.url, "stream_summarize", "Text"))
    assert len({one.headers["idempotency-key"] for one in server.asked}) == 1
    with scripted(problem(429, "overloaded", after="0")) as server, pytest.raises(Overloaded):
        ask(server.url, "stream_summarize", "Text")
    with scripted(problem(400, "bad_request", field="Accept")) as server, pytest.raises(BadRequest) as told:
        ask(server.url, "stream_summarize", "Text")
    assert told.value.field == "Accept"


@both
def test_a_stream_ends_at_the_deadline(ask: Ask) -> None:
    """Even where the service goes on saying that it is still there."""
    silence = threading.Event()
    with scripted([STREAM_HEAD, chunk(event("language", 0, language=LANGUAGE)), silence]) as server:
        started_s = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            ask(server.url, "stream_summarize", "Text", timeout=0.3)
        took_s = time.monotonic() - started_s
        silence.set()
    assert 0.25 <= took_s < 3.0


def test_leaving_early_hangs_up() -> None:
    """The service sees it and ends the work."""
    head = chunk(event("language", 0, language=LANGUAGE))
    wait = threading.Event()
    script: Script = [STREAM_HEAD, head, wait, *[chunk(b": keep-alive\n\n") * 1000] * 100]
    with scripted(script) as server, Client(server.url) as client:
        with client.stream_summarize("Text") as events:
            next(events)
        wait.set()
        assert server.hung_up.wait(20)


def test_leaving_early_hangs_up_in_asyncio() -> None:
    """The same, also where nobody has closed the stream but the task was cancelled."""
    import asyncio

    head = chunk(event("language", 0, language=LANGUAGE))
    wait = threading.Event()

    async def leave(url: str) -> None:
        async with AsyncClient(url) as client:
            async with client.stream_summarize("Text") as events:
                assert isinstance(await anext(events), LanguageFound)
                task = asyncio.ensure_future(events.result())
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

    with scripted([STREAM_HEAD, head, wait, *[chunk(b": keep-alive\n\n") * 1000] * 100]) as server:
        asyncio.run(leave(server.url))
        wait.set()
        assert server.hung_up.wait(20)


def test_a_closed_stream_has_no_result() -> None:
    """Asking for it is a mistake that is told."""
    with scripted(stream(BODY)) as server, Client(server.url) as client:
        events = client.stream_summarize("Text")
        events.close()
        with pytest.raises((ValueError, PrecisError)):
            events.result()
