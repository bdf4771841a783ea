"""Engines that were made, and what could not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.engines.base import Engine


@dataclass(frozen=True, slots=True)
class Loaded:
    """Engines by name; `missing` says in a line each, for people, what was asked for and is not there."""

    engines: Mapping[str, Engine] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
