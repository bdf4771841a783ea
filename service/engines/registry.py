"""Engines by name. The module of an engine is imported only when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from service.config import Settings, SettingsError
from service.engines.base import Engine
from service.engines.loaded import Loaded

# name -> "module:function", where the function takes the settings and gives an engine, or several.
ENGINES: dict[str, str] = {
    "extractive": "service.engines.extractive.engine:create",
    "apertium": "service.engines.apertium.engine:create",
    "remote": "service.engines.remote.setup:create",
    "seq2seq": "service.engines.seq2seq.setup:create",
    "fake": "service.engines.fake:create",
}


def create(settings: Settings) -> Loaded:
    """Make the engines that the settings name, in that order.

    Raises:
        SettingsError: an unknown name, or settings that an engine cannot be made from.
    """
    engines: dict[str, Engine] = {}
    missing: list[str] = []
    for name in settings.engines_effective:
        if name not in ENGINES:
            known = ", ".join(sorted(ENGINES))
            raise SettingsError(f"PRECIS_ENGINES: no engine is called {name}; known are {known}")
        module, function = ENGINES[name].split(":")
        factory = cast(Callable[[Settings], Engine | Loaded], getattr(importlib.import_module(module), function))
        made = factory(settings)
        loaded = made if isinstance(made, Loaded) else Loaded({name: made})
        engines.update(loaded.engines)
        missing += loaded.missing
    return Loaded(engines, tuple(missing))
