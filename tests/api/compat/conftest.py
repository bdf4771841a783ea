"""The app with every dialect on."""

from __future__ import annotations

import pytest

from service.config import Settings
from service.config_serving import DIALECTS
from tests.api.conftest import Bench


@pytest.fixture
def foreign() -> Bench:
    """An app that speaks all dialects, over the fake pipeline."""
    return Bench(Settings(dialects=" ".join(DIALECTS), max_text_characters=1000))
