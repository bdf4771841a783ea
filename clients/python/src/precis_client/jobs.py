"""Durable jobs: begun now, fetched later, still there after a restart of the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, Unpack

from precis_client import calls
from precis_client.calls import Call
from precis_client.errors import DeadlineExceeded
from precis_client.options import CallOptions, Item, JobOptions
from precis_client.replies_about import ItemResult, Job, JobList, JobResults
from precis_client.retry import Deadline

T = TypeVar("T")

_FIRST_POLL_S = 0.2
_LONGEST_POLL_S = 5.0


class _Run(Protocol):
    def __call__(self, call: Call[T], /) -> T: ...


class _RunAsync(Protocol):
    def __call__(self, call: Call[T], /) -> Awaitable[T]: ...


class Jobs:
    """Jobs of a client; `client.jobs`."""

    def __init__(self, run: _Run) -> None:
        self._run = run

    def create(self, items: Item | Sequence[Item], **options: Unpack[JobOptions]) -> Job:
        """Begin a job of one item (`{"task": …, "request": …}`) or of a list of them."""
        return self._run(calls.create_job(items, options))

    def get(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """Where a job stands."""
        return self._run(calls.get_job(job_id, options))

    def list(self, *, limit: int | None = None, before: Any = None, **options: Unpack[CallOptions]) -> JobList:
        """Your jobs, newest first; `before` takes the `next` of the page before."""
        return self._run(calls.list_jobs(limit, before, options))

    def cancel(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """End a job. One that has ended already is deleted, with its results."""
        return self._run(calls.cancel_job(job_id, options))

    def results_page(
        self, job_id: str, *, after: Any = None, limit: int | None = None, **options: Unpack[CallOptions]
    ) -> JobResults:
        """One page of the results so far; `after` takes the `next` of the page before."""
        return self._run(calls.job_results(job_id, after, limit, options))

    def results(self, job_id: str, *, limit: int | None = None, **options: Unpack[CallOptions]) -> Iterator[ItemResult]:
        """The results that are there, in order of the items, fetched `limit` at a time."""
        after: Any = None
        while True:
            page = self.results_page(job_id, after=after, limit=limit, **options)
            yield from page.results
            if not page.results or page.next is None:
                return
            after = page.next

    def wait(
        self, job_id: str, *, timeout: float | None = None, on_progress: Callable[[Job], None] | None = None
    ) -> Job:
        """The job when it has ended, whatever its end.

        Args:
            job_id: of `create`.
            timeout: seconds; None: without end.
            on_progress: called with each state that is seen.
        Raises:
            DeadlineExceeded: it has not ended in time; it goes on.
        """
        deadline, poll = Deadline(timeout), _Poll()
        while True:
            job = self.get(job_id, **_in(deadline))
            if on_progress is not None:
                on_progress(job)
            if job.ended:
                return job
            time.sleep(poll.next_s(deadline, job))


class AsyncJobs:
    """Jobs of an asynchronous client; as `Jobs`."""

    def __init__(self, run: _RunAsync) -> None:
        self._run = run

    async def create(self, items: Item | Sequence[Item], **options: Unpack[JobOptions]) -> Job:
        """Begin a job of one item (`{"task": …, "request": …}`) or of a list of them."""
        return await self._run(calls.create_job(items, options))

    async def get(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """Where a job stands."""
        return await self._run(calls.get_job(job_id, options))

    async def list(self, *, limit: int | None = None, before: Any = None, **options: Unpack[CallOptions]) -> JobList:
        """Your jobs, newest first; `before` takes the `next` of the page before."""
        return await self._run(calls.list_jobs(limit, before, options))

    async def cancel(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """End a job. One that has ended already is deleted, with its results."""
        return await self._run(calls.cancel_job(job_id, options))

    async def results_page(
        self, job_id: str, *, after: Any = None, limit: int | None = None, **options: Unpack[CallOptions]
    ) -> JobResults:
        """One page of the results so far; `after` takes the `next` of the page before."""
        return await self._run(calls.job_results(job_id, after, limit, options))

    async def results(
        self, job_id: str, *, limit: int | None = None, **options: Unpack[CallOptions]
    ) -> AsyncIterator[ItemResult]:
        """The results that are there, in order of the items, fetched `limit` at a time."""
        after: Any = None
        while True:
            page = await self.results_page(job_id, after=after, limit=limit, **options)
            for one in page.results:
                yield one
            if not page.results or page.next is None:
                return
            after = page.next

    async def wait(
        self, job_id: str, *, timeout: float | None = None, on_progress: Callable[[Job], None] | None = None
    ) -> Job:
        """The job when it has ended, whatever its end; as `Jobs.wait`."""
        deadline, poll = Deadline(timeout), _Poll()
        while True:
            job = await self.get(job_id, **_in(deadline))
            if on_progress is not None:
                on_progress(job)
            if job.ended:
                return job
            await asyncio.sleep(poll.next_s(deadline, job))


class _Poll:
    """How long to wait before a job is looked at again: short at first, then longer."""

    def __init__(self) -> None:
        self._wait_s = _FIRST_POLL_S

    def next_s(self, deadline: Deadline, job: Job) -> float:
        left_s = deadline.left_s()
        if left_s is not None and left_s <= 0.0:
            done, total = job.progress.done, job.progress.total
            raise DeadlineExceeded(f"job {job.id} has not ended in time: {done} of {total} items are done; it goes on")
        wait_s, self._wait_s = self._wait_s, min(self._wait_s * 1.5, _LONGEST_POLL_S)
        return wait_s if left_s is None else min(wait_s, left_s)


def _in(deadline: Deadline) -> CallOptions:
    left_s = deadline.left_s()
    # Also at the very end the state is looked at once more.
    return {} if left_s is None else {"timeout": min(60.0, max(left_s, 1.0))}
