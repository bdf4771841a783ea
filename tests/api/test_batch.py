"""POST /v1/batch: items are isolated, ordered and told apart."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from service.api.replies_batch import BatchReplyShape
from service.config import Settings
from service.errors import Cancelled, Overloaded
from service.pipeline.progress import Progress
from service.pipeline.requests import DetectReply, DetectRequest, SummarizeReply, SummarizeRequest
from service.records import CallContext
from tests.api.callers import making, table
from tests.api.conftest import Bench

PATH = "/v1/batch"
SUMMARY = {"task": "summarize", "request": {"text": "The bridge opens today. Many came."}}
TRANSLATION = {"task": "translate", "request": {"text": "a", "target": "es"}}
DETECTION = {"task": "detect", "request": {"text": ["a", "b"]}}


def test_mixed_items_come_back_in_order(bench: Bench) -> None:
    """Each result is what its own endpoint would give, under the id it came with."""
    reply = bench.post(PATH, {"items": [{"id": "x", **SUMMARY}, TRANSLATION, {"id": "x", **DETECTION}]})
    assert reply.status_code == 200
    BatchReplyShape.model_validate_json(reply.data)
    results = reply.json["results"]
    assert [(one["index"], one["id"], one["status"]) for one in results] == [
        (0, "x", "ok"), (1, None, "ok"), (2, "x", "ok"),
    ]  # fmt: skip
    assert results[0]["result"]["summary"]["text"] == "The bridge opens today."
    assert results[1]["result"]["translations"][0]["text"] == "<a>"
    assert [one["index"] for one in results[2]["result"]["results"]] == [0, 1]


@pytest.mark.parametrize(
    ("item", "code", "field"),
    [
        (None, "bad_request", "items[1]"),
        ("text", "bad_request", "items[1]"),
        ({}, "bad_request", "items[1].task"),
        ({"task": "sing", "request": {}}, "bad_request", "items[1].task"),
        ({"task": "detect"}, "bad_request", "items[1].request"),
        ({"task": "detect", "request": 7}, "bad_request", "items[1].request"),
        ({"task": "detect", "request": {}}, "bad_request", "items[1].request.text"),
        ({"task": "detect", "request": {"text": "a", "tpo": 1}}, "bad_request", "items[1].request.tpo"),
        ({"task": "detect", "request": {"text": "a"}, "extra": 1}, "bad_request", "items[1].extra"),
        ({"id": 7, "task": "detect", "request": {"text": "a"}}, "bad_request", "items[1].id"),
        ({"task": "summarize", "request": {"text": "a", "language": "tlh"}}, "unsupported_language",
         "items[1].request.language"),
        ({"task": "translate", "request": {"text": "a" * 600, "target": "es"}}, "too_long", "items[1].request.text"),
    ],
)  # fmt: skip
def test_a_bad_item_fails_alone(item: object, code: str, field: str) -> None:
    """Its error names the field from the top of the body; its neighbours are answered."""
    bench = Bench(Settings(max_text_characters=500))
    reply = bench.post(PATH, {"items": [DETECTION, item, SUMMARY]})
    assert reply.status_code == 200
    BatchReplyShape.model_validate_json(reply.data)
    first, bad, last = reply.json["results"]
    assert (first["status"], last["status"]) == ("ok", "ok")
    assert (bad["status"], bad["error"]["code"], bad["error"]["field"]) == ("error", code, field)
    assert field.rpartition(".")[2].removeprefix("items[1]") in bad["error"]["detail"]


def test_a_bad_item_keeps_its_id(bench: Bench) -> None:
    """Its sender can tell which it was."""
    reply = bench.post(PATH, {"items": [{"id": "seven", "task": "sing"}]})
    assert reply.json["results"][0]["id"] == "seven"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "items"),
        ({"items": []}, "items"),
        ({"items": {}}, "items"),
        ({"items": [DETECTION] * 101}, "items"),
        ({"items": [DETECTION], "more": 1}, "more"),
    ],
)
def test_a_body_that_is_no_batch_is_refused(bench: Bench, body: object, field: str) -> None:
    """Only what is wrong with the whole fails the whole."""
    reply = bench.post(PATH, body)
    assert (reply.status_code, reply.json["code"], reply.json["field"]) == (400, "bad_request", field)


def test_names_given_twice_are_refused(bench: Bench) -> None:
    """Also deep within an item: two readers of one body must not disagree."""
    body = b'{"items":[{"task":"detect","request":{"text":"a","text":"b"}}]}'
    reply = bench.post(PATH, body)
    assert (reply.status_code, reply.json["field"]) == (400, "text")


def test_failures_of_the_pipeline_are_those_of_items(bench: Bench) -> None:
    """Busy and broken alike: the batch is answered, with when to come back."""
    bench.pipeline.error = Overloaded("the queue is full", retry_after_s=1.5)
    (result,) = bench.post(PATH, {"items": [SUMMARY]}).json["results"]
    assert (result["error"]["code"], result["error"]["retry_after_s"]) == ("overloaded", 2)
    bench.pipeline.error = RuntimeError("secret")
    reply = bench.post(PATH, {"items": [SUMMARY, TRANSLATION]})
    assert [one["error"]["code"] for one in reply.json["results"]] == ["engine_failed"] * 2
    assert b"secret" not in reply.data


def test_a_caller_that_has_gone_ends_the_batch(bench: Bench) -> None:
    """Nobody reads results any more, so the rest is not begun."""
    bench.pipeline.error = Cancelled("the caller has gone")
    reply = bench.post(PATH, {"items": [SUMMARY] * 5})
    assert reply.status_code == 499


def test_items_begin_within_the_deadline_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What had no time to begin is an error of its own."""
    now = time.monotonic

    def slow(request: DetectRequest) -> DetectReply:
        monkeypatch.setattr("service.api.batch.time.monotonic", lambda: now() + 100)
        return DetectReply(())

    bench.pipeline.detect = slow  # type: ignore[method-assign]
    items = [DETECTION] * (bench.settings.batch_concurrency * 3)
    results = bench.post(PATH, {"items": items}).json["results"]
    assert results[0]["status"] == "ok"
    assert results[-1]["error"]["code"] == "deadline"


def test_items_run_side_by_side_and_no_more_than_the_setting(bench: Bench) -> None:
    """Eight items meet in the pipeline, and the log of each knows the request."""
    meet = threading.Barrier(bench.settings.batch_concurrency)
    seen: list[CallContext] = []
    summarize = bench.pipeline.summarize

    def together(request: SummarizeRequest, context: CallContext, *progress: Progress) -> SummarizeReply:
        meet.wait(10)
        seen.append(context)
        return summarize(request, context, *progress)

    bench.pipeline.summarize = together  # type: ignore[method-assign]
    reply = bench.post(PATH, {"items": [SUMMARY] * (2 * bench.settings.batch_concurrency)}, X_Request_Id="abc")
    assert {one["status"] for one in reply.json["results"]} == {"ok"}
    assert {context.request_id for context in seen} == {"abc"}


def test_items_keep_to_the_key_of_the_batch(tmp_path: Path) -> None:
    """Each is charged to it, and what the key is not for is that item's error."""
    with making(tmp_path) as make:
        app = make(table("news", more='characters_per_day = 1000\nscopes = ["batch", "detect"]'))
        body = {"items": [{"task": "detect", "request": {"text": "abc"}}] * 5 + [SUMMARY]}
        results = app.ask(path=PATH, body=body).json["results"]
        assert [one["status"] for one in results] == ["ok"] * 5 + ["error"]
        assert results[5]["error"]["code"] == "forbidden"
        assert app.callers.access is not None
        assert app.callers.access.limiter.used("news").day_characters == 15
