"""One chat completion from an OpenAI-compatible server, streamed, within its time, or a typed error.

Source: https://platform.openai.com/docs/api-reference/chat (vLLM, SGLang, llama.cpp and others speak it).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import cast

import httpx

from service.engines.remote.prompts import Prompt
from service.engines.remote.reply import Garbage, Reply, ReplyBuilder, ServerFault
from service.engines.remote.retries import Budget, backoff_s, retry_after_s
from service.engines.remote.sse import EventReader, TooMuch
from service.errors import EngineFailed, Overloaded, PrecisError, Unavailable
from service.observability import remote_metrics

log = logging.getLogger(__name__)
# It would log the address of every request.
logging.getLogger("httpx").setLevel(logging.WARNING)

SEED = 0
_MOST_EVENT_CHARACTERS = 1_000_000
_MOST_ERROR_BYTES = 16_384
# What may still come after the last word: the usage.
_AFTER_FINISH_S = 2.0
# What else a server may call a field it does not know; None leaves it out.
_OPTIONAL: dict[str, str | None] = {
    "stream_options": None,
    "seed": None,
    "temperature": None,
    "max_tokens": "max_completion_tokens",
}
_BUSY = frozenset((408, 425, 429, 500, 502, 503, 504, 529))


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to ask.

    Attributes:
        url: of the server, without `/v1`.
        model: its name there.
        key: bearer token, or empty.
        connect_s, first_token_s, total_s: seconds to connect, between two pieces of an answer, and for a request with
            its retries.
        concurrency: requests at a time.
        retries: of one request, at most.
        extra: more fields of the request body.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    connect_s: float = 3.0
    first_token_s: float = 30.0
    total_s: float = 60.0
    concurrency: int = 8
    retries: int = 2
    extra: Mapping[str, object] = field(default_factory=dict)


class _TryAgain(Exception):
    """A failure that may pass: `error` is what it becomes when it does not."""

    def __init__(self, error: PrecisError, wait_s: float | None = None) -> None:
        super().__init__(error.detail)
        self.error = error
        self.wait_s = wait_s


class _Unknown(Exception):
    """The server refused fields of the request by name."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names


class ChatClient:
    """Asks one server. All methods belong to one event loop."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._slots = asyncio.Semaphore(server.concurrency)
        self._budget = Budget()
        self._unknown: frozenset[str] = frozenset()
        headers = {"Accept": "text/event-stream, application/json", "Accept-Encoding": "identity"}
        if server.key:
            headers["Authorization"] = f"Bearer {server.key}"
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(None, connect=server.connect_s),
            limits=httpx.Limits(max_connections=server.concurrency + 1, keepalive_expiry=30.0),
            # Article text goes to the server named and nowhere else: no proxy, no redirect, no password file.
            trust_env=False,
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def reachable(self) -> bool:
        """Whether the server answers at all; what it answers does not matter, as not every server lists its models."""
        try:
            async with asyncio.timeout(self._server.connect_s):
                await self._http.get(f"{self._server.url}/v1/models")
        except (httpx.HTTPError, TimeoutError):
            return False
        return True

    async def ask(self, prompt: Prompt) -> Reply:
        """Return the model's answer, complete; counted and timed, the wait for its turn included.

        Raises:
            Unavailable: the server cannot be reached or is in trouble.
            Overloaded: it has too much to do.
            EngineFailed: it refuses the request, talks nonsense, or takes too long.
        """
        started_s = time.monotonic()
        code = "cancelled"
        try:
            reply = await self._asked(prompt)
            code = "ok"
            return reply
        except PrecisError as error:
            code = error.code
            raise
        finally:
            remote_metrics.answered(code, time.monotonic() - started_s)

    async def _asked(self, prompt: Prompt) -> Reply:
        async with self._slots:
            deadline_s = asyncio.get_running_loop().time() + self._server.total_s
            attempt = 0
            unknown = self._unknown
            while True:
                try:
                    reply = await self._attempt(self._body(prompt, unknown), prompt, deadline_s)
                except _Unknown as refused:
                    unknown |= refused.names
                    continue
                except _TryAgain as failure:
                    attempt += 1
                    wait_s = backoff_s(attempt) if failure.wait_s is None else failure.wait_s
                    late = asyncio.get_running_loop().time() + wait_s >= deadline_s
                    if attempt > self._server.retries or late or not self._budget.spend():
                        raise failure.error from None
                    remote_metrics.retried(failure.error.code)
                    await asyncio.sleep(wait_s)
                    continue
                self._unknown = unknown
                self._budget.earn()
                return reply

    def _body(self, prompt: Prompt, unknown: frozenset[str]) -> bytes:
        body: dict[str, object] = {
            "model": self._server.model,
            "messages": prompt.messages(),
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0,
            "seed": SEED,
            "max_tokens": prompt.max_tokens,
        }
        for name in unknown:
            value, other = body.pop(name), _OPTIONAL[name]
            if other is not None:
                body[other] = value
        return json.dumps({**body, **self._server.extra}).encode()

    async def _attempt(self, body: bytes, prompt: Prompt, deadline_s: float) -> Reply:
        builder = ReplyBuilder(prompt.max_characters)
        clock = asyncio.get_running_loop().time
        first_s = clock() + self._server.connect_s + self._server.first_token_s
        try:
            async with asyncio.timeout_at(min(deadline_s, first_s)) as limit:
                async with self._http.stream(
                    "POST",
                    f"{self._server.url}/v1/chat/completions",
                    content=body,
                    headers={"Content-Type": "application/json"},
                ) as response:
                    if response.status_code != 200:
                        raise await self._refusal(response, body)
                    await self._read(response, builder, limit, deadline_s)
        except TimeoutError:
            if not builder.finished:
                raise EngineFailed("the remote model did not answer in time") from None
        except httpx.ConnectTimeout:
            raise _unreachable() from None
        except httpx.HTTPError as error:
            if not builder.finished:
                log.warning("remote server: %s", type(error).__name__)
                raise _TryAgain(_unreachable()) from None
        except ServerFault:
            raise _TryAgain(EngineFailed("the remote server failed on this item")) from None
        except (Garbage, TooMuch):
            raise EngineFailed("the remote server's answer cannot be read") from None
        if not builder.finished:
            raise _TryAgain(Unavailable("the remote server broke off in the middle of an answer", retry_after_s=1.0))
        return builder.build()

    async def _read(
        self, response: httpx.Response, builder: ReplyBuilder, limit: asyncio.Timeout, deadline_s: float
    ) -> None:
        """Feed the stream, or the one document of a server that does not stream, to the builder."""
        clock = asyncio.get_running_loop().time
        reader = EventReader(_MOST_EVENT_CHARACTERS)
        if "json" in response.headers.get("Content-Type", ""):
            builder.take((await _bounded(response, _MOST_EVENT_CHARACTERS)).decode("utf-8", "replace"))
            builder.done = True
            return
        async with contextlib.aclosing(_pieces(response)) as stream:
            async for chunk in stream:
                for data in reader.feed(chunk):
                    builder.take(data)
                    pause_s = _AFTER_FINISH_S if builder.finished else self._server.first_token_s
                    limit.reschedule(min(deadline_s, clock() + pause_s))
                if builder.done:
                    return
        for data in reader.feed(b"", last=True):
            builder.take(data)

    async def _refusal(self, response: httpx.Response, body: bytes) -> Exception:
        """What a status other than 200 means."""
        status = response.status_code
        if status in (400, 422):
            said = (await _bounded(response, _MOST_ERROR_BYTES)).decode("utf-8", "replace")
            sent = json.loads(body)
            names = frozenset(name for name in _OPTIONAL if name in sent and re.search(rf"\b{name}\b", said))
            if names:
                return _Unknown(names)
        log.warning("remote server: status %d", status)
        wait_s = retry_after_s(response.headers.get("Retry-After"))
        if status == 429:
            later_s = 1.0 if wait_s is None else wait_s
            return _TryAgain(Overloaded("the remote server has too much to do", retry_after_s=later_s), wait_s)
        if status in _BUSY:
            later_s = 1.0 if wait_s is None else wait_s
            return _TryAgain(Unavailable("the remote server is in trouble", retry_after_s=later_s), wait_s)
        return EngineFailed(f"the remote server refused the request (status {status})")


def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The body as it comes: a generator, which must be closed when it is left early, whatever its annotation says."""
    return cast(AsyncGenerator[bytes, None], response.aiter_bytes())


async def _bounded(response: httpx.Response, most: int) -> bytes:
    """The first bytes of a body."""
    taken = bytearray()
    async with contextlib.aclosing(_pieces(response)) as stream:
        async for chunk in stream:
            taken += chunk
            if len(taken) > most:
                break
    return bytes(taken[:most])


def _unreachable() -> Unavailable:
    return Unavailable("the remote server cannot be reached", retry_after_s=5.0)
