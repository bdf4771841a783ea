"""One call with its tries, apart from how bytes travel: both clients drive it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx

from precis_client.calls import DEFAULT, Call
from precis_client.errors import (
    ApiError,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidReply,
    PrecisError,
    StreamBroken,
    from_problem,
    from_status,
)
from precis_client.retry import Budget, Deadline, RetryPolicy, retry_after_s
from precis_client.version import VERSION

T = TypeVar("T")

# The service refuses to start on names of its own kind that it does not know, so these are of another kind.
SERVER_VARIABLE = "PRECISCLIENT_SERVER"
KEY_VARIABLE = "PRECISCLIENT_KEY"
DEFAULT_SERVER = "http://127.0.0.1:8080"

CONNECT_S = 10.0
# Of a call without a deadline: longer than the service takes for anything.
SILENCE_S = 600.0
# Of a stream: the service says every few seconds that it is still there.
STREAM_SILENCE_S = 90.0
# A connection is given up before the service closes it. Nobody waits for one: the service says when it is full.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=10.0)
_AGENT = f"precis-client/{VERSION} httpx/{httpx.__version__} python/{platform.python_version()}"
_RETRIED = frozenset({429, 502, 503})


@dataclass(frozen=True)
class Connection:
    """Where the service is and how it is spoken to. The key is in no representation."""

    server: str
    timeout: float | None
    retry: RetryPolicy
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def make(
        cls, server: str | None, key: str | None, timeout: float | None, retry: RetryPolicy, more: Mapping[str, str]
    ) -> Connection:
        """From a client's arguments and the environment.

        Raises:
            ValueError: the address is none, or the key holds what no header can.
        """
        address = (server or os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER).rstrip("/")
        if not address.startswith(("http://", "https://")) or not httpx.URL(address).host:
            raise ValueError(f"{address!r} is no address of a service; give http://HOST:PORT or https://HOST")
        given = key if key is not None else os.environ.get(KEY_VARIABLE, "")
        if given and not (given.isascii() and given.isprintable() and " " not in given):
            raise ValueError("the key holds characters that no key has")
        headers = {"User-Agent": _AGENT, "Accept": "application/json", **more}
        return cls(address, timeout, retry, headers | ({"Authorization": f"Bearer {given}"} if given else {}))


class Exchange(Generic[T]):
    """A call under way."""

    def __init__(self, call: Call[T], connection: Connection, budget: Budget, *, stream: bool = False) -> None:
        self._call = call
        self._connection = connection
        self._budget = budget
        self._stream = stream
        self._tried = 0
        timeout = connection.timeout if call.timeout is DEFAULT else call.timeout
        self.deadline = Deadline(timeout)

    def request(self) -> dict[str, Any]:
        """Arguments of `httpx.Client.build_request` for the next try.

        Raises:
            DeadlineExceeded: no time is left.
        """
        left_s = self.deadline.left_s()
        if left_s == 0.0:
            raise self.too_late()
        self._tried += 1
        headers = dict(self._connection.headers) | dict(self._call.headers)
        if left_s is not None:
            headers["X-Deadline-Ms"] = str(max(1, int(left_s * 1000)))
        if self._stream:
            headers |= {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        silence_s = STREAM_SILENCE_S if self._stream else SILENCE_S
        wait_s = silence_s if left_s is None else min(left_s, silence_s)
        return {
            "method": self._call.method,
            "url": self._connection.server + self._call.path,
            "params": dict(self._call.query) or None,
            "content": self._call.body,
            "headers": headers,
            "timeout": httpx.Timeout(wait_s, connect=min(wait_s, CONNECT_S)),
        }

    def result(self, response: httpx.Response, body: bytes) -> T:
        """What a reply says.

        Raises:
            PrecisError: that it failed, or nothing that can be understood.
        """
        if not 200 <= response.status_code < 300:
            raise self.refusal(response, body)
        try:
            value = json.loads(body)
        except ValueError:
            raise InvalidReply(
                f"{self._connection.server} answered with something that is not JSON", status=response.status_code
            ) from None
        made = self._call.read(value)
        self._budget.give()
        return made

    def refusal(self, response: httpx.Response, body: bytes) -> PrecisError:
        """The error that a reply tells of."""
        status, wait_s = response.status_code, retry_after_s(response.headers)
        try:
            problem = json.loads(body)
        except ValueError:
            problem = None
        if isinstance(problem, dict) and isinstance(problem.get("code"), str):
            return from_problem(problem, status=status, retry_after_s=wait_s)
        where = response.headers.get("Location")
        detail = f"{self._connection.server} answered {status} {response.reason_phrase}".rstrip()
        if where:
            detail += f", which leads to {where}; give that as the server if it is yours"
        return from_status(status, detail, retry_after_s=wait_s, request_id=response.headers.get("X-Request-Id"))

    def failure(self, error: httpx.HTTPError | httpx.InvalidURL, *, begun: bool = False) -> PrecisError:
        """What went wrong below HTTP, before a whole reply was there; `begun`: in the middle of a stream."""
        if self.deadline.over:
            return self.too_late()
        found = self._failure(error)
        return StreamBroken(found.detail) if begun and isinstance(found, ConnectionFailed) else found

    def _failure(self, error: httpx.HTTPError | httpx.InvalidURL) -> PrecisError:
        server = self._connection.server
        if isinstance(error, httpx.DecodingError):
            return InvalidReply(f"{server} answered with what cannot be decompressed")
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            why = "in time" if isinstance(error, httpx.TimeoutException) else f"({_reason(error)})"
            return ConnectionFailed(f"{server} cannot be reached {why}", sent=False)
        if isinstance(error, httpx.TimeoutException):
            return ConnectionFailed(f"{server} has fallen silent")
        if isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol):
            return ConnectionFailed(f"the connection to {server} broke ({_reason(error)})")
        return InvalidReply(f"{server}: {_reason(error)}")

    def streams(self, response: httpx.Response) -> bool:
        """Whether a reply is a stream of events."""
        kind = response.headers.get("Content-Type", "").lower()
        found = response.status_code == 200 and kind.startswith("text/event-stream")
        if found:
            self._budget.give()
        return found

    def no_stream(self, response: httpx.Response, body: bytes) -> PrecisError:
        """What a reply says that should have been a stream."""
        if 200 <= response.status_code < 300:
            return InvalidReply(f"{self._connection.server} answered without a stream", status=response.status_code)
        return self.refusal(response, body)

    def wait_s(self, error: PrecisError) -> float:
        """How long to wait after a failure before `request` is asked for the next try.

        Raises:
            PrecisError: the failure itself, where no other try is made.
        """
        if not self._may_repeat(error):
            raise error
        wait_s = self._connection.retry.wait_s(self._tried, error.retry_after_s)
        left_s = self.deadline.left_s()
        if wait_s is None or (left_s is not None and wait_s >= left_s) or not self._budget.take():
            raise error
        return wait_s

    def _may_repeat(self, error: PrecisError) -> bool:
        if isinstance(error, ConnectionFailed):
            return self._call.repeatable or not error.sent
        return isinstance(error, ApiError) and error.status in _RETRIED

    def too_late(self) -> DeadlineExceeded:
        """That the caller's time is over."""
        return DeadlineExceeded("the time given for this call has run out")


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().rstrip(".")
