"""Replies that stream, as iterators of typed events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any, Generic, Self, TypeVar

import httpx

from precis_client.async_transport import AsyncTransport, in_time
from precis_client.calls import Call
from precis_client.events import EventReader, SummarizeResult, TranslateResult
from precis_client.exchange import Exchange
from precis_client.transport import Transport, Watchdog

E = TypeVar("E")
R = TypeVar("R")


class _Last(Generic[R]):
    """Keeps the reply that the last event carries."""

    def __init__(self) -> None:
        self._result: Any = None

    def look(self, event: object) -> None:
        if isinstance(event, SummarizeResult | TranslateResult):
            self._result = event.result

    def get(self) -> R:
        if self._result is None:
            raise ValueError("the stream was closed before its last event")
        found: R = self._result
        return found


class EventStream(Generic[E, R]):
    """Events of a reply, as they come. It can be gone through once; closing it early ends the work at the service.

    Going through it raises what the service raises, and StreamBroken where the connection ends before the last event.
    It is never taken up again: what was told would be told twice.
    """

    def __init__(self, transport: Transport, call: Call[R], reader: EventReader[E]) -> None:
        self._transport = transport
        self._call = call
        self._reader = reader
        self._opened: tuple[Exchange[R], httpx.Response] | None = None
        self._events = self._read()
        self._last = _Last[R]()

    def __enter__(self) -> Self:
        """Send the request; refusals are raised here."""
        if self._opened is None:
            self._opened = self._transport.open(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        return next(self._events)

    def result(self) -> R:
        """The full reply, after all events that are still to come."""
        for _ in self:
            pass
        return self._last.get()

    def close(self) -> None:
        """Hang up, unless the end has come."""
        self._events.close()
        if self._opened is not None:
            self._opened[1].close()

    def _read(self) -> Generator[E, None, None]:
        self.__enter__()
        if self._opened is None:
            return
        exchange, response = self._opened
        try:
            with Watchdog(response, exchange.deadline):
                for piece in response.iter_raw():
                    for event in self._reader.feed(piece):
                        self._last.look(event)
                        yield event
                    if self._reader.ended:
                        return
            if exchange.deadline.over:
                raise exchange.too_late()
            self._reader.finish()
        except httpx.HTTPError as error:
            raise exchange.failure(error, begun=True) from error
        finally:
            response.close()


class AsyncEventStream(Generic[E, R]):
    """As `EventStream`, for asyncio."""

    def __init__(self, transport: AsyncTransport, call: Call[R], reader: EventReader[E]) -> None:
        self._transport = transport
        self._call = call
        self._reader = reader
        self._opened: tuple[Exchange[R], httpx.Response] | None = None
        self._events = self._read()
        self._last = _Last[R]()

    async def __aenter__(self) -> Self:
        """Send the request; refusals are raised here."""
        if self._opened is None:
            self._opened = await self._transport.open(self._call)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[E]:
        return self

    async def __anext__(self) -> E:
        return await anext(self._events)

    async def result(self) -> R:
        """The full reply, after all events that are still to come."""
        async for _ in self:
            pass
        return self._last.get()

    async def close(self) -> None:
        """Hang up, unless the end has come."""
        await self._events.aclose()
        if self._opened is not None:
            await self._opened[1].aclose()

    async def _read(self) -> AsyncGenerator[E, None]:
        await self.__aenter__()
        if self._opened is None:
            return
        exchange, response = self._opened
        pieces = response.aiter_raw()
        try:
            while True:
                # The time in which the caller deals with an event is not cut short, the next wait is.
                async with in_time(exchange, begun=True):
                    piece = await anext(pieces, None)
                if piece is None:
                    break
                for event in self._reader.feed(piece):
                    self._last.look(event)
                    yield event
                if self._reader.ended:
                    return
            self._reader.finish()
        finally:
            await response.aclose()
