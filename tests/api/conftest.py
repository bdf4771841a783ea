"""The app with a fake pipeline behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.api import stores
from service.api.app import create_app
from service.config import Settings
from service.jobs.database import Database
from service.jobs.store import Store
from tests.api.fakes import FakePipeline
from tests.logs import logging_restored  # noqa: F401 - a fixture


@dataclass
class Bench:
    """An app to send requests to, and the switches behind it."""

    settings: Settings
    pipeline: FakePipeline = field(default_factory=FakePipeline)
    draining: bool = False
    live: bool = True

    def __post_init__(self) -> None:
        self.app = create_app(self.settings, self.pipeline, draining=lambda: self.draining, live=lambda: self.live)
        self.client: FlaskClient = self.app.test_client()

    def post(self, path: str, body: object, **headers: str) -> TestResponse:
        """Send JSON, or bytes as they are."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes):
            named.setdefault("Content-Type", "application/json")
            return self.client.post(path, data=body, headers=named)
        return self.client.post(path, json=body, headers=named)


class Background(Bench):
    """An app with a store of jobs."""

    def __init__(self, folder: Path, keys: str = "", **settings: Any) -> None:
        given = dict(settings)
        if keys:
            (folder / "keys.toml").write_text(keys)
            given["keys_file"] = folder / "keys.toml"
        self.database = Database(f"sqlite://{folder}/jobs.db")
        self.store = Store(self.database, max_bytes=10**7)
        super().__init__(Settings(runtime_dir=folder, **given))

    def __post_init__(self) -> None:
        self.callers = stores.callers_of(self.settings)
        self.app = create_app(
            self.settings, self.pipeline, draining=lambda: self.draining, live=lambda: True,
            callers=self.callers, store=self.store,
        )  # fmt: skip
        self.client = self.app.test_client()

    def close(self) -> None:
        """Give back what is held."""
        self.store.close()
        self.callers.close()


@pytest.fixture
def bench() -> Bench:
    """An app with the default settings."""
    return Bench(Settings())


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Background]:
    """An open service."""
    found = Background(tmp_path)
    yield found
    found.close()
