"""Engines by name. The module of an engine is imported only when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from service.config import Settings, SettingsError
from service.engines.base import Engine

# name -> "module:function", where the function takes the settings and gives an Engine.
ENGINES: dict[str, str] = {
    "extractive": "service.engines.extractive.engine:create",
    "apertium": "service.engines.apertium.engine:create",
    "remote": "service.engines.remote.setup:create",
    "fake": "service.engines.fake:create",
}


def create(settings: Settings) -> dict[str, Engine]:
    """Make the engines that the settings name, in that order.

    Raises:
        SettingsError: an unknown name.
    """
    engines: dict[str, Engine] = {}
    for name in settings.engines.replace(",", " ").split():
        if name not in ENGINES:
            known = ", ".join(sorted(ENGINES))
            raise SettingsError(f"PRECIS_ENGINES: no engine is called {name}; known are {known}")
        module, function = ENGINES[name].split(":")
        factory = cast(Callable[[Settings], Engine], getattr(importlib.import_module(module), function))
        engines[name] = factory(settings)
    return engines
