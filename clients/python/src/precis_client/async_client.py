"""The client for asyncio."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self, Unpack

import httpx

from precis_client import calls, events
from precis_client.async_transport import AsyncTransport
from precis_client.events import EventReader, SummarizeEvent, TranslateEvent
from precis_client.exchange import LIMITS, Connection
from precis_client.jobs import AsyncJobs
from precis_client.options import (
    CallOptions,
    DetectOptions,
    Item,
    PostOptions,
    SummarizeOptions,
    TranslateOptions,
)
from precis_client.replies import DetectReply, SummarizeReply, TranslateReply
from precis_client.replies_about import BatchReply, LanguagesReply, ModelsReply, UsageReply
from precis_client.retry import RetryPolicy
from precis_client.streams import AsyncEventStream


class AsyncClient:
    """As `Client`, for asyncio: the same calls, to be awaited. Use it in an `async with` statement.

    The arguments are those of `Client`; `transport` is an `httpx.AsyncBaseTransport`.
    """

    def __init__(
        self,
        server: str | None = None,
        *,
        key: str | None = None,
        timeout: float | None = 60.0,
        retry: RetryPolicy | None = None,
        verify: bool | ssl.SSLContext = True,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._connection = Connection.make(server, key, timeout, retry or RetryPolicy(), headers or {})
        http = httpx.AsyncClient(verify=verify, limits=LIMITS, transport=transport)
        self._transport = AsyncTransport(http, self._connection)
        self._run = self._transport.run
        self.jobs = AsyncJobs(self._run)

    async def summarize(self, text: str | None = None, **options: Unpack[SummarizeOptions]) -> SummarizeReply:
        """Summarize an article, given as text or as `html=`."""
        return await self._run(calls.summarize(text, options))

    async def translate(
        self,
        text: str | Sequence[str] | None = None,
        target: str | Sequence[str] = (),
        **options: Unpack[TranslateOptions],
    ) -> TranslateReply:
        """Translate one text or several, or `html=`, into one language or several."""
        return await self._run(calls.translate(text, target, options))

    async def detect(self, text: str | Sequence[str], **options: Unpack[DetectOptions]) -> DetectReply:
        """Find out the language of one text or of several."""
        return await self._run(calls.detect(text, options))

    async def batch(self, items: Sequence[Item], **options: Unpack[PostOptions]) -> BatchReply:
        """Do many things in one request; each succeeds or fails alone."""
        return await self._run(calls.batch(items, options))

    async def languages(self, **options: Unpack[CallOptions]) -> LanguagesReply:
        """Every language known and what can be done in it."""
        return await self._run(calls.languages(options))

    async def models(self, **options: Unpack[CallOptions]) -> ModelsReply:
        """Every model loaded."""
        return await self._run(calls.models(options))

    async def usage(self, **options: Unpack[CallOptions]) -> UsageReply:
        """What your key has used and may use. Raises NotFound where the service works without keys."""
        return await self._run(calls.usage(options))

    def stream_summarize(
        self, text: str | None = None, **options: Unpack[SummarizeOptions]
    ) -> AsyncEventStream[SummarizeEvent, SummarizeReply]:
        """Summarize, and tell each part as it comes. Iterate over it; the last event is a `SummarizeResult`."""
        return AsyncEventStream(self._transport, calls.summarize(text, options), EventReader(events.SUMMARIZE))

    def stream_translate(
        self,
        text: str | Sequence[str] | None = None,
        target: str | Sequence[str] = (),
        **options: Unpack[TranslateOptions],
    ) -> AsyncEventStream[TranslateEvent, TranslateReply]:
        """Translate, and tell each translation as it comes. The last event is a `TranslateResult`."""
        return AsyncEventStream(self._transport, calls.translate(text, target, options), EventReader(events.TRANSLATE))

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self._connection.server!r})"
