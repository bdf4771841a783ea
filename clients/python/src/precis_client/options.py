"""What may be asked for, as keyword arguments. Names and values are those of the request bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

# `{"sentences": 2}`, `{"words": 50}` or `{"characters": 280}`: an upper bound that is kept exactly.
Length: TypeAlias = Literal["short", "medium", "long"] | Mapping[str, int]
Offsets: TypeAlias = Literal["codepoint", "utf16"]
Task: TypeAlias = Literal["summarize", "translate", "detect"]


class CallOptions(TypedDict, total=False):
    """Of every call.

    timeout: seconds for the call in all, retries included; None: as long as the service takes. Left out: the client's.
    request_id: name of the request in the service's log, 1 to 64 of `A-Za-z0-9._-`.
    """

    timeout: float | None
    request_id: str


class PostOptions(CallOptions, total=False):
    """Of every call that sends a body.

    idempotency_key: under which the service does it once; left out: one is made for each call.
    extra: more fields of the body, for servers that are newer than this client.
    """

    idempotency_key: str
    extra: Mapping[str, Any]


class SummarizeOptions(PostOptions, total=False):
    """Of `summarize`; `/docs` of a service describes each field."""

    html: str
    language: str
    length: Length
    format: Literal["paragraph", "bullets", "headline"]
    summary_language: str
    translate_to: Sequence[str]
    engine: str
    translate_engine: str
    clean: bool
    faithfulness: Literal["flag", "strict", "off"]
    offsets: Offsets
    explain: bool


class TranslateOptions(PostOptions, total=False):
    """Of `translate`, besides text and target."""

    html: str | Sequence[str]
    source: str
    format: Literal["text", "html", "markdown"]
    keep: Sequence[str]
    glossary: Mapping[str, str]
    engine: str
    offsets: Offsets


class DetectOptions(PostOptions, total=False):
    """Of `detect`."""

    top: int


class JobOptions(PostOptions, total=False):
    """Of `jobs.create`.

    webhook: address that is told when the job has ended.
    retain_s: seconds for which the results are kept afterwards.
    """

    webhook: str
    retain_s: int


class Item(TypedDict, total=False):
    """One item of a batch or a job. `request` is the body that the task's own endpoint takes."""

    id: str
    task: Task
    request: Mapping[str, Any]
