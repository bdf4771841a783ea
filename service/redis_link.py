"""The way to Redis or Valkey, made so that a broken one slows nobody down.

Connections are opened by a thread of its own and never by a request: name look-ups and handshakes have no bound that
holds. A request takes an open connection, waits for an answer at most as long as `timeout_s`, and at the first failure
the link is down for all until that thread has reached the store again. Whoever finds the link down does without.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from service import telemetry

if TYPE_CHECKING:
    from redis import Redis

R = TypeVar("R")

_CONNECTIONS = 4
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.2, 5.0


class LinkDown(Exception):
    """The store does not answer now."""


class RedisLink:
    """Open connections to one store; threads may use it at a time, and a process after a fork opens its own.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        password_file: of the store, or None; read at each new connection, so that it may change.
        timeout_s: for one call.
        told: of each change between up and down, on any thread.
    Raises:
        ImportError: the client library is not installed.
    """

    def __init__(
        self,
        url: str,
        password_file: Path | None = None,
        *,
        timeout_s: float = 0.1,
        told: Callable[[bool], object] = bool,
    ) -> None:
        import redis

        self._redis = redis
        self._url = url
        self._password_file = password_file
        self._timeout_s = timeout_s
        self._told = told
        self._forks = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._idle: queue.LifoQueue[Redis] = queue.LifoQueue()
        self._up = threading.Event()
        self._closed = threading.Event()
        self._opener: threading.Thread | None = None
        self._patient_until_s = 0.0
        self._pid = os.getpid()  # last: whoever sees it sees the rest

    @property
    def up(self) -> bool:
        """Whether the last that was heard of the store was good."""
        return self._up.is_set()

    def call(self, work: Callable[[Redis], R]) -> R:
        """Do something with the store.

        Args:
            work: commands on a connection; it may be called once at most.
        Raises:
            LinkDown: the store cannot be reached, did not answer in time, or refused.
        """
        if self._pid != os.getpid():
            with self._forks:
                if self._pid != os.getpid():
                    self._begin()
        if not self._up.is_set():
            self._open()
            if not self._first_wait():
                raise LinkDown
        try:
            client = self._idle.get(timeout=self._timeout_s)
        except queue.Empty:
            raise LinkDown from None
        try:
            result = work(client)
        except BaseException as error:
            # What a connection that broke off in the middle would answer next is anybody's guess.
            _close(client)
            self._down(error)
            if isinstance(error, self._redis.RedisError | OSError):
                raise LinkDown from error
            raise
        self._idle.put(client)
        return result

    def close(self) -> None:
        """End the connections and the thread."""
        self._closed.set()
        opener = self._opener
        if opener is not None and self._pid == os.getpid():
            opener.join()
        self._up.clear()
        self._drain()

    def _first_wait(self) -> bool:
        """Only for the first connection of a process does anybody wait, and no longer than for an answer."""
        now_s = time.monotonic()
        if not self._patient_until_s:
            self._patient_until_s = now_s + self._timeout_s
        return now_s < self._patient_until_s and self._up.wait(self._patient_until_s - now_s)

    def _down(self, error: BaseException) -> None:
        with self._lock:
            was_up = self._up.is_set()
            self._up.clear()
        if was_up:
            self._told(False)
            telemetry.logger().warning("the shared store failed, this process goes on without it", why=_kind(error))
        self._drain()
        self._open()

    def _drain(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                _close(self._idle.get_nowait())

    def _open(self) -> None:
        with self._lock:
            if self._closed.is_set() or (self._opener is not None and self._opener.is_alive()):
                return
            self._opener = threading.Thread(target=self._reach, name="redis-link", daemon=True)
            self._opener.start()

    def _reach(self) -> None:
        """Until the store answers on fresh connections, or the link is closed."""
        pause_s = _FIRST_PAUSE_S
        failed = False
        while not self._closed.is_set():
            try:
                clients = [self._connect() for _ in range(_CONNECTIONS)]
            except (self._redis.RedisError, OSError, ValueError) as error:
                if not failed:
                    self._told(False)
                    telemetry.logger().warning("the shared store cannot be reached", why=_kind(error))
                failed = True
                self._closed.wait(pause_s)
                pause_s = min(2 * pause_s, _LAST_PAUSE_S)
                continue
            for client in clients:
                self._idle.put(client)
            self._patient_until_s = self._patient_until_s or time.monotonic()
            self._told(True)
            telemetry.logger().info("the shared store answers")
            # Whoever sees the link up finds connections.
            self._up.set()
            return

    def _connect(self) -> Redis:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        password = self._password_file.read_text("utf-8").strip() if self._password_file else None
        client: Redis = self._redis.Redis.from_url(
            self._url,
            **({"password": password} if password else {}),
            socket_timeout=self._timeout_s,
            socket_connect_timeout=max(1.0, self._timeout_s),
            retry=Retry(NoBackoff(), 0),
            single_connection_client=True,
            client_name="precis",
            protocol=2,
        )
        try:
            started_s = time.monotonic()
            client.ping()
            # A connection that is slower than a call may be would fail the first request on it.
            if time.monotonic() - started_s > max(1.0, self._timeout_s):
                raise TimeoutError("slow")
        except BaseException:
            _close(client)
            raise
        return client


def _close(client: Redis) -> None:
    with contextlib.suppress(Exception):
        client.close()


def _kind(error: BaseException) -> str:
    # Messages of the client library hold addresses.
    return type(error).__name__
