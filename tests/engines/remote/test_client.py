from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import socket
import time
from collections.abc import Iterator

import pytest

from service.engines.remote import prompts
from service.engines.remote.client import ChatClient, Server
from service.engines.remote.reply import Reply
from service.engines.remote.retries import Budget, retry_after_s
from service.errors import EngineFailed, Overloaded, Unavailable
from service.records import Usage
from tests.engines.remote.scripted import (
    END,
    HANG_UNTIL_CLIENT_LEAVES,
    HEAD,
    RESET,
    Asked,
    Behaviour,
    ScriptedServer,
    chunk,
    delta,
    last,
    says,
    script,
    whole,
)

PROMPT = prompts.summarize(prompts.Fence(b"s"), "A text.", "en", 2)


def ask(url: str, times: int = 1, **changes: object) -> Reply:
    async def main() -> Reply:
        client = ChatClient(Server(url, "tiny", **changes))  # type: ignore[arg-type]
        try:
            for _ in range(times - 1):
                await client.ask(PROMPT)
            return await client.ask(PROMPT)
        finally:
            await client.close()

    return asyncio.run(main())


def test_an_answer_is_streamed_and_counted() -> None:
    """The request asks for a bounded, greedy, seeded stream; text and usage come back."""
    with ScriptedServer(lambda _: says("Grüße, 世界")) as server:
        reply = ask(server.url, key="sekrit")
    assert reply == Reply("Grüße, 世界", "stop", Usage(100, 7))
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "Bearer sekrit"
    body = {name: value for name, value in asked.body.items() if name != "messages"}
    assert body == {
        "model": "tiny",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "seed": 0,
        "max_tokens": PROMPT.max_tokens,
    }
    assert [message["role"] for message in asked.body["messages"]] == ["system", "user"]


@pytest.mark.parametrize("size", [1, 3, 17])
def test_a_stream_may_be_cut_anywhere(size: int) -> None:
    """Pieces that end inside a character, a JSON string or a line end give the same answer."""

    def behave(_: Asked) -> Iterator[bytes]:
        raw = delta("Grüße, ") + delta("世界 🌍") + last()
        yield HEAD
        for at in range(0, len(raw), size):
            yield chunk(raw[at : at + size])
        yield END

    with ScriptedServer(behave) as server:
        assert ask(server.url).text == "Grüße, 世界 🌍"


def test_a_server_that_does_not_stream_is_understood() -> None:
    """A whole JSON document serves as well."""
    answer = {"choices": [{"message": {"content": [{"type": "text", "text": "Hi"}]}, "finish_reason": "stop"}]}
    with ScriptedServer(lambda _: iter([whole(json.dumps(answer).encode())])) as server:
        assert ask(server.url) == Reply("Hi", "stop", None)


def test_an_answer_without_the_closing_word_counts_when_it_was_finished() -> None:
    """A reason to finish is enough, as some servers send no `[DONE]`; thoughts sent apart are no text."""
    finished = b'data: {"choices": [{"delta": {"reasoning_content": "hm"}, "finish_reason": "stop"}]}\n\n'
    with ScriptedServer(lambda _: iter([HEAD + chunk(delta("Hi") + finished) + END])) as server:
        assert ask(server.url).text == "Hi"


def test_busy_is_tried_again_after_the_time_named() -> None:
    """A 429 with Retry-After is sent again no sooner than asked, and then answered."""
    busy = whole(b"{}", 429, Retry_After="0.3")
    with ScriptedServer(script(iter([busy]), "Fine.")) as server:
        started_s = time.monotonic()
        assert ask(server.url).text == "Fine."
        assert time.monotonic() - started_s >= 0.3
    assert len(server.asked) == 2


def test_no_retry_after_the_deadline() -> None:
    """A wait that would end after the request's time is not begun: the caller is told at once, with the time."""
    with ScriptedServer(lambda _: iter([whole(b"{}", 429, Retry_After="120")])) as server:
        started_s = time.monotonic()
        with pytest.raises(Overloaded) as raised:
            ask(server.url, total_s=10)
        assert time.monotonic() - started_s < 5
    assert raised.value.retry_after_s == 120
    assert len(server.asked) == 1


def test_retry_after_may_be_a_date() -> None:
    """Both forms of the header are read, and nonsense is as good as none."""
    date = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert 55 < (retry_after_s(date) or 0) <= 60
    assert retry_after_s("1.5") == 1.5
    assert [retry_after_s(value) for value in (None, "soon", "nan", "1e99")] == [None] * 4
    assert retry_after_s("-5") == 0


@pytest.mark.parametrize("status", [500, 502, 503])
def test_trouble_is_tried_again(status: int) -> None:
    """A failing server gets another chance."""
    with ScriptedServer(script(iter([whole(b"oops", status)]), "Fine.")) as server:
        assert ask(server.url).text == "Fine."


def broken_stream(_: Asked) -> Iterator[bytes]:
    yield HEAD + chunk(delta("Half an ans"))
    yield RESET


def ended_stream(_: Asked) -> Iterator[bytes]:
    yield HEAD + chunk(delta("Half an ans")) + END


def reported_fault(_: Asked) -> Iterator[bytes]:
    yield HEAD + chunk(delta("Half") + b'data: {"error": "out of "memory""}\n\n') + END


@pytest.mark.parametrize("fault", [broken_stream, ended_stream, reported_fault])
def test_an_answer_that_breaks_off_is_asked_for_again(fault: Behaviour) -> None:
    """A connection lost, an end without a reason and a fault told in the stream lead to a second request."""
    with ScriptedServer(script(fault, "Fine.")) as server:
        assert ask(server.url).text == "Fine."
    assert len(server.asked) == 2


@pytest.mark.parametrize(("fault", "error"), [(broken_stream, Unavailable), (reported_fault, EngineFailed)])
def test_retries_are_bounded(fault: Behaviour, error: type[Exception]) -> None:
    """A server that always fails is asked as often as set, no more."""
    with ScriptedServer(fault) as server:
        with pytest.raises(error):
            ask(server.url, retries=3)
    assert len(server.asked) == 4


def test_retries_have_a_budget_over_all_requests() -> None:
    """Ten retries in a row use the budget up; five successes earn the next one."""
    budget = Budget()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(6):
        budget.earn()
    assert budget.spend()
    assert not budget.spend()


def test_a_server_that_hangs_is_given_up_and_left() -> None:
    """Silence ends with a typed error in the time set, the stream is closed, and nothing is sent again."""
    with ScriptedServer(lambda _: iter([HANG_UNTIL_CLIENT_LEAVES])) as server:
        started_s = time.monotonic()
        with pytest.raises(EngineFailed, match="in time"):
            ask(server.url, connect_s=0.1, first_token_s=0.2)
        assert time.monotonic() - started_s < 5
        assert server.hung_up.wait(5)
    assert len(server.asked) == 1


def test_silence_in_the_middle_is_bounded_too() -> None:
    """A stream that stops after its first words does not hold a request for its whole time."""
    behave = script(iter([HEAD + chunk(delta("One ")), HANG_UNTIL_CLIENT_LEAVES]))
    with ScriptedServer(behave) as server, pytest.raises(EngineFailed, match="in time"):
        ask(server.url, first_token_s=0.2, total_s=15)


def test_dripping_does_not_outlast_the_total_time() -> None:
    """Comments that keep a connection alive are not an answer."""

    def behave(_: Asked) -> Iterator[bytes]:
        yield HEAD
        while True:
            yield chunk(b": ping\n\n")

    with ScriptedServer(behave) as server, pytest.raises(EngineFailed, match="in time"):
        ask(server.url, total_s=0.3)


def test_an_answer_held_open_after_its_end_is_taken() -> None:
    """A server that finishes and does not close costs a moment, not the answer."""
    finished = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    behave = script(iter([HEAD + chunk(delta("Hi") + finished), HANG_UNTIL_CLIENT_LEAVES]))
    with ScriptedServer(behave) as server:
        assert ask(server.url).text == "Hi"


@pytest.mark.parametrize(
    "garbage",
    [
        HEAD + chunk(b"data: {not json\n\n") + END,
        HEAD + chunk(b"data: [1, 2]\n\n") + END,
        HEAD + chunk(b'data: {"choices": [3]}\n\n') + END,
        HEAD + chunk(b"data: " + b"[" * 100_000 + b"\n\n") + END,
        HEAD + chunk(b"x" * 1_100_000) + END,
        whole(b"\xff\xfe<html>", 200),
    ],
)
def test_garbage_is_a_typed_error(garbage: bytes) -> None:
    """What is no chat completion fails this request and is not asked for again."""
    with ScriptedServer(lambda _: iter([garbage])) as server, pytest.raises(EngineFailed, match="cannot be read"):
        ask(server.url)
    assert len(server.asked) == 1


def test_reading_stops_past_the_bound() -> None:
    """A model that does not stop is left, long before its answer fills the memory."""

    def behave(_: Asked) -> Iterator[bytes]:
        yield HEAD
        while True:
            yield chunk(delta("on and on "))

    with ScriptedServer(behave) as server:
        reply = ask(server.url)
    assert reply.finish == "over_long"
    assert len(reply.text) <= PROMPT.max_characters + 10


def test_nobody_listens() -> None:
    """A server that is down is a typed error in well under a second."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    started_s = time.monotonic()
    with pytest.raises(Unavailable) as raised:
        ask(url)
    assert time.monotonic() - started_s < 2
    assert raised.value.retry_after_s == 5.0


def test_a_refused_request_is_not_repeated_nor_followed(caplog: pytest.LogCaptureFixture) -> None:
    """A wrong key and a redirect end at once, and neither key nor text reach the log."""
    caplog.set_level(logging.DEBUG)
    moved = whole(b"", 307, Location="http://127.0.0.1:9/elsewhere")
    with ScriptedServer(script(iter([whole(b"A text.", 401)]), iter([moved]))) as server:
        for status in (401, 307):
            with pytest.raises(EngineFailed, match=str(status)) as raised:
                ask(server.url, key="sekrit")
            assert "A text" not in raised.value.detail
    assert len(server.asked) == 2
    assert "sekrit" not in caplog.text
    assert "A text" not in caplog.text
    assert "sekrit" not in repr(Server("http://x", "m", "sekrit"))


def test_fields_a_server_does_not_know_are_left_out_from_then_on() -> None:
    """A refusal that names optional fields is answered without them, and later requests spare the detour."""

    def behave(asked: Asked) -> Iterator[bytes]:
        for name in ("stream_options", "max_tokens"):
            if name in asked.body:
                return iter([whole(json.dumps({"detail": f"Unexpected fields: {name}"}).encode(), 422)])
        return says("Fine.")

    with ScriptedServer(behave) as server:
        assert ask(server.url, times=2).text == "Fine."
    assert len(server.asked) == 4
    assert "stream_options" not in server.asked[-1].body
    assert server.asked[-1].body["max_completion_tokens"] == PROMPT.max_tokens


def test_a_context_too_small_is_no_endless_detour() -> None:
    """A refusal that happens to name a field does not go in circles."""
    with ScriptedServer(lambda _: iter([whole(b"max_tokens seed temperature stream_options", 400)])) as server:
        with pytest.raises(EngineFailed, match="400"):
            ask(server.url)
    assert len(server.asked) == 2


def test_more_fields_come_from_the_settings() -> None:
    """Switches of a chat template reach the server."""
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    with ScriptedServer(script("Fine.")) as server:
        ask(server.url, extra=extra)
    assert server.asked[0].body["chat_template_kwargs"] == {"enable_thinking": False}
