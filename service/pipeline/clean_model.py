"""Which lines are the article, judged together: weights of features for each line, and the likeliest order of parts.

A text is read as a head, then the body with asides in it, then a tail. The weights say how much each feature speaks for
head, aside or tail against body; the best sequence of parts is found over all lines at once (Viterbi). They were fitted
by `bench/cleaning_weights.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.pipeline.clean_features import Floats

_WEIGHTS = Path(__file__).parent.parent / "data" / "cleaning_weights.toml"
HEAD, BODY, ASIDE, TAIL = range(4)
_NEVER = -1e9


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of features by name, for head, body, aside and tail; and what a change of part costs."""

    by_name: dict[str, tuple[float, ...]]
    change: float


@cache
def weights() -> Weights:
    """Return the weights that come with the service."""
    table = tomllib.loads(_WEIGHTS.read_text(encoding="utf-8"))
    rows: dict[str, tuple[float, ...]] = {
        name: (head, 0.0, aside, tail) for name, (head, aside, tail) in table["weights"].items()
    }
    return Weights(rows, table["change"])


@cache
def _matrix(names: tuple[str, ...]) -> NDArray[np.float32]:
    rows = weights().by_name
    return np.array([rows[name] for name in names], dtype=np.float32)


def parts(names: Sequence[str], values: Floats, lean: Floats | None = None) -> list[int]:
    """Return the part of the text that each line belongs to.

    Args:
        names: of the features.
        values: of the features, one row a line, at least one.
        lean: what else is known to speak for the body, a number a line.
    """
    scores = values @ _matrix(tuple(names))
    scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
    if lean is not None:
        scores[:, BODY] += lean
    return best_parts(scores, weights().change)


def best_parts(scores: Floats, change: float) -> list[int]:
    """Return the sequence of parts with the largest sum of scores.

    Args:
        scores: one row a line, one column a part.
        change: what each change from one part to the next costs.
    """
    rows = scores.tolist()
    head, body, aside, tail = rows[0][HEAD], rows[0][BODY], _NEVER, _NEVER
    came: list[tuple[int, int, int]] = []
    for to_head, to_body, to_aside, to_tail in rows[1:]:
        from_body = body - change
        entered, source = body, BODY
        if head - change > entered:
            entered, source = head - change, HEAD
        if aside - change > entered:
            entered, source = aside - change, ASIDE
        aside_from = ASIDE if aside >= from_body else BODY
        tail_from = TAIL if tail >= from_body else BODY
        came.append((source, aside_from, tail_from))
        head, body = head + to_head, entered + to_body
        aside, tail = max(aside, from_body) + to_aside, max(tail, from_body) + to_tail
    part = max((head, HEAD), (body, BODY), (tail, TAIL))[1]
    found = [part]
    for source, aside_from, tail_from in reversed(came):
        part = (HEAD, source, aside_from, tail_from)[part]
        found.append(part)
    found.reverse()
    return found


def warm() -> None:
    """Read the weights now rather than at the first request."""
    weights()
