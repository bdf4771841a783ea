"""/v1/jobs: one request or thousands, done in the background by workers, told of while they run."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, request
from pydantic_core import to_json

from service import item_results
from service.api import access, batch, guards, idempotency, metering, work
from service.api.context import Services, services
from service.api.replies_jobs import JobListShape, JobReplyShape, JobResultsShape
from service.api.resource import BODY_ERRORS, KEY_ERRORS, Operation, Parameter, Resource, current_call, json_reply
from service.api.schemas_jobs import JobsBody, JobShape
from service.api.validation import parse, wrong
from service.errors import BadRequest, EngineFailed, NotFound, PrecisError
from service.jobs import metrics
from service.jobs.job import Job, NewItem, NewJob
from service.jobs.store import Store
from service.jobs.targets import Refused, rules_of
from service.jobs.telling import told

resource = Resource("jobs", __name__)

_ID = re.compile(r"[0-9a-f]{1,64}")
_MOST_RESULTS = 1000
_MOST_JOBS = 100
_LAST_PLACE = 999_999_999
_ERRORS = (*KEY_ERRORS, "bad_request", "forbidden", "not_found", "unavailable")
_LIBRARY = {"text": "The town library reopened on Monday. Repairs had taken two years."}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "one": {"task": "summarize", "request": _LIBRARY},
    "many": {
        "items": [
            {"id": "lead", "task": "summarize", "request": _LIBRARY},
            {"task": "translate", "request": {"text": "Library open again", "source": "en", "target": "es"}},
        ],
        "retain_s": 3600,
    },
}
_ID_SCHEMA: dict[str, object] = {"type": "string", "pattern": f"^{_ID.pattern}$"}
_PATH_ID = Parameter("job", "path", _ID_SCHEMA, "id of the job")


def _bounded(most: int) -> dict[str, object]:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": most // 10}


@resource.serves(
    Operation(
        method="POST",
        path="/v1/jobs",
        name="jobs",
        summary="Have one request or many done in the background; `Location` says where to ask how far they are",
        request=JobShape,
        reply=JobReplyShape,
        statuses=(202,),
        errors=(*(code for code in BODY_ERRORS if code != "engine_failed"), "not_found", "no_text", "unavailable"),
        examples=_EXAMPLES,
    )
)
def jobs() -> Response:
    """Answer with the job, as soon as it is kept."""
    store, serving, call = _store(), services(), current_call()
    body = parse(JobsBody, guards.json_body())
    given = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    key, asked = (None, None) if given is None else tuple(part.hex() for part in idempotency.digests(given))
    call.task = "jobs"
    if key is not None and asked is not None:
        before = store.repeated(call.caller, key, asked)
        if before is not None:
            return _accepted(before, repeated=True)
    _check_around(body, serving)
    items, characters = _items(body, serving)
    retain_s = min(body.retain_s or serving.settings.jobs_retention_s, serving.settings.jobs_retention_s)
    url = body.webhook.url if body.webhook is not None else None
    new = NewJob(call.caller, items, retain_s, url, key, asked)
    gate = access.current_access()
    if gate is not None:
        metering.charge(gate, call.caller, characters)
    kept = False
    try:
        submitted = store.submit(new)
        kept = not submitted.repeated
    finally:
        if gate is not None and not kept:
            gate.limiter.refund(call.caller, characters)
    if kept:
        metrics.job("queued")
    return _accepted(submitted.job, repeated=submitted.repeated)


@resource.serves(
    Operation(
        method="GET",
        path="/v1/jobs",
        name="list_jobs",
        summary="Your jobs, newest first",
        reply=JobListShape,
        errors=_ERRORS,
        parameters=(
            Parameter("limit", "query", _bounded(_MOST_JOBS), "jobs of one page"),
            Parameter("before", "query", _ID_SCHEMA, "`next` of the page before"),
        ),
    )
)
def list_jobs() -> Response:
    """Answer with a page of the caller's jobs."""
    store = _store()
    limit = _number("limit", _MOST_JOBS // 10, 1, _MOST_JOBS)
    before = request.args.get("before")
    if before is not None and not _ID.fullmatch(before):
        raise wrong("before", "must be the `next` of a page")
    found = store.newest(current_call().caller, limit + 1, before)
    page = found[:limit]
    more = page[-1].id if len(found) > limit else None
    return json_reply(to_json({"jobs": [told(job) for job in page], "next": more}))


@resource.serves(
    Operation(
        method="GET",
        path="/v1/jobs/{job}",
        name="job",
        summary="How far a job is",
        reply=JobReplyShape,
        errors=_ERRORS,
        parameters=(_PATH_ID,),
    )
)
def one_job(job: str) -> Response:
    """Answer with the job."""
    return json_reply(to_json(told(_store().get(current_call().caller, _id(job)))))


@resource.serves(
    Operation(
        method="DELETE",
        path="/v1/jobs/{job}",
        name="cancel_job",
        summary="End a job at once; a job that has ended is deleted with its results",
        reply=JobReplyShape,
        statuses=(200, 202),
        errors=_ERRORS,
        parameters=(_PATH_ID,),
    )
)
def cancel_job(job: str) -> Response:
    """Answer with the job: 202 where it ends now, 200 where it had ended and is gone now."""
    found, deleted = _store().cancel(current_call().caller, _id(job))
    if not deleted:
        metrics.job("cancelled")
    response = json_reply(to_json(told(found)))
    response.status_code = 200 if deleted else 202
    return response


@resource.serves(
    Operation(
        method="GET",
        path="/v1/jobs/{job}/results",
        name="job_results",
        summary="Results in the order of the items, also while the job runs",
        reply=JobResultsShape,
        errors=_ERRORS,
        parameters=(
            _PATH_ID,
            Parameter(
                "after", "query", {"type": "integer", "minimum": 0, "maximum": _LAST_PLACE}, "`next` of the page before"
            ),
            Parameter("limit", "query", _bounded(_MOST_RESULTS), "results of one page"),
        ),
    )
)
def job_results(job: str) -> Response:
    """Answer with a page of results."""
    after = _number("after", -1, 0, _LAST_PLACE)
    limit = _number("limit", _MOST_RESULTS // 10, 1, _MOST_RESULTS)
    results, complete = _store().results(current_call().caller, _id(job), after, limit)
    last = after + len(results)
    following = str(last).encode() if not complete and last >= 0 else b"null"
    end = b'],"next":' + following + b',"complete":' + (b"true" if complete else b"false") + b"}"
    return json_reply(b'{"results":[' + ",".join(results).encode() + end)


def _store() -> Store:
    store = services().jobs
    if store is None:
        raise NotFound("jobs are turned off here")
    access.require_scope("jobs")
    return store


def _accepted(job: Job, *, repeated: bool) -> Response:
    response = json_reply(to_json(told(job)))
    response.status_code = 202
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if repeated:
        response.headers[idempotency.REPLAY_HEADER] = "true"
    return response


def _check_around(body: JobsBody, serving: Services) -> None:
    one, many = body.task is not None or "request" in body.model_fields_set, body.items is not None
    if one == many or (many and body.id is not None):
        raise wrong("items", "or else `task` and `request` must be given, and not both")
    if one and (body.task is None or "request" not in body.model_fields_set):
        raise wrong("request" if body.task is not None else "task", "is required")
    most = serving.settings.jobs_max_items
    if body.items is not None and len(body.items) > most:
        raise wrong("items", f"has {len(body.items)} items; the limit is {most}")
    if body.webhook is not None:
        settings = serving.settings
        try:
            rules_of(settings.webhook_hosts, private=settings.webhook_private).target(body.webhook.url)
        except Refused as error:
            raise wrong("webhook.url", str(error)) from None


def _items(body: JobsBody, serving: Services) -> tuple[tuple[NewItem, ...], int]:
    """The items to be kept, and the characters that they are charged.

    Raises:
        PrecisError: what is wrong with the only request of a job.
    """
    if body.items is None:
        task = body.task or ""
        access.require_scope(task)
        try:
            characters = metering.characters(work.TASKS[task](body.request).request(serving.settings))
        except PrecisError as error:
            raise batch.placed(error, "request") from None
        return (NewItem(body.id, task, to_json(body.request).decode()),), characters
    found, total = [], 0
    for index, value in enumerate(body.items):
        kept, characters = _item(batch.read(index, value), serving, value)
        found.append(kept)
        total += characters
    return tuple(found), total


def _item(item: batch.Item, serving: Services, value: Any) -> tuple[NewItem, int]:
    error = item.error
    if item.run is not None:
        try:
            characters = metering.characters(item.run.request(serving.settings))
            return NewItem(item.id, value["task"], to_json(value["request"]).decode()), characters
        except PrecisError as refused:
            error = batch.placed(refused, f"items[{item.index}].request")
    failure = error or EngineFailed("the item could not be read")
    return NewItem(item.id, refused=item_results.failed(item.index, item.id, failure).decode()), 0


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise NotFound("there is no such job")
    return text


def _number(name: str, default: int, least: int, most: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
        raise BadRequest(f"`{name}` must be a whole number from {least} to {most}", field=name)
    return int(text)
