"""The client for programs with threads."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self, Unpack

import httpx

from precis_client import calls, events
from precis_client.events import EventReader, SummarizeEvent, TranslateEvent
from precis_client.exchange import LIMITS, Connection
from precis_client.jobs import Jobs
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
from precis_client.streams import EventStream
from precis_client.transport import Transport


class Client:
    """A service, for calls from any number of threads. Close it, or use it in a `with` statement.

    Args:
        server: address, such as `http://127.0.0.1:8080`; None: `PRECISCLIENT_SERVER` of the environment, else that.
        key: API key; None: `PRECISCLIENT_KEY` of the environment, else none is sent.
        timeout: seconds for a call, retries included, which the service is told; None: as long as it takes.
        retry: which failures are tried again, and how often.
        verify: whether certificates are checked, or the context that checks them.
        headers: more headers of every request.
        transport: another way for requests to travel, as for tests.
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection.make(server, key, timeout, retry or RetryPolicy(), headers or {})
        http = httpx.Client(verify=verify, limits=LIMITS, transport=transport)
        self._transport = Transport(http, self._connection)
        self._run = self._transport.run
        self.jobs = Jobs(self._run)

    def summarize(self, text: str | None = None, **options: Unpack[SummarizeOptions]) -> SummarizeReply:
        """Summarize an article, given as text or as `html=`."""
        return self._run(calls.summarize(text, options))

    def translate(
        self,
        text: str | Sequence[str] | None = None,
        target: str | Sequence[str] = (),
        **options: Unpack[TranslateOptions],
    ) -> TranslateReply:
        """Translate one text or several, or `html=`, into one language or several."""
        return self._run(calls.translate(text, target, options))

    def detect(self, text: str | Sequence[str], **options: Unpack[DetectOptions]) -> DetectReply:
        """Find out the language of one text or of several."""
        return self._run(calls.detect(text, options))

    def batch(self, items: Sequence[Item], **options: Unpack[PostOptions]) -> BatchReply:
        """Do many things in one request; each succeeds or fails alone."""
        return self._run(calls.batch(items, options))

    def languages(self, **options: Unpack[CallOptions]) -> LanguagesReply:
        """Every language known and what can be done in it."""
        return self._run(calls.languages(options))

    def models(self, **options: Unpack[CallOptions]) -> ModelsReply:
        """Every model loaded."""
        return self._run(calls.models(options))

    def usage(self, **options: Unpack[CallOptions]) -> UsageReply:
        """What your key has used and may use. Raises NotFound where the service works without keys."""
        return self._run(calls.usage(options))

    def stream_summarize(
        self, text: str | None = None, **options: Unpack[SummarizeOptions]
    ) -> EventStream[SummarizeEvent, SummarizeReply]:
        """Summarize, and tell each part as it comes. Iterate over it; the last event is a `SummarizeResult`."""
        return EventStream(self._transport, calls.summarize(text, options), EventReader(events.SUMMARIZE))

    def stream_translate(
        self,
        text: str | Sequence[str] | None = None,
        target: str | Sequence[str] = (),
        **options: Unpack[TranslateOptions],
    ) -> EventStream[TranslateEvent, TranslateReply]:
        """Translate, and tell each translation as it comes. The last event is a `TranslateResult`."""
        return EventStream(self._transport, calls.translate(text, target, options), EventReader(events.TRANSLATE))

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._connection.server!r})"
