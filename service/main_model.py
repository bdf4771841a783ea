"""Entry of the model process: engines, dispatcher, gRPC server. `python -m service.main_model`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from service import cpus, management, telemetry
from service.config import Settings, SettingsError, load
from service.engines import registry
from service.engines.base import Engine
from service.heartbeat import ages
from service.management import ManagementServer, Page
from service.processes import die_with_parent
from service.serving import shared_results
from service.serving.dispatcher import Dispatcher
from service.serving.server import ModelServer
from service.serving.sharing import Results, Sharing
from service.version import VERSION

log = logging.getLogger("precis.model")
P = ParamSpec("P")
T = TypeVar("T")

EXIT_BROKEN = 70
# Replies to the callers of a broken engine are given this long to leave.
FAREWELL_S = 0.5
# Python's default of 5 ms is how long a busy engine thread may keep the event loop waiting.
SWITCH_INTERVAL_S = 0.0005


class ModelProcess:
    """Brings the process up, runs it until it is told to end or an engine breaks, and takes it down."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._heartbeats = settings.run_folder / "heartbeats"
        self._ready = False
        self._ended = asyncio.Event()

    async def run(self, *, with_management: bool) -> int:
        """Serve until the end.

        Returns:
            Exit status: 0 after a drain that finished, 1 when work was cut off, 70 when an engine broke.
        """
        settings = self._settings
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        pages = self._manage() if with_management else None
        server = ModelServer(settings.model_listen, settings.slow_s)
        await server.start()
        loaded = await _aside(registry.create, settings)
        dispatcher = Dispatcher(
            loaded.engines,
            max_rows=settings.max_queued_rows,
            max_cost=settings.max_queued_cost,
            sharing=_sharing(settings, loaded.engines),
            heartbeat_folder=self._heartbeats,
            version=VERSION,
            missing=loaded.missing,
        )
        await _aside(dispatcher.start)
        await server.ready(dispatcher)
        self._ready = True
        telemetry.model_ready(True)
        log.info("model process ready, engines: %s", " ".join(loaded.engines))
        status = await self._until_end(server, dispatcher)
        await asyncio.to_thread(dispatcher.close)
        if pages is not None:
            await asyncio.to_thread(pages.close)
        return status

    async def _until_end(self, server: ModelServer, dispatcher: Dispatcher) -> int:
        waits = [asyncio.ensure_future(event.wait()) for event in (self._ended, dispatcher.crashed)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._ready = False
        telemetry.model_ready(False)
        await server.unready()
        if dispatcher.crashed.is_set():
            await server.stop(FAREWELL_S)
            return EXIT_BROKEN
        await asyncio.sleep(self._settings.drain_delay_s)
        finished = await dispatcher.drain(self._settings.drain_timeout_s)
        await server.stop(FAREWELL_S)
        return 0 if finished else 1

    def _manage(self) -> ManagementServer:
        pages = {"/livez": self._livez, "/readyz": self._readyz, "/metrics": self._metrics}
        server = management.ManagementServer(
            self._settings.management_host, self._settings.management_port_effective, pages
        )
        server.start()
        return server

    def _livez(self) -> Page:
        oldest = max(ages(self._heartbeats, "model").values(), default=0.0)
        alive = oldest <= self._settings.liveness_s
        return Page(200 if alive else 503, b"alive\n" if alive else b"stuck\n")

    def _readyz(self) -> Page:
        return Page(200, b"ready\n") if self._ready else Page(503, b"not ready\n")

    def _metrics(self) -> Page:
        body, content_type = telemetry.render_metrics(self._heartbeats)
        return Page(200, body, content_type)


def _sharing(settings: Settings, engines: Mapping[str, Engine]) -> Sharing:
    results = Results(int(settings.cache_mb * 1_000_000), settings.cache_age_s) if settings.cache_mb else None
    models = [model for engine in engines.values() for model in engine.models()]
    elsewhere = shared_results.open_store(settings, models) if settings.cache_redis else None
    return Sharing(settings.orphan_grace_s, settings.coalesce, results, settings.share_across_callers, elsewhere)


async def _aside(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run something on a thread that ends with it.

    libgomp counts the threads it manages: a pool left behind by a thread that loaded a model would make it believe that
    the processor is shared, and let the threads of every later region sleep instead of wait for one another, which
    costs a decode step a third of its speed.
    """
    with ThreadPoolExecutor(1) as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, partial(function, *args, **kwargs))


def main(arguments: list[str]) -> int:
    """Run the model process; `--child` is given by the supervisor, which manages for it."""
    child = "--child" in arguments
    if child:
        die_with_parent(int(os.environ.pop("SUPERVISOR_PID")))
    try:
        settings = load()
    except SettingsError as error:
        print(f"precis: {error}", file=sys.stderr)
        return 2
    telemetry.configure_logging("model", settings.log_level)
    plan = cpus.decide(settings, shared=child)
    os.environ.update(plan.environment(os.environ))  # before an engine loads OpenMP, which reads it then
    if not child:
        log.info("%s", plan)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    settings.run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        telemetry.start_tracing(settings, "model")
        return asyncio.run(_run(settings, with_management=not child))
    except SettingsError as error:
        print(f"precis: {error}", file=sys.stderr)
        return 2
    finally:
        telemetry.stop_tracing()


async def _run(settings: Settings, *, with_management: bool) -> int:
    return await ModelProcess(settings).run(with_management=with_management)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
