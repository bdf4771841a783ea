"""From a checkpoint folder and a row of the catalogue to an engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from service.engines.catalogue import ModelRow
from service.engines.seq2seq.devices import CPU
from service.engines.seq2seq.engine import Languages, Seq2SeqEngine
from service.engines.seq2seq.linear import Precision
from service.engines.seq2seq.memory import trim
from service.engines.seq2seq.model import load_model
from service.engines.seq2seq.runner import Budget
from service.engines.seq2seq.spec import read_spec
from service.engines.seq2seq.tokens import Tokens
from service.records import ModelInfo, Task


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a folder came from, and how what is made of it for processors is kept and run.

    Attributes:
        revision: of the repository.
        digest: of the files, which also names the quantized weights that are made of them; empty when it is unknown.
        cache: folder for quantized weights where the model's own cannot be written; None for no other.
        native: int8 decodes in C where that can be.
    """

    revision: str = ""
    digest: str = ""
    cache: Path | None = None
    native: bool = True


def open_engine(
    folder: Path,
    row: ModelRow,
    languages: Languages,
    *,
    precision: Precision = "fp32",
    device: torch.device = CPU,
    origin: Origin | None = None,
    beams: int | None = None,
    budget: Budget | None = None,
) -> Seq2SeqEngine:
    """Return an engine over an unmodified checkpoint folder.

    Args:
        folder: with configuration, weights and tokenizer.
        row: of the catalogue; decides the task and the longest source.
        languages: what the model is good for and how it writes each language.
        precision: of the linear layers.
        device: where the model runs.
        origin: of the folder; None is one that nobody pulled.
        beams: of each row; None is what the checkpoint wants for summaries and greedy for translations.
        budget: rows and tokens at a time.
    Raises:
        LoadError: the folder cannot be used; the message says why.
    """
    origin = origin or Origin()
    spec = read_spec(folder)
    told = languages.style != "none" and (row.task is Task.TRANSLATE or languages.style is not None)
    codes = languages.codes if told else {}
    # A large vocabulary takes as long as the layers, and half of the time nobody holds Python's lock.
    with ThreadPoolExecutor(1, thread_name_prefix="tokenizer") as pool:
        reading = pool.submit(Tokens, folder, spec, codes, languages.style, languages.prefix)
        caches = [folder] if origin.cache is None else [folder, origin.cache]
        model = load_model(folder, precision, digest=origin.digest, caches=caches, device=device, native=origin.native)
        tokens = reading.result()
    trim()
    return Seq2SeqEngine(
        model, tokens, _info(row, origin, languages), languages, beams=beams, longest=row.max_tokens, budget=budget
    )


def _info(row: ModelRow, origin: Origin, languages: Languages) -> ModelInfo:
    translates = row.task is Task.TRANSLATE
    return ModelInfo(
        id=row.id,
        task=row.task,
        revision=origin.revision,
        digest=origin.digest,
        quality=row.quality,
        rank=row.rank,
        licence=row.licence,
        languages=languages.read,
        sources=languages.read if translates else (),
        targets=languages.written if translates else (),
    )
