"""A Backend without a process line: the same dispatcher on a thread of this process, for the command line."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence

from service import errors
from service.events import Event
from service.records import CallContext, Catalogue, Job, Outcome
from service.serving.dispatcher import Dispatcher
from service.serving.following import POLL_S, followed


class InprocBackend:
    """Runs jobs in this process.

    Args:
        make_dispatcher: called once on the event loop's thread.
    """

    def __init__(self, make_dispatcher: Callable[[], Dispatcher]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dispatcher", daemon=True)
        self._thread.start()
        self._dispatcher = asyncio.run_coroutine_threadsafe(_make(make_dispatcher), self._loop).result()

    def run(self, jobs: Sequence[Job], context: CallContext) -> list[Outcome]:
        """See Backend.run."""
        remaining_s = context.deadline_s - time.monotonic()
        if remaining_s <= 0:
            raise errors.DeadlineExceeded("the time given has run out")
        future = asyncio.run_coroutine_threadsafe(
            self._dispatcher.run(jobs, caller=context.caller, remaining_s=remaining_s, request=context.request_id),
            self._loop,
        )
        while True:
            try:
                return future.result(timeout=POLL_S)
            except concurrent.futures.TimeoutError:
                if context.gone():
                    future.cancel()
                    raise errors.Cancelled("the caller has gone") from None

    def stream(self, jobs: Sequence[Job], context: CallContext) -> Generator[Event]:
        """See Backend.stream."""
        remaining_s = context.deadline_s - time.monotonic()
        if remaining_s <= 0:
            raise errors.DeadlineExceeded("the time given has run out")
        items: queue.SimpleQueue[Event | errors.PrecisError | None] = queue.SimpleQueue()

        async def pump() -> None:
            events = self._dispatcher.stream(
                jobs, caller=context.caller, remaining_s=remaining_s, request=context.request_id
            )
            async with contextlib.aclosing(events):
                try:
                    async for event in events:
                        items.put(event)
                    items.put(None)
                except errors.PrecisError as error:
                    items.put(error)

        future = asyncio.run_coroutine_threadsafe(pump(), self._loop)
        try:
            yield from followed(items, context.gone)
        finally:
            future.cancel()

    def catalogue(self) -> Catalogue:
        """See Backend.catalogue."""
        return self._dispatcher.catalogue

    def close(self) -> None:
        """See Backend.close."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(_close(self._dispatcher), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _make(make_dispatcher: Callable[[], Dispatcher]) -> Dispatcher:
    dispatcher = make_dispatcher()
    dispatcher.start()
    return dispatcher


async def _close(dispatcher: Dispatcher) -> None:
    dispatcher.close()
