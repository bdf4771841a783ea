"""Browser and services of the tests of the page: one of each a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser import desk
from tests.browser.desk import Desk, sitting, url_of
from tests.process.service import Service, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    yield from desk.browser()


@pytest.fixture(scope="module")
def embedded() -> Iterator[Service]:
    """The service as `make run` starts it: extractive summaries, Apertium translations."""
    with serving(engines="", api_workers=1) as service:
        yield service


@pytest.fixture(scope="module")
def scripted() -> Iterator[Service]:
    """A service whose texts say how slow they are and how they fail."""
    with serving(engines="fake", api_workers=1) as service:
        yield service


@pytest.fixture
def open_desk(browser: Browser, embedded: Service) -> Iterator[Desk]:
    """The page of the real service in a wide window."""
    with sitting(browser, url_of(embedded.port), viewport={"width": 1440, "height": 900}) as opened:
        yield opened.open()


@pytest.fixture
def slow_desk(browser: Browser, scripted: Service) -> Iterator[Desk]:
    """The page of the scripted service."""
    with sitting(browser, url_of(scripted.port)) as opened:
        yield opened.open()
