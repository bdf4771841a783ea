"""Engines that were made, and what could not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.engines.base import Engine
from service.records import ModelInfo


@dataclass(frozen=True, slots=True)
class Loaded:
    """Engines by name; `missing` says in a line each, for people, what was asked for and is not there."""

    engines: Mapping[str, Engine] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def models_by_rank(engines: Mapping[str, Engine]) -> tuple[ModelInfo, ...]:
    """All models of these engines, best rank first."""
    models = (model for engine in engines.values() for model in engine.models())
    return tuple(sorted(models, key=lambda model: (model.rank, model.id)))
