"""From a checkpoint folder and a row of the catalogue to an engine."""

from __future__ import annotations

from pathlib import Path

from service.engines.catalogue import ModelRow
from service.engines.seq2seq.engine import Languages, Seq2SeqEngine
from service.engines.seq2seq.linear import Precision
from service.engines.seq2seq.model import load_model
from service.engines.seq2seq.runner import Budget
from service.engines.seq2seq.tokens import Tokens
from service.records import Direction, ModelInfo, Task


def open_engine(
    folder: Path,
    row: ModelRow,
    languages: Languages,
    *,
    precision: Precision = "fp32",
    identity: tuple[str, str] = ("", ""),
    prefix: str = "",
    beams: int | None = None,
    budget: Budget | None = None,
) -> Seq2SeqEngine:
    """Return an engine over an unmodified checkpoint folder.

    Args:
        folder: with configuration, weights and tokenizer.
        row: of the catalogue; decides the task and the longest source.
        languages: what the model is good for and how it writes each language.
        precision: of the linear layers.
        identity: revision of the repository and digest of the weights, for the catalogue.
        prefix: text put before every source, such as `summarize: `.
        beams: of each row; None is what the checkpoint wants for summaries and greedy for translations.
        budget: rows and tokens at a time.
    Raises:
        LoadError: the folder cannot be used; the message says why.
    """
    model = load_model(folder, precision)
    told = languages.style != "none" and (row.task is Task.TRANSLATE or languages.style is not None)
    tokens = Tokens(folder, model.spec, languages.codes if told else {}, languages.style, prefix)
    info = _info(row, identity, languages)
    return Seq2SeqEngine(model, tokens, info, languages, beams=beams, longest=row.max_tokens, budget=budget)


def _info(row: ModelRow, identity: tuple[str, str], languages: Languages) -> ModelInfo:
    pairs = ((source, target) for source in languages.read for target in languages.written if source != target)
    translates = row.task is Task.TRANSLATE
    return ModelInfo(
        id=row.id,
        task=row.task,
        revision=identity[0],
        digest=identity[1],
        quality=row.quality,
        rank=row.rank,
        licence=row.licence,
        languages=languages.read,
        directions=tuple(Direction(*pair, pair) for pair in pairs) if translates else (),
    )
