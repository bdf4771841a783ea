"""Calls over sockets, for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx

from precis_client.calls import Call
from precis_client.errors import PrecisError
from precis_client.exchange import Connection, Exchange
from precis_client.retry import Budget

T = TypeVar("T")


class AsyncTransport:
    """Sends calls and tries again where that is sensible."""

    def __init__(self, http: httpx.AsyncClient, connection: Connection) -> None:
        self._http = http
        self._connection = connection
        self._budget = Budget(connection.retry.budget)

    async def run(self, call: Call[T]) -> T:
        """The result of a call."""
        exchange = Exchange(call, self._connection, self._budget)
        while True:
            try:
                async with in_time(exchange):
                    response = await self._send(exchange)
                    body = await self._body(response)
                return exchange.result(response, body)
            except PrecisError as error:
                wait_s = exchange.wait_s(error)
            await asyncio.sleep(wait_s)

    async def open(self, call: Call[Any]) -> tuple[Exchange[Any], httpx.Response]:
        """A reply that has begun to stream. Refusals are tried again as those of other calls are."""
        exchange = Exchange(call, self._connection, self._budget, stream=True)
        while True:
            try:
                async with in_time(exchange):
                    response = await self._send(exchange)
                    if exchange.streams(response):
                        return exchange, response
                    body = await self._body(response)
                raise exchange.no_stream(response, body)
            except PrecisError as error:
                wait_s = exchange.wait_s(error)
            await asyncio.sleep(wait_s)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _send(self, exchange: Exchange[Any]) -> httpx.Response:
        return await self._http.send(self._http.build_request(**exchange.request()), stream=True)

    @staticmethod
    async def _body(response: httpx.Response) -> bytes:
        try:
            return await response.aread()
        finally:
            await response.aclose()


@asynccontextmanager
async def in_time(exchange: Exchange[Any], *, begun: bool = False) -> AsyncIterator[None]:
    """Within the deadline of a call, and with what breaks below HTTP as our own errors; `begun`: a stream has begun."""
    try:
        async with asyncio.timeout(exchange.deadline.left_s()):
            yield
    except TimeoutError as error:
        raise exchange.too_late() from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise exchange.failure(error, begun=begun) from error
