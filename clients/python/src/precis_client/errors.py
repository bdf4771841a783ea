"""What can go wrong, one class a `code` of the service's problem replies (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class PrecisError(Exception):
    """Anything that this package raises for a call that did not end well.

    Attributes:
        code: stable word for the failure, such as `"unsupported_language"`.
        detail: one or two sentences for a person.
        field: path of the request field at fault (`"translate_to[2]"`), or None.
        supported: what would have been accepted instead, possibly empty.
        retry_after_s: seconds after which another try is sensible, or None.
        status: HTTP status of the reply, or None where there was none.
        request_id: name of the request in the service's log, or None.
        problem: the problem object as it came, with whatever newer servers add.
    """

    code: str = "failed"
    default_status: ClassVar[int | None] = None

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        request_id: str | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.request_id = request_id
        self.problem: Mapping[str, Any] = problem or {}
        self.retry_after_s = retry_after_s

    @property
    def field(self) -> str | None:
        """Path of the request field at fault, or None."""
        found = self.problem.get("field")
        return found if isinstance(found, str) else None

    @property
    def supported(self) -> tuple[str, ...]:
        """What would have been accepted instead, possibly empty."""
        return tuple(str(one) for one in _list(self.problem.get("supported")))

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """Every wrong field with what is wrong with it; empty where the reply names none."""
        found = [one for one in _list(self.problem.get("errors")) if isinstance(one, Mapping)]
        return tuple((str(one.get("field", "")), str(one.get("detail", ""))) for one in found)

    @property
    def quota(self) -> Mapping[str, Any] | None:
        """Of `rate_limited`: the limit in the way (`limit`, `unit`, `quota`, `left`), or None."""
        found = self.problem.get("quota")
        return found if isinstance(found, Mapping) else None


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


# ---- what happened on this side -------------------------------------------------------------------------------------


class ConnectionFailed(PrecisError):
    """The server could not be reached, or the connection broke before the whole reply was there."""

    code = "connection_failed"

    def __init__(self, detail: str, *, sent: bool = True, status: int | None = None) -> None:
        super().__init__(detail, status=status)
        self.sent = sent
        """Whether the request may have reached the server."""


class StreamBroken(ConnectionFailed):
    """A stream of events ended before its last event; what had been told until then is incomplete."""

    code = "stream_broken"


class InvalidReply(PrecisError):
    """What came back is not what this API sends; perhaps something else answers at that address."""

    code = "invalid_reply"


class InvalidSignature(PrecisError):
    """A webhook was not signed with this secret, was changed on its way, or is too old."""

    code = "invalid_signature"


class ApiError(PrecisError):
    """The service said no. A code that is newer than this client comes as this class itself, with its `code`."""


# ---- what the service says ------------------------------------------------------------------------------------------


class BadRequest(ApiError):
    """The request has a wrong field or value; `errors` names each."""

    code = "bad_request"
    default_status = 400


class Unauthorized(ApiError):
    """No key, or one that nobody knows, or that has expired."""

    code = "unauthorized"
    default_status = 401


class Forbidden(ApiError):
    """The key is not for this."""

    code = "forbidden"
    default_status = 403


class NotFound(ApiError):
    """No such path or object."""

    code = "not_found"
    default_status = 404


class MethodNotAllowed(ApiError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    default_status = 405


class IdempotencyConflict(ApiError):
    """The idempotency key was used before for something else."""

    code = "idempotency_conflict"
    default_status = 409


class PayloadTooLarge(ApiError):
    """The body is over the service's limit."""

    code = "payload_too_large"
    default_status = 413


class UnsupportedMediaType(ApiError):
    """The body is of a type that is not read."""

    code = "unsupported_media_type"
    default_status = 415


class NoText(ApiError):
    """Nothing is left to work on after cleaning."""

    code = "no_text"


class UnsupportedLanguage(ApiError):
    """No engine serves this language or direction; `supported` lists what is served."""

    code = "unsupported_language"


class TooLong(ApiError):
    """The text is over a hard limit."""

    code = "too_long"


class RateLimited(ApiError):
    """The key has used up its allowance; `quota` says which limit is in the way."""

    code = "rate_limited"
    default_status = 429


class Overloaded(ApiError):
    """The service is full; nothing was begun."""

    code = "overloaded"


class EngineFailed(ApiError):
    """The service failed on this text."""

    code = "engine_failed"
    default_status = 500


class Unavailable(ApiError):
    """The model process cannot be reached, or a gateway cannot reach the service."""

    code = "unavailable"
    default_status = 503


class Draining(ApiError):
    """The process is shutting down; another one takes the request."""

    code = "draining"


class DeadlineExceeded(ApiError):
    """The time given has run out, by the service's clock or by this one's."""

    code = "deadline"
    default_status = 504


_ALL: tuple[type[ApiError], ...] = (
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
)
BY_CODE: dict[str, type[ApiError]] = {kind.code: kind for kind in _ALL}
_BY_STATUS: dict[int, type[ApiError]] = {kind.default_status: kind for kind in _ALL if kind.default_status}
# A gateway that cannot reach the service.
_BY_STATUS[502] = Unavailable


def from_problem(
    problem: Mapping[str, Any], *, status: int | None = None, retry_after_s: float | None = None
) -> ApiError:
    """The error that a problem object, or the `error` of an item, tells of.

    Args:
        problem: with at least a `code`.
        status: of the reply it came with; else the one it names.
        retry_after_s: of the reply's headers; else the one it names.
    """
    code = str(problem.get("code", "failed"))
    detail = problem.get("detail")
    told = problem.get("retry_after_s")
    request_id = problem.get("request_id")
    named = problem.get("status")
    made = BY_CODE.get(code, ApiError)(
        detail if isinstance(detail, str) and detail else str(problem.get("title") or code),
        status=status if status is not None else named if isinstance(named, int) else None,
        retry_after_s=retry_after_s if retry_after_s is not None else told if isinstance(told, int | float) else None,
        request_id=request_id if isinstance(request_id, str) else None,
        problem=problem,
    )
    made.code = code
    return made


def from_status(status: int, detail: str, *, retry_after_s: float | None, request_id: str | None) -> PrecisError:
    """The error of a failed reply without a problem object, such as a gateway's."""
    kind = _BY_STATUS.get(status)
    if kind is None:
        return InvalidReply(detail, status=status, request_id=request_id)
    return kind(detail, status=status, retry_after_s=retry_after_s, request_id=request_id)
