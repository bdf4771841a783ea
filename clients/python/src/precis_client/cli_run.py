"""Many texts through a bounded number of requests at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

from precis_client.cli_inputs import Entry
from precis_client.cli_output import Record
from precis_client.cli_progress import ProgressBar
from precis_client.errors import ConnectionFailed, PrecisError, Unauthorized

# How far finished results may be ahead of one that is slow, in requests at a time.
_AHEAD = 8


class Sink(Protocol):
    """Where results go; `resumable`: a later run puts them into order."""

    resumable: bool

    def has(self, entry: Entry) -> bool:
        """Whether there is a result already."""
        ...

    def write(self, record: Record) -> None:
        """Take a result."""
        ...


class Stopped(Exception):
    """Going on would fail the same way for every text."""


def error_object(error: PrecisError) -> Record:
    """A failure as the service writes one in a batch."""
    found: Record = {"code": error.code, "detail": error.detail}
    if error.field is not None:
        found["field"] = error.field
    if error.supported:
        found["supported"] = list(error.supported)
    if error.retry_after_s is not None:
        found["retry_after_s"] = error.retry_after_s
    if error.request_id is not None:
        found["request_id"] = error.request_id
    return found


class Runner:
    """A run.

    Args:
        work: does one text and gives the reply's object.
        sink: takes results.
        bar: is told of each.
        parallel: texts at a time.
        ordered: results go out in the order of the input.
    """

    def __init__(
        self,
        work: Callable[[Entry], Awaitable[Any]],
        sink: Sink,
        bar: ProgressBar,
        *,
        parallel: int,
        ordered: bool,
    ) -> None:
        self._work = work
        self._sink = sink
        self._bar = bar
        self._ordered = ordered
        self._running = asyncio.Semaphore(parallel)
        self._ahead = asyncio.Semaphore(parallel * _AHEAD if ordered else parallel)
        self._out: asyncio.Queue[asyncio.Task[Record] | None] = asyncio.Queue()
        self._most_lost = 2 * parallel + 2
        self._lost_in_a_row = 0
        self.partly = 0

    async def run(self, entries: AsyncIterator[Entry]) -> None:
        """Do everything.

        Raises:
            Stopped: the service cannot be reached, or does not know the key.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write())
                await self._feed(entries, group)
        except BaseExceptionGroup as errors:
            self._save()
            # One failure ends the others; it alone is of interest.
            raise errors.exceptions[0] from None
        except asyncio.CancelledError:
            self._save()
            raise

    def _save(self) -> None:
        """Keep what was finished behind a slow one, where a later run puts it into order."""
        while self._sink.resumable and not self._out.empty():
            task = self._out.get_nowait()
            if task is None or not task.done() or task.cancelled() or task.exception() is not None:
                continue
            if task.result()["status"] == "ok":
                self._sink.write(task.result())
                self._bar.done += 1

    async def _feed(self, entries: AsyncIterator[Entry], group: asyncio.TaskGroup) -> None:
        started: list[asyncio.Task[Record]] = []
        async for entry in entries:
            if self._sink.has(entry):
                self._bar.skip()
                continue
            await self._ahead.acquire()
            task = group.create_task(self._one(entry))
            if self._ordered:
                self._out.put_nowait(task)
            else:
                task.add_done_callback(self._out.put_nowait)
                started = [one for one in started if not one.done()] + [task]
        if started:
            await asyncio.wait(started)
            await asyncio.sleep(0)  # their call-backs run after them
        self._out.put_nowait(None)

    async def _one(self, entry: Entry) -> Record:
        record: Record = {"index": entry.index, "id": entry.id}
        if entry.wrong:
            return {**record, "status": "error", "error": {"code": "bad_input", "detail": entry.wrong}}
        async with self._running:
            try:
                result = await self._work(entry)
            except PrecisError as error:
                self._count_loss(error)
                return {**record, "status": "error", "error": error_object(error)}
        self._lost_in_a_row = 0
        return {**record, "status": "ok", "result": result}

    def _count_loss(self, error: PrecisError) -> None:
        if isinstance(error, Unauthorized):
            raise Stopped(error.detail)
        if not isinstance(error, ConnectionFailed):
            self._lost_in_a_row = 0
            return
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= self._most_lost:
            raise Stopped(error.detail)

    async def _write(self) -> None:
        while (task := await self._out.get()) is not None:
            record = await task
            self._ahead.release()
            self._sink.write(record)
            self.partly += record["status"] == "ok" and _partly(record["result"])
            self._bar.step(failed=record["status"] != "ok")


def _partly(result: object) -> bool:
    found = result.get("translations") if isinstance(result, dict) else None
    return any(isinstance(one, dict) and one.get("status") == "error" for one in found or ())
