"""Calls of the API as values: what is sent, and how the reply is read. Both clients send the same ones."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

from precis_client.decoding import decode
from precis_client.options import DetectOptions, Item, JobOptions, SummarizeOptions, TranslateOptions
from precis_client.replies import DetectReply, SummarizeReply, TranslateReply
from precis_client.replies_about import (
    BatchReply,
    Job,
    JobList,
    JobResults,
    LanguagesReply,
    ModelsReply,
    UsageReply,
    decode_items,
)

T = TypeVar("T")

# Of the call itself, not of its body.
_ABOUT_CALL = frozenset({"timeout", "request_id", "idempotency_key", "extra"})
DEFAULT: Any = object()


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One call.

    Attributes:
        read: makes the result of the decoded JSON of a good reply.
        repeatable: whether doing it twice does no harm: it may be sent again when nobody knows whether it arrived.
        timeout: seconds, None for no end, or `DEFAULT` for the client's.
    """

    method: str
    path: str
    read: Callable[[Any], T]
    body: bytes | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: Any = DEFAULT
    repeatable: bool = True


def summarize(text: str | None, options: SummarizeOptions) -> Call[SummarizeReply]:
    """POST /v1/summarize."""
    return _post("/v1/summarize", {"text": text}, options, lambda value: decode(SummarizeReply, value))


def translate(
    text: str | Sequence[str] | None, target: str | Sequence[str], options: TranslateOptions
) -> Call[TranslateReply]:
    """POST /v1/translate."""
    body = {"text": _listed(text), "target": _listed(target)}
    return _post("/v1/translate", body, options, lambda value: decode(TranslateReply, value))


def detect(text: str | Sequence[str], options: DetectOptions) -> Call[DetectReply]:
    """POST /v1/detect."""
    return _post("/v1/detect", {"text": _listed(text)}, options, lambda value: decode(DetectReply, value))


def batch(items: Sequence[Item], options: Mapping[str, Any]) -> Call[BatchReply]:
    """POST /v1/batch."""
    return _post("/v1/batch", {"items": list(items)}, options, lambda value: decode_items(BatchReply, value))


def languages(options: Mapping[str, Any]) -> Call[LanguagesReply]:
    """GET /v1/languages."""
    return _get("/v1/languages", options, lambda value: decode(LanguagesReply, value))


def models(options: Mapping[str, Any]) -> Call[ModelsReply]:
    """GET /v1/models."""
    return _get("/v1/models", options, lambda value: decode(ModelsReply, value))


def usage(options: Mapping[str, Any]) -> Call[UsageReply]:
    """GET /v1/usage."""
    return _get("/v1/usage", options, lambda value: decode(UsageReply, value))


def create_job(items: Item | Sequence[Item], options: JobOptions) -> Call[Job]:
    """POST /v1/jobs."""
    given = cast("dict[str, Any]", dict(options))
    webhook = given.pop("webhook", None)
    body: dict[str, Any] = dict(items) if isinstance(items, Mapping) else {"items": list(items)}
    if webhook is not None:
        body["webhook"] = {"url": webhook}
    return _post("/v1/jobs", body, given, _job)


def get_job(job_id: str, options: Mapping[str, Any]) -> Call[Job]:
    """GET /v1/jobs/ID."""
    return _get(_job_path(job_id), options, _job)


def list_jobs(limit: int | None, before: object, options: Mapping[str, Any]) -> Call[JobList]:
    """GET /v1/jobs."""
    return _get("/v1/jobs", options, lambda value: decode(JobList, value), {"limit": limit, "before": before})


def job_results(job_id: str, after: object, limit: int | None, options: Mapping[str, Any]) -> Call[JobResults]:
    """GET /v1/jobs/ID/results."""
    path = _job_path(job_id) + "/results"
    return _get(path, options, lambda value: decode_items(JobResults, value), {"after": after, "limit": limit})


def cancel_job(job_id: str, options: Mapping[str, Any]) -> Call[Job]:
    """DELETE /v1/jobs/ID. Sent twice, it would delete the results of what the first one has ended."""
    return Call(
        method="DELETE", path=_job_path(job_id), read=_job, repeatable=False,
        headers=_headers(options), timeout=options.get("timeout", DEFAULT),
    )  # fmt: skip


def _job(value: object) -> Job:
    return decode(Job, value)


def _job_path(job_id: str) -> str:
    if not job_id or job_id in (".", ".."):
        raise ValueError(f"{job_id!r} is no id of a job")
    return "/v1/jobs/" + quote(job_id, safe="")


def _listed(value: str | Sequence[str] | None) -> str | list[str] | None:
    return value if value is None or isinstance(value, str) else list(value)


def _post(path: str, body: Mapping[str, Any], options: Mapping[str, Any], read: Callable[[Any], T]) -> Call[T]:
    fields = {name: value for name, value in options.items() if name not in _ABOUT_CALL}
    extra = options.get("extra") or {}
    whole = {name: value for name, value in {**body, **fields, **extra}.items() if value is not None}
    headers = _headers(options) | {
        "Content-Type": "application/json",
        "Idempotency-Key": options.get("idempotency_key") or str(uuid.uuid4()),
    }
    # Lone surrogates are no UTF-8; the service says so better than an encoder would.
    data = json.dumps(whole, ensure_ascii=True, separators=(",", ":"), default=_plain).encode("ascii")
    timeout = options.get("timeout", DEFAULT)
    return Call(method="POST", path=path, read=read, body=data, headers=headers, timeout=timeout)


def _get(
    path: str, options: Mapping[str, Any], read: Callable[[Any], T], query: Mapping[str, object] | None = None
) -> Call[T]:
    asked = {name: str(value) for name, value in (query or {}).items() if value is not None}
    timeout = options.get("timeout", DEFAULT)
    return Call(method="GET", path=path, read=read, query=asked, headers=_headers(options), timeout=timeout)


def _headers(options: Mapping[str, Any]) -> dict[str, str]:
    return {"X-Request-Id": options["request_id"]} if options.get("request_id") else {}


def _plain(value: object) -> Any:
    """Sequences and mappings of the caller's own types."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
