"""The app with a fake pipeline behind it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.api.app import create_app
from service.config import Settings
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


@pytest.fixture
def bench() -> Bench:
    """An app with the default settings."""
    return Bench(Settings())
