"""Entry of the worker of durable jobs: the same tasks as over HTTP, done in the background. `precis worker`."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

from service import cpus, item_results, languages, telemetry
from service.api import work
from service.api.batch import placed
from service.api.context import Services
from service.api.stream_slots import Streams
from service.config import Settings, SettingsError, load
from service.errors import EngineFailed, PrecisError
from service.heartbeat import Heartbeat, ages
from service.jobs import metrics
from service.jobs.database import OFF, database_of
from service.jobs.job import Item, Made
from service.jobs.places import with_database
from service.jobs.runner import RETRIED, failed
from service.jobs.telling import told
from service.jobs.webhook import webhooks_of
from service.jobs.worker import Ending, Work, Worker
from service.management import ManagementServer, Page
from service.pipeline import clean, detect
from service.pipeline.pipeline import Pipeline
from service.processes import die_with_parent
from service.records import CallContext
from service.serving.client import Client
from service.serving.scheduler import BACKGROUND
from service.telemetry import HttpMetrics

log = logging.getLogger("precis.worker")

_EXIT_LOST = 70
# The engine's threads cannot be told to end; what they held is in the database, for others.
_FAREWELL_S = 2.0


class Tasks:
    """Does items the way requests are answered.

    Args:
        settings: limits and times.
        client: reaches the model process.
    """

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client
        self._services = Services(
            settings=settings,
            pipeline=Pipeline(client, settings),
            draining=_never,
            refusing=_never,
            live=lambda: True,
            metrics=HttpMetrics(lambda tag: languages.canonical(tag) == tag),
            streams=Streams(0),
        )

    def run(self, item: Item, name: str, gone: Callable[[], bool]) -> Made:
        """The result of one item.

        Raises:
            PrecisError: the model process is full or away, or nobody wants the item any more.
        """
        deadline_s = time.monotonic() + self._settings.jobs_item_timeout_s
        context = CallContext(name, deadline_s, BACKGROUND, gone)
        telemetry.bind_request(name)
        try:
            done = work.TASKS[item.task](json.loads(item.request))(self._services, context)
        except RETRIED:
            raise
        except PrecisError as error:
            if gone():
                raise
            metrics.items_done("error")
            return failed(item, placed(error, f"items[{item.place}].request"))
        except Exception as error:  # noqa: BLE001 - one item's failure, whatever it is
            telemetry.logger().error("unexpected failure of an item", exc_info=error)
            metrics.items_done("error")
            return failed(item, EngineFailed("the item failed inside the service; the id of its job is in the log"))
        metrics.items_done("ok")
        if done.engine:
            self._services.metrics.item(done.task, done.engine, done.language)
        return Made(item.place, item_results.done(item.place, item.name, done.body).decode(), failed=False)

    def reachable(self) -> bool:
        """The model process answers now."""
        return self._client.answers()


def _never() -> bool:
    return False


class WorkerProcess:
    """Brings the worker up, answers its probes, and takes it down on SIGTERM."""

    def __init__(self, settings: Settings) -> None:
        database = database_of(settings)
        if database is None:
            raise SettingsError(f"PRECIS_JOBS_DATABASE: is {OFF!r}, so that there is nothing for a worker to do")
        self._settings = settings
        self._ending = Ending()
        self._heartbeats = settings.run_folder / "heartbeats"
        self._client = Client(settings.model_target)
        tasks = Tasks(settings, self._client)
        self._worker = Worker(
            database,
            Work(tasks.run, tasks.reachable, told, webhooks_of(settings)),
            name=settings.worker_id or socket.gethostname(),
            concurrency=settings.jobs_concurrency,
            heartbeat=Heartbeat(self._heartbeats, "worker"),
        )

    def run(self, *, with_management: bool) -> int:
        """Work until told to end.

        Returns:
            Exit status: 0 after an orderly end, 1 when work was cut off, 70 when others took the work over.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        detect.warm()
        clean.warm()
        pages = self._manage() if with_management else None
        orderly = self._worker.run(self._ending, self._settings.drain_timeout_s)
        if pages is not None:
            pages.close()
        self._client.close()
        return 0 if orderly else 1 if self._ending.is_set() else _EXIT_LOST

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._ending.set()

    def _manage(self) -> ManagementServer:
        settings = self._settings
        metrics_page: Callable[[], Page] = partial(_metrics, self._heartbeats)
        pages = {"/livez": self._livez, "/readyz": self._readyz, "/metrics": metrics_page}
        server = ManagementServer(settings.management_host, settings.management_port_effective, pages)
        server.start()
        return server

    def _livez(self) -> Page:
        oldest = max(ages(self._heartbeats, "worker").values(), default=0.0)
        alive = oldest <= self._settings.liveness_s
        return Page(200 if alive else 503, b"alive\n" if alive else b"stuck\n")

    def _readyz(self) -> Page:
        return Page(200, b"ready\n") if self._worker.ready else Page(503, b"not ready\n")


def _metrics(heartbeats: Path) -> Page:
    body, content_type = telemetry.render_metrics(heartbeats)
    return Page(200, body, content_type)


def main(arguments: list[str]) -> int:
    """Run a worker; `--child` is given by the supervisor, which manages for it."""
    child = "--child" in arguments
    os.umask(0o077)
    if child:
        die_with_parent(int(os.environ.pop("SUPERVISOR_PID")))
    try:
        settings = load()
        telemetry.configure_logging("worker", settings.log_level)
        settings = with_database(settings)
        os.environ.update(cpus.decide(settings, shared=child).environment(os.environ))
        settings.run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        telemetry.start_tracing(settings, "worker")
        status = WorkerProcess(settings).run(with_management=not child)
        telemetry.stop_tracing()
    except SettingsError as error:
        print(f"precis: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"precis: {error.strerror or error}", file=sys.stderr)
        return 1
    # An item that does not end in time would hold the process up; so would a library's thread.
    left = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    end_s = time.monotonic() + _FAREWELL_S
    for thread in left:
        thread.join(max(0.0, end_s - time.monotonic()))
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    if any(thread.is_alive() for thread in left):
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
