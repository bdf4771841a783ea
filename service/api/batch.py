"""POST /v1/batch: tasks of any kind in one request; each succeeds or fails alone."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from flask import Response, request

from service import item_results, telemetry
from service.api import access, guards, work
from service.api.context import Services, gone_probe, services
from service.api.replies_batch import BatchReplyShape
from service.api.resource import BODY_ERRORS, Operation, Resource, current_call, json_reply
from service.api.schemas_batch import BatchBody, BatchShape, ItemEnvelope
from service.api.validation import parse, validated, wrong
from service.errors import Cancelled, DeadlineExceeded, EngineFailed, PrecisError
from service.observability import tracing
from service.records import CallContext

resource = Resource("batch", __name__)

T = TypeVar("T")

_EXAMPLE = {
    "items": [
        {
            "id": "lead",
            "task": "summarize",
            "request": {"text": "The town library reopened on Monday. Repairs had taken two years."},
        },
        {"id": "title", "task": "translate", "request": {"text": "Library open again", "source": "en", "target": "es"}},
        {"task": "detect", "request": {"text": "Die Bücherei ist wieder offen."}},
    ]
}


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a batch: what runs it, or why it cannot be run."""

    index: int
    id: str | None
    run: work.Run | None
    error: PrecisError | None = None


@resource.serves(
    Operation(
        method="POST",
        path="/v1/batch",
        name="batch",
        summary="Run many summaries, translations and detections; each item has its own status",
        request=BatchShape,
        reply=BatchReplyShape,
        errors=(*(code for code in BODY_ERRORS if code not in ("too_long", "overloaded")),),
        examples={"mixed": _EXAMPLE},
    )
)
def batch() -> Response:
    """Answer with one result for each item, in order."""
    serving, call = services(), current_call()
    raw = parse(BatchBody, guards.json_body()).items
    if len(raw) > serving.settings.max_batch_items:
        raise wrong("items", f"has {len(raw)} items; the limit is {serving.settings.max_batch_items}")
    items = [read(index, value) for index, value in enumerate(raw)]
    context = guards.call_context()
    environ = request.environ

    def one(item: Item) -> bytes:
        # A probe of its own: one that several threads poll at a time refuses.
        return _result(item, serving, replace(context, gone=gone_probe(environ)))

    results = in_threads(one, items, serving.settings.batch_concurrency)
    call.task = "batch"
    return json_reply(b'{"results":[' + b",".join(results) + b"]}")


def read(index: int, value: object) -> Item:
    """An item out of decoded JSON; what is wrong with it is its own error, never the batch's."""
    place = f"items[{index}]"
    try:
        envelope = validated(ItemEnvelope, value, place)
    except PrecisError as error:
        return Item(index, _id_of(value), None, error)
    try:
        access.require_scope(envelope.task)
        return Item(index, envelope.id, work.TASKS[envelope.task](envelope.request))
    except PrecisError as error:
        return Item(index, envelope.id, None, placed(error, f"{place}.request"))


def in_threads(function: Callable[[T], bytes], items: Sequence[T], threads: int) -> list[bytes]:
    """Results in the order of the items, computed on a few threads that end with the call.

    Each item sees the log context and the caller of this request.
    """
    if len(items) == 1:
        return [function(items[0])]
    with ThreadPoolExecutor(min(threads, len(items)), thread_name_prefix="batch") as pool:
        futures = [pool.submit(contextvars.copy_context().run, function, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _result(item: Item, serving: Services, context: CallContext) -> bytes:
    """The JSON of one result.

    Raises:
        Cancelled: the caller has gone, and with it everybody who waits for any item.
    """
    failed = partial(item_results.failed, item.index, item.id)
    if item.run is None:
        return failed(item.error or EngineFailed("the item could not be read"))
    try:
        with tracing.span("item", {"precis.item": item.index}):
            done = _within_time(partial(item.run, serving), context)
    except Cancelled:
        raise
    except PrecisError as error:
        return failed(placed(error, f"items[{item.index}].request"))
    except Exception as error:  # noqa: BLE001 - one item's failure, whatever it is
        telemetry.logger().error("unexpected failure of an item", exc_info=error)
        return failed(EngineFailed("the item failed inside the service; the id of the request is in the log"))
    if done.engine:
        serving.metrics.item(done.task, done.engine, done.language)
    return item_results.done(item.index, item.id, done.body)


def _within_time(run: Callable[[CallContext], work.Done], context: CallContext) -> work.Done:
    if context.gone():
        raise Cancelled("the caller has gone")
    if time.monotonic() >= context.deadline_s:
        raise DeadlineExceeded("the time given ran out before this item began")
    return run(context)


def placed(error: PrecisError, place: str) -> PrecisError:
    """The error with its field told from the top of the body."""
    if error.field is not None and not error.field.startswith(place):
        error.field = f"{place}.{error.field}" if error.field else place
    return error


def _id_of(value: object) -> str | None:
    """The id of an item that is wrong otherwise, so that its sender can tell which it was."""
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and len(found) <= ItemEnvelope.LONGEST_ID else None
