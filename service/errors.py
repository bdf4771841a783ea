"""The closed list of failures, each with a stable code. Knows nothing of HTTP or gRPC.

A failure is raised where it is found and turned into a status once, in `api/problems.py`. `detail` is shown to
callers, so it never holds article text, keys or addresses of machines.
"""

from __future__ import annotations

from typing import ClassVar


class PrecisError(Exception):
    """A failure with a stable code that callers may rely on.

    Args:
        detail: one or two sentences for a person, safe to show to any caller.
        field: path of the request field at fault (`"length.words"`, `"translate_to[2]"`), or None.
        retry_after_s: seconds after which a retry is sensible, or None when it is not.
        supported: what would have been accepted instead (language tags, engine ids), possibly empty.
    """

    code: ClassVar[str] = "engine_failed"

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        retry_after_s: float | None = None,
        supported: tuple[str, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s
        self.supported = supported


class BadRequest(PrecisError):
    """The request is not JSON, has a wrong type, an unknown field or a value out of range."""

    code = "bad_request"


class Unauthorized(PrecisError):
    """No key, or a key nobody knows."""

    code = "unauthorized"


class Forbidden(PrecisError):
    """The key is known and may not do this."""

    code = "forbidden"


class NotFound(PrecisError):
    """No such path or object."""

    code = "not_found"


class MethodNotAllowed(PrecisError):
    """The path exists, the method does not."""

    code = "method_not_allowed"


class IdempotencyConflict(PrecisError):
    """The idempotency key was used before with another body."""

    code = "idempotency_conflict"


class PayloadTooLarge(PrecisError):
    """The body is over the limit; nothing is read past it."""

    code = "payload_too_large"


class UnsupportedMediaType(PrecisError):
    """The body is not of a content type this endpoint reads."""

    code = "unsupported_media_type"


class NoText(PrecisError):
    """Nothing is left to work on, after cleaning."""

    code = "no_text"


class UnsupportedLanguage(PrecisError):
    """No loaded engine serves this language or direction; `supported` lists what is."""

    code = "unsupported_language"


class TooLong(PrecisError):
    """Over a hard limit, where neither cleaning nor chunking can help."""

    code = "too_long"


class RateLimited(PrecisError):
    """This caller has used up its allowance."""

    code = "rate_limited"


class Overloaded(PrecisError):
    """The queue is full; nothing was admitted."""

    code = "overloaded"


class EngineFailed(PrecisError):
    """An engine failed on this item."""

    code = "engine_failed"


class Unavailable(PrecisError):
    """The model process cannot be reached."""

    code = "unavailable"


class Draining(PrecisError):
    """The process is shutting down and admits nothing more."""

    code = "draining"


class DeadlineExceeded(PrecisError):
    """The time the caller gave has run out."""

    code = "deadline"


class Cancelled(PrecisError):
    """The caller has gone. Never shown to anybody: it settles work that nobody waits for."""

    code = "cancelled"


ALL: tuple[type[PrecisError], ...] = (
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    IdempotencyConflict,
    PayloadTooLarge,
    UnsupportedMediaType,
    NoText,
    UnsupportedLanguage,
    TooLong,
    RateLimited,
    Overloaded,
    EngineFailed,
    Unavailable,
    Draining,
    DeadlineExceeded,
    Cancelled,
)
BY_CODE: dict[str, type[PrecisError]] = {cls.code: cls for cls in ALL}


def from_code(
    code: str,
    detail: str,
    *,
    field: str | None = None,
    retry_after_s: float | None = None,
    supported: tuple[str, ...] = (),
) -> PrecisError:
    """Rebuild a failure that crossed the process line; an unknown code (a newer peer's) becomes EngineFailed."""
    cls = BY_CODE.get(code, EngineFailed)
    return cls(detail, field=field, retry_after_s=retry_after_s, supported=supported)
