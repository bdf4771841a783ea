"""Entry of the API process under gunicorn: `service.main_api:app`. Holds no engine and no torch."""

from __future__ import annotations

import os
from wsgiref.types import WSGIApplication

from service import telemetry
from service.api.app import create_app
from service.api.stores import callers_of
from service.config import load
from service.heartbeat import ages
from service.jobs.database import database_of
from service.jobs.store import Store
from service.pipeline import clean, detect
from service.pipeline.pipeline import Pipeline
from service.processes import die_with_parent
from service.serving.client import Client


def build() -> WSGIApplication:
    """The application, wired from the environment."""
    supervisor = os.environ.pop("SUPERVISOR_PID", None)
    if supervisor:
        die_with_parent(int(supervisor))
    own_key = os.environ.pop("SUPERVISOR_KEY", None)
    settings = load()
    telemetry.configure_logging("api", settings.log_level)
    drain_flag = settings.run_folder / "draining"
    heartbeats = settings.run_folder / "heartbeats"
    # Loaded before the fork, so that all workers share one copy.
    detect.warm()
    clean.warm()

    def live() -> bool:
        beats = ages(heartbeats, "api")
        return not beats or min(beats.values()) <= settings.liveness_s

    pipeline = Pipeline(Client(settings.model_target), settings)
    callers = callers_of(settings, own_key)
    database = database_of(settings)
    return create_app(
        settings,
        pipeline,
        draining=drain_flag.exists,
        live=live,
        refusing=_never,
        callers=callers,
        store=Store(database, max_bytes=settings.jobs_max_mb * 1024 * 1024) if database is not None else None,
    )


def _never() -> bool:
    """New requests that still arrive while draining are served: balancers need a moment to turn away."""
    return False


app = build()
