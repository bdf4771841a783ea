"""The neural models that the settings name, opened one by one. One that cannot be used is reported and left out."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from service import cpus
from service.config import Settings, SettingsError
from service.engines.base import Engine
from service.engines.catalogue import ModelRow
from service.engines.loaded import Loaded
from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.crew import Crew
from service.engines.seq2seq.devices import choose_device, gpu_precision
from service.engines.seq2seq.engine import Languages, Seq2SeqEngine
from service.engines.seq2seq.linear import Precision, auto_precision, capability
from service.engines.seq2seq.memory import bound_kernels
from service.engines.seq2seq.opening import Origin, open_engine
from service.engines.seq2seq.tokens import LanguageStyle
from service.models import gate, rows
from service.models.failures import ModelError, UnknownModel
from service.models.rows import NeuralRow
from service.records import Task

log = logging.getLogger(__name__)

# What `auto` decides for the layers that take most of a model's time; each layer's own rule may keep it finer.
_TYPICAL_LAYER = (1024, 1024)
_STYLES: dict[str, LanguageStyle] = {"small100": "target_first", "mbart": "source_last"}


def create(settings: Settings) -> Loaded:
    """Open every model of `PRECIS_MODELS`, or those of the profile.

    Raises:
        SettingsError: an id that the list does not have.
    """
    bound_kernels()
    plan = cpus.decide(settings, shared=False)
    torch.set_num_threads(plan.engine_threads)
    crew = Crew(plan)
    engines: dict[str, Engine] = {}
    missing: list[str] = []
    for model_id in settings.models_effective:
        try:
            row = rows.get(model_id)
            engine = _open(row, settings)
            engine.before_step = crew.gather
            engines[model_id] = engine
        except UnknownModel as error:
            raise SettingsError(f"PRECIS_MODELS: {error}") from None
        except (ModelError, LoadError, OSError) as error:
            log.warning("model %s is left out: %s", model_id, error)
            missing.append(f"model {model_id}: {error}")
    return Loaded(engines, tuple(missing))


def languages_of(row: NeuralRow) -> Languages:
    """What a row says of languages, as the engine takes it."""
    if row.task is Task.SUMMARIZE and row.sources:
        # Told the article's language on both sides, as mBART-50 is.
        return Languages(row.sources, style=_STYLES.get(row.family, "source_first"))
    if row.task is Task.SUMMARIZE:
        return Languages(dict.fromkeys(row.languages, ""), style="none")
    codes = {**row.sources, **row.targets}
    sources, targets = tuple(row.sources), tuple(row.targets)
    if not any(codes.values()):
        return Languages(codes, sources, targets, style="none")
    if row.target_prefix:
        # Only the target is written; `>>fra<<` and `<2fr>` are tokens of the vocabulary.
        written = {tag: row.prefix(tag) for tag in targets}
        return Languages(written, sources, targets, style="target_first")
    return Languages(codes, sources, targets, style=_STYLES.get(row.family))


def _open(row: NeuralRow, settings: Settings) -> Seq2SeqEngine:
    stored = gate.usable(row, settings)
    device = choose_device(settings.device)
    precision = _auto_precision(device) if settings.precision == "auto" else settings.precision
    entry = ModelRow(row.id, rows.ENGINE, row.task, row.rank, row.quality, row.licence, row.languages, row.max_tokens)
    return open_engine(
        stored.path,
        entry,
        replace(languages_of(row), prefix=row.input_prefix),
        precision=precision,
        device=device,
        origin=Origin(stored.manifest.commit, stored.manifest.digest, settings.quantized_dir, settings.native_steps),
    )


def _auto_precision(device: torch.device) -> Precision:
    return gpu_precision() if device.type == "cuda" else auto_precision(_TYPICAL_LAYER, capability())
