"""The supervisor behind `precis serve`: starts the roles, keeps them running, drains them, answers probes."""

from __future__ import annotations

import http.client
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from service import cpus, telemetry
from service.api import keys
from service.config import Settings, SettingsError
from service.heartbeat import ages
from service.jobs.database import OFF
from service.jobs.places import with_database
from service.jobs.webhook import webhooks_of
from service.management import ManagementServer, Page
from service.processes import Alarm, Child

log = logging.getLogger("precis.serve")

GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:service.api.gunicorn_conf", "service.main_api:app"]
WORKER = [sys.executable, "-m", "service.main_worker", "--child"]
MODEL = [sys.executable, "-m", "service.main_model", "--child"]
# The worker of jobs begins when the service is ready, which it would hold up; where that never comes, after this time.
WORKER_AFTER_S = 15.0
# Given to a child past its own drain time before it is killed.
KILL_MARGIN_S = 5.0


class Supervisor:
    """Runs the API and, in role `all`, the model process beside it.

    Args:
        settings: of this instance.
        role: `all` or `api`.
        announce: print the ready line and an example.
    """

    def __init__(self, settings: Settings, role: str, *, announce: bool) -> None:
        self._settings = settings
        self._role = role
        self._announce = announce
        self._folder = settings.run_folder
        self._drain_flag = self._folder / "draining"
        self._heartbeats = self._folder / "heartbeats"
        self._metrics = self._folder / "metrics"
        self._alarm = Alarm()
        self._stop_signals = 0
        self._cpus = cpus.decide(settings, shared=role == "all")
        # With keys, the supervisor too needs one to see that the API answers.
        self._own_key = keys.new_key()
        env = os.environ | self._cpus.environment(os.environ) | {"SUPERVISOR_PID": str(os.getpid())}
        env[telemetry.MULTIPROCESS_VARIABLE] = str(self._metrics)
        env["PRECIS_JOBS_DATABASE"] = settings.jobs_database
        self._api = Child("api", GUNICORN, env | {"SUPERVISOR_KEY": self._own_key}, self._ended)
        self._model = Child("model", MODEL, env, self._ended)
        self._worker = Child("worker", WORKER, env, self._ended)
        self._children = [self._model, self._api] if role == "all" else [self._api]
        self._ready = False

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT.

        Returns:
            Exit status: 0 when everything ended by itself.
        Raises:
            OSError: an address is taken.
        """
        self._prepare()
        log.info("%s", self._cpus)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, self._on_child)
        management = ManagementServer(
            self._settings.management_host,
            self._settings.management_port_effective,
            {"/livez": self._livez, "/readyz": self._readyz, "/metrics": self._show_metrics},
        )
        management.start()
        threading.Thread(target=self._await_ready, name="announce", daemon=True).start()
        try:
            self._keep_running()
            return self._drain()
        finally:
            management.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self) -> None:
        _check_callers(self._settings)
        telemetry.check_tracing(self._settings)
        _check_free("PRECIS_PORT", self._settings.host, self._settings.port)
        _check_free("PRECIS_MANAGEMENT_PORT", self._settings.management_host, self._settings.management_port_effective)
        _own_folder(self._settings.runtime_dir)
        shutil.rmtree(self._folder, ignore_errors=True)
        for folder in (self._folder, self._heartbeats):
            folder.mkdir(parents=True, mode=0o700)
        telemetry.share_metrics(self._metrics, fresh=True)

    def _keep_running(self) -> None:
        worker_due_s = time.monotonic() + WORKER_AFTER_S
        with_worker = self._role == "all" and self._settings.jobs_database != OFF
        while not self._stop_signals:
            now_s = time.monotonic()
            if with_worker and self._worker not in self._children and (self._ready or now_s >= worker_due_s):
                self._children.append(self._worker)
            delay_s = min(child.tend(now_s) for child in self._children)
            if self._role == "all":
                self._end_stuck_model()
            self._alarm.wait(delay_s)

    def _end_stuck_model(self) -> None:
        """A model process whose loops have stopped beating answers nobody: it is killed and started again."""
        oldest = max(ages(self._heartbeats, "model").values(), default=0.0)
        if self._model.alive and oldest > self._settings.liveness_s:
            log.error("model process is stuck, ending it; oldest heartbeat %.0f s", oldest)
            self._model.send(signal.SIGKILL)

    def _drain(self) -> int:
        """Unready first, then the API finishes its requests, then the model process ends."""
        self._drain_flag.touch()
        log.info("draining")
        until_s = time.monotonic() + self._settings.drain_delay_s
        # A second signal is an order to hurry; a child that ends is none.
        while self._stop_signals < 2 and (left_s := until_s - time.monotonic()) > 0:
            self._alarm.wait(left_s)
        limit_s = self._settings.drain_timeout_s + KILL_MARGIN_S
        # The worker hands its jobs back meanwhile; both need the model process until they have ended.
        self._worker.send(signal.SIGTERM)
        ended = [child.end(limit_s) for child in (self._api, self._worker, self._model)]
        log.info("ended")
        return 0 if all(ended) else 1

    def _ended(self, name: str, pid: int, status: int) -> None:
        telemetry.forget_process(pid)
        if not self._stop_signals:
            log.error("the %s process ended with status %d and is started again", name, status)
            telemetry.count_restart(name)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_signals += 1
        self._alarm.ring()
        if self._stop_signals > 2:
            for child in self._children:
                child.send(signal.SIGKILL)

    def _on_child(self, number: int, frame: FrameType | None) -> None:
        self._alarm.ring()

    def _livez(self) -> Page:
        beats = ages(self._heartbeats, "api")
        alive = not beats or min(beats.values()) <= self._settings.liveness_s
        return Page(200, b"alive\n") if alive else Page(503, b"stuck\n")

    def _show_metrics(self) -> Page:
        body, content_type = telemetry.render_metrics(self._heartbeats)
        return Page(200, body, content_type)

    def _readyz(self) -> Page:
        if self._drain_flag.exists():
            return Page(503, b"draining\n")
        return Page(200, b"ready\n") if ages(self._heartbeats, "api") else Page(503, b"starting\n")

    def _all_up(self, host: str) -> bool:
        """Every API worker beats and the model process answers."""
        workers = len(ages(self._heartbeats, "api"))
        return workers >= self._cpus.api_workers and _answers(host, self._settings.port, "/v1/models", self._own_key)

    def _await_ready(self) -> None:
        host = "127.0.0.1" if self._settings.host in ("0.0.0.0", "::") else self._settings.host
        url = f"http://{host}:{self._settings.port}"
        pause = threading.Event()
        while not self._stop_signals and not self._all_up(host):
            pause.wait(0.05)
        self._ready = True
        self._alarm.ring()
        if self._stop_signals or not self._announce:
            return
        print(f"précis is ready on {url}  (docs: {url}/docs, probes and metrics: port "
              f"{self._settings.management_port_effective})")  # fmt: skip
        key = "-H 'X-API-Key: YOUR_KEY' " if self._settings.keys_file else ""
        print(
            f"try: curl -s {url}/v1/summarize {key}-H 'Content-Type: application/json' "
            '-d \'{"text": "The bridge opened on Monday. It had been closed since March.", "translate_to": ["es"]}\'',
            flush=True,
        )


def _answers(host: str, port: int, path: str, key: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path, headers={"X-API-Key": key})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _check_callers(settings: Settings) -> None:
    """Fail early and clearly, as with addresses.

    Raises:
        SettingsError: the file of keys or that of the secret cannot be used, or the client of the shared store is not
            installed.
    """
    if settings.redis_url and find_spec("redis") is None:
        raise SettingsError("PRECIS_REDIS_URL: the Python package `redis` is not installed")
    webhooks_of(settings)
    if settings.keys_file:
        try:
            keys.load(settings.keys_file)
        except keys.KeysError as error:
            raise SettingsError(f"PRECIS_KEYS_FILE: {settings.keys_file} {error}") from None


def _check_free(setting: str, host: str, port: int) -> None:
    """Fail early and clearly: gunicorn itself would retry for a while and then give up.

    Raises:
        OSError: its text names the address and the setting.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on {host}:{port} ({setting}): {error.strerror}") from error


def _own_folder(folder: Path) -> None:
    """Make the folder for sockets, or see that it is ours: in a shared `/tmp` somebody else may have been first."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid != os.getuid():
        raise SettingsError(f"PRECIS_RUNTIME_DIR: {folder} belongs to another user")


def serve(settings: Settings, role: str, *, announce: bool = True) -> int:
    """Run a role in this process until it ends.

    Args:
        role: `all`, `api` or `model`.
    Returns:
        Exit status.
    """
    os.umask(0o077)
    if role == "model":
        os.environ.update(cpus.decide(settings, shared=False).environment(os.environ))
        os.execv(sys.executable, [sys.executable, "-m", "service.main_model"])  # noqa: S606 - the same interpreter
    telemetry.configure_logging("serve", settings.log_level)
    if role == "all":
        settings = with_database(settings)
    try:
        return Supervisor(settings, role, announce=announce).run()
    except OSError as error:
        print(f"precis: {error.strerror or error}", file=sys.stderr)
        return 1
