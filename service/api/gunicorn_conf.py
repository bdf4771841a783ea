"""gunicorn's configuration from our settings: `gunicorn -c python:service.api.gunicorn_conf service.main_api:app`.

Every name below that gunicorn knows is a setting of gunicorn.
"""

from __future__ import annotations

import gc
import math
import os
import resource
import signal
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from service import cpus, telemetry
from service.config import load
from service.pipeline import detect

# File descriptors beside client connections: listeners, logs, gRPC channels, pipes.
_OTHER_DESCRIPTORS = 256
# A worker gives up by itself at the end of the drain; the arbiter only kills one that does not.
_KILL_MARGIN_S = 3


class JsonLogger(Logger):  # type: ignore[misc]
    """gunicorn's logger, writing through ours: one JSON object a line on stderr."""

    def setup(self, cfg: Any) -> None:
        """Set gunicorn's loggers up, then let their lines go to the root logger."""
        super().setup(cfg)
        telemetry.configure_logging("api", cfg.loglevel)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _shared_memory_or(folder: Path) -> str:
    """A folder in memory for the files by which workers show the arbiter that they live."""
    shm = Path("/dev/shm")  # noqa: S108 - gunicorn makes the file with mkstemp and unlinks it at once
    if shm.is_dir() and os.access(shm, os.W_OK):
        return str(shm)
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def when_ready(server: Any) -> None:
    """Keep what the loaded application allocated out of the collector, so that workers go on sharing its pages."""
    gc.collect()
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """End on SIGTERM until the worker has its own handlers; allow as many descriptors as there may be connections."""
    # The master's handlers, inherited, would swallow the signal, and the master would wait for the whole drain time.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _settings.api_connections + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        highest = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))


def post_worker_init(worker: Any) -> None:
    """Trace from here on, for the thread that sends belongs to this process; make what can wait until it is up."""
    # The application imports it; imported above, Flask would hold up the language model below.
    from service.api import docs

    telemetry.start_tracing(_settings, "api")
    docs.begin_making(worker.wsgi)


def worker_exit(server: Any, worker: Any) -> None:
    """Send the traces that are left."""
    telemetry.stop_tracing()


def child_exit(server: Any, worker: Any) -> None:
    """Take a dead worker's gauges out of the sums."""
    telemetry.forget_process(worker.pid)


# The application, imported after this, waits for it.
detect.begin_loading()

_settings = load()
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = [f"{_host}:{_settings.port}"]
workers = cpus.decide(_settings, shared=False).api_workers
threads = _settings.api_threads
worker_class = "service.api.edge.EdgeWorker"
worker_connections = max(_settings.api_connections, threads + 1)
preload_app = True
keepalive = _settings.keepalive_s
timeout = math.ceil(_settings.liveness_s)
graceful_timeout = math.ceil(_settings.drain_timeout_s) + _KILL_MARGIN_S
backlog = 2048

# The root file system may be read-only: nothing is written but in memory or in the runtime folder.
worker_tmp_dir = _shared_memory_or(_settings.run_folder)
control_socket_disable = True

# Client sockets do not block, which rules sendfile out.
sendfile = False
http_protocols = "h1"
http2_cleartext = "off"
proxy_protocol = "off"
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
# No header may set SCRIPT_NAME or PATH_INFO, whoever sends it.
forwarder_headers = ""
header_map = "drop"

logger_class = JsonLogger
loglevel = _settings.log_level
errorlog = "-"
accesslog = None
