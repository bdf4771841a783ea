"""From jobs to outcomes inside the model process: admission, sharing, deadlines, drain.

Lives on one asyncio event loop, which owns the in-flight table. Engines run on their own threads and report back
through the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from service.engines.base import Engine, RowWork
from service.engines.loaded import models_by_rank
from service.errors import DeadlineExceeded, Draining, EngineFailed, PrecisError, Unavailable, UnsupportedLanguage
from service.events import Ended, Event
from service.heartbeat import Heartbeat
from service.records import Catalogue, Job, Outcome
from service.serving import accounts
from service.serving.inflight import Computation, Inflight
from service.serving.loop import EngineLoop, Settled, Told, broken
from service.serving.reading import Said
from service.serving.scheduler import Asker, Scheduler
from service.serving.sharing import Sharing
from service.serving.waits import Planned, Wait, end, tell

log = logging.getLogger(__name__)

# Above this, splitting a job into rows would hold up the event loop, so it is done on another thread.
PREPARE_INLINE_CHARACTERS = 20_000


class Dispatcher:
    """Runs jobs on the loaded engines.

    Args:
        engines: by name; each gets a thread of its own.
        max_rows, max_cost: bounds of each engine's queue.
        sharing: what identical jobs share.
        heartbeat_folder: where each engine's thread shows that it is alive, or None.
        version, missing: of the service and of what it loaded, for the catalogue.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        *,
        max_rows: int,
        max_cost: int,
        sharing: Sharing = Sharing(),  # noqa: B008 - immutable
        heartbeat_folder: Path | None = None,
        version: str = "",
        missing: tuple[str, ...] = (),
    ) -> None:
        self.crashed = asyncio.Event()
        self._sharing = sharing
        self._draining = False
        self._loop = asyncio.get_running_loop()
        self._inflight = Inflight(sharing.orphan_grace_s)
        self._idle = asyncio.Event()
        self._heartbeats: list[Heartbeat] = []
        self._followers: dict[int, Callable[[Said], None]] = {}
        self._lanes: dict[str, EngineLoop] = {}
        self._lane_of: dict[str, EngineLoop] = {}
        for name, engine in engines.items():
            lane = EngineLoop(
                name,
                engine,
                Scheduler(max_rows, max_cost),
                on_settled=self._settled_on_thread,
                on_told=self._told_on_thread,
                on_crash=self._crashed_on_thread,
                beat=self._make_beat(heartbeat_folder, name),
            )
            self._lanes[name] = lane
            for model in engine.models():
                self._lane_of[model.id] = lane
        self.catalogue = Catalogue(models_by_rank(engines), version, missing)

    def start(self) -> None:
        """Warm every engine and start its thread; blocks until all are ready."""
        for lane in self._lanes.values():
            lane.engine.warm()
            lane.start()

    async def run(self, jobs: Sequence[Job], *, caller: str, remaining_s: float, request: str = "") -> list[Outcome]:
        """Run jobs as one admission.

        Args:
            jobs: at least one.
            caller: computations are shared within one caller only, and callers take fair turns.
            request: id of the caller's request; its requests take fair turns too.
            remaining_s: time left; jobs that need longer end with DeadlineExceeded.
        Returns:
            One outcome per job, in order.
        Raises:
            Draining, Overloaded, TooLong: nothing was admitted.
            asyncio.CancelledError: the caller has gone.
        """
        waits = await self._start(jobs, Asker(caller, request, remaining_s))
        try:
            pending = [wait.future for wait in waits if not wait.future.done()]
            if pending:
                await asyncio.wait(pending, timeout=remaining_s)
        except asyncio.CancelledError:
            for wait in waits:
                self._release(wait, explicit=False)
            raise
        return [self._collect(wait) for wait in waits]

    async def stream(
        self, jobs: Sequence[Job], *, caller: str, remaining_s: float, request: str = ""
    ) -> AsyncGenerator[Event, None]:
        """Run jobs as `run` does and tell their text as it is written, then the end of each.

        Nobody else shares what is followed, so when the reader goes its rows leave before the next step.
        """
        waits = await self._start(jobs, Asker(caller, request, remaining_s), followed=True)
        events: asyncio.Queue[Event] = asyncio.Queue()
        for number, wait in enumerate(waits):
            if wait.computation is not None:
                self._followers[wait.computation.id] = partial(tell, events, number)
            wait.future.add_done_callback(partial(end, events, number))
        end_s = self._loop.time() + remaining_s
        left = set(range(len(waits)))
        try:
            while left:
                try:
                    async with asyncio.timeout_at(end_s):
                        event = await events.get()
                except TimeoutError:
                    for number in sorted(left):
                        yield Ended(number, self._collect(waits[number]))
                    return
                if isinstance(event, Ended):
                    left.discard(event.job)
                yield event
        finally:
            for wait in waits:
                if wait.computation is not None:
                    self._followers.pop(wait.computation.id, None)
                self._release(wait, explicit=False)

    async def drain(self, timeout_s: float) -> bool:
        """Admit nothing more and wait for what was admitted. Returns False when time ran out first."""
        self._draining = True
        self._note_idle()
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            self._inflight.fail_all(Draining("the service has shut down", retry_after_s=1.0))
            return False
        return True

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop the engines' threads."""
        self._inflight.fail_all(Draining("the service has shut down", retry_after_s=1.0))
        self._sharing.close()
        for lane in self._lanes.values():
            lane.stop(timeout_s)
        for heartbeat in self._heartbeats:
            heartbeat.close()

    # ---- admission ---------------------------------------------------------------------------------------------------

    async def _start(self, jobs: Sequence[Job], asker: Asker, *, followed: bool = False) -> list[Wait]:
        self._check_open()
        works = [await self._prepare(job) for job in jobs]
        keys = [b"" if followed else self._sharing.key(job, asker.caller) for job in jobs]
        fresh = {key: job for key, job in zip(keys, jobs, strict=True) if self._inflight.find(key) is None}
        found = await self._sharing.look_up(fresh)
        self._check_open()
        planned = [Planned(job, work, key, found.get(key)) for job, work, key in zip(jobs, works, keys, strict=True)]
        return self._admit(planned, asker, followed=followed)

    def _check_open(self) -> None:
        if self.crashed.is_set():
            raise Unavailable("the model process has failed and is starting again", retry_after_s=1.0)
        if self._draining:
            raise Draining("the service is shutting down", retry_after_s=1.0)

    async def _prepare(self, job: Job) -> list[RowWork] | PrecisError:
        lane = self._lane_of.get(job.engine)
        if lane is None:
            return UnsupportedLanguage("this engine is not loaded", supported=tuple(sorted(self._lane_of)))
        try:
            if job.characters > PREPARE_INLINE_CHARACTERS:
                return await asyncio.to_thread(lane.engine.prepare, job)
            return lane.engine.prepare(job)
        except PrecisError as error:
            return error
        except Exception:  # one job cannot be split: that job's failure
            log.exception("prepare failed in engine %s", lane.name)
            return EngineFailed(f"the {lane.name} engine failed on this item")

    def _admit(self, planned: Sequence[Planned], asker: Asker, *, followed: bool) -> list[Wait]:
        """Join computations that run already and queue the others, all or none of them."""
        waits = [Wait(self._loop.create_future()) for _ in planned]
        opened: dict[str, list[tuple[int, Job, Sequence[RowWork]]]] = {}
        fresh: list[Computation] = []
        for wait, (job, work, key, kept) in zip(waits, planned, strict=True):
            if isinstance(work, PrecisError):  # it has its answer already
                wait.future.set_result(Outcome(error=work))
                continue
            lane = self._lane_of[job.engine]
            if kept is not None:
                lane.spared(finished=True)
                wait.future.set_result(kept)
                continue
            wait.computation = self._inflight.find(key)
            if wait.computation is not None:
                lane.spared(finished=False)
                wait.joined = True
                continue
            wait.computation = self._inflight.open(key, lane.name)
            lane.missed(shared=bool(key))
            fresh.append(wait.computation)
            opened.setdefault(lane.name, []).append((wait.computation.id, job, work))
        try:
            for name, computations in opened.items():
                self._lanes[name].submit(computations, asker, followed=followed)
        except PrecisError:
            for computation in fresh:  # those that another engine took are dropped there; it ignores the rest
                self._lanes[computation.lane].cancel(computation.id)
                self._inflight.discard(computation)
            raise
        self._idle.clear()
        for wait in waits:
            if wait.computation is not None:
                self._inflight.attach(wait.computation, wait.waiter)
        accounts.watch(waits, planned)
        return waits

    def _collect(self, wait: Wait) -> Outcome:
        if wait.future.done():
            return wait.future.result()
        self._release(wait, explicit=True)
        return Outcome(error=DeadlineExceeded("the time given has run out"))

    def _release(self, wait: Wait, *, explicit: bool) -> None:
        """Stop waiting: time is over (`explicit`) or the caller has gone."""
        computation = wait.computation
        if computation is None or wait.future.done():
            return
        if explicit:
            cancel = self._inflight.end(computation, wait.waiter)
        else:
            cancel = self._inflight.hang_up(computation, wait.waiter, self._loop.time())
            if not cancel:
                self._loop.call_later(self._sharing.orphan_grace_s, self._expire)
        if cancel:
            self._lanes[computation.lane].cancel(computation.id)
        self._note_idle()

    def _expire(self) -> None:
        for computation in self._inflight.expire(self._loop.time() + 0.001):
            self._lanes[computation.lane].cancel(computation.id)
        self._note_idle()

    # ---- reports from engine threads ---------------------------------------------------------------------------------

    def _settled_on_thread(self, settled: Settled) -> None:
        self._loop.call_soon_threadsafe(self._settle, settled)

    def _told_on_thread(self, told: Told) -> None:
        self._loop.call_soon_threadsafe(self._told, told)

    def _told(self, told: Told) -> None:
        for computation_id, said in told:
            if (follower := self._followers.get(computation_id)) is not None:
                follower(said)

    def _settle(self, settled: Settled) -> None:
        for computation_id, outcome in settled:
            self._sharing.keep(self._inflight.key_of(computation_id), outcome)
            self._inflight.settle(computation_id, outcome)
        self._note_idle()

    def _crashed_on_thread(self, name: str, error: BaseException) -> None:
        log.critical("engine %s is broken", name, exc_info=error)
        self._loop.call_soon_threadsafe(self._crash, name)

    def _crash(self, name: str) -> None:
        self._draining = True
        self._inflight.fail_all(broken(name))
        self.crashed.set()
        self._note_idle()

    def _note_idle(self) -> None:
        if not self._inflight.running:
            self._idle.set()

    def _make_beat(self, folder: Path | None, name: str) -> Callable[[], None]:
        if folder is None:
            return lambda: None
        self._heartbeats.append(heartbeat := Heartbeat(folder, f"model-{name}"))
        heartbeat.beat()
        return heartbeat.beat
