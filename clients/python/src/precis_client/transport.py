"""Calls over sockets, for threads."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, TypeVar

import httpx

from precis_client.calls import Call
from precis_client.errors import PrecisError
from precis_client.exchange import Connection, Exchange
from precis_client.retry import Budget, Deadline

T = TypeVar("T")


class Transport:
    """Sends calls and tries again where that is sensible. Of use to any number of threads."""

    def __init__(self, http: httpx.Client, connection: Connection) -> None:
        self._http = http
        self._connection = connection
        self._budget = Budget(connection.retry.budget)

    def run(self, call: Call[T]) -> T:
        """The result of a call."""
        exchange = Exchange(call, self._connection, self._budget)
        while True:
            try:
                response = self._send(exchange)
                return exchange.result(response, self._body(exchange, response))
            except PrecisError as error:
                wait_s = exchange.wait_s(error)
            time.sleep(wait_s)

    def open(self, call: Call[Any]) -> tuple[Exchange[Any], httpx.Response]:
        """A reply that has begun to stream. Refusals are tried again as those of other calls are."""
        exchange = Exchange(call, self._connection, self._budget, stream=True)
        while True:
            try:
                response = self._send(exchange)
                if exchange.streams(response):
                    return exchange, response
                raise exchange.no_stream(response, self._body(exchange, response))
            except PrecisError as error:
                wait_s = exchange.wait_s(error)
            time.sleep(wait_s)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _send(self, exchange: Exchange[Any]) -> httpx.Response:
        try:
            return self._http.send(self._http.build_request(**exchange.request()), stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise exchange.failure(error) from error

    def _body(self, exchange: Exchange[Any], response: httpx.Response) -> bytes:
        try:
            with Watchdog(response, exchange.deadline):
                return response.read()
        except httpx.HTTPError as error:
            raise exchange.failure(error) from error
        finally:
            response.close()


class Watchdog:
    """Breaks the connection of a reply at the deadline, however slowly its bytes drip."""

    def __init__(self, response: httpx.Response, deadline: Deadline) -> None:
        left_s = deadline.left_s()
        stream = response.extensions.get("network_stream")
        self._socket = None if stream is None else stream.get_extra_info("socket")
        self._timer = None if left_s is None or self._socket is None else threading.Timer(left_s, self._end)

    def __enter__(self) -> None:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        if self._socket is not None:
            try:
                # Not the method of a TLS socket, which would take its state away under the reader.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                return
