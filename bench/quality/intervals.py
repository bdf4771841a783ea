"""95 % intervals by bootstrap over rows, the same on every run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DRAWS = 1000
_SEED = 20_26
_CACHED = 2_000  # rows of a group up to which its draws are kept for the next system
_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def shown(self, digits: int = 3, scale: float = 1.0) -> str:
        """Return `value [low, high]`."""
        return f"{self.value * scale:.{digits}f} [{self.low * scale:.{digits}f}, {self.high * scale:.{digits}f}]"


def bootstrap(
    groups: Sequence[Any], statistic: Callable[[Floats], Floats], *, pooled: bool = False, draws: int = DRAWS
) -> Interval:
    """Return a figure with its interval.

    Args:
        groups: for each stratum what can be added up over its rows: an array of rows by columns. Rows are drawn with
            replacement inside their stratum, and every system is given the same draws.
        statistic: from sums of the columns, one line a draw, to one figure a draw.
        pooled: add the strata up first; else the figure is the mean over strata.
        draws: how many resamples.
    """
    arrays = [np.asarray(group, dtype=np.float64) for group in groups if len(group)]
    if not arrays:
        return Interval(float("nan"), float("nan"), float("nan"))
    exact = [array.sum(axis=0, keepdims=True) for array in arrays]
    drawn = [_sums(array, number, draws) for number, array in enumerate(arrays)]
    if pooled:
        value, values = statistic(sum(exact[1:], exact[0])), statistic(sum(drawn[1:], drawn[0]))
    else:
        value = np.mean([statistic(one) for one in exact], axis=0)
        values = np.mean([statistic(one) for one in drawn], axis=0)
    low, high = np.nanquantile(values, (0.025, 0.975))
    return Interval(float(value[0]), float(low), float(high))


def mean(groups: Sequence[Sequence[float]], *, pooled: bool = False) -> Interval:
    """Return the mean over strata of their means, or over all rows when pooled."""
    return bootstrap([[(value, 1.0) for value in group] for group in groups], ratio, pooled=pooled)


def ratio(sums: Floats) -> Floats:
    """A statistic: the first column by the second, 0 where that is 0."""
    return np.divide(sums[:, 0], sums[:, 1], out=np.zeros(len(sums)), where=sums[:, 1] != 0)


def f1(sums: Floats) -> Floats:
    """A statistic: F1 of found, expected and common counts."""
    below = sums[:, 0] + sums[:, 1]
    return np.divide(2 * sums[:, 2], below, out=np.zeros(len(sums)), where=below != 0)


def _sums(array: Floats, number: int, draws: int) -> Floats:
    rows = len(array)
    if rows <= _CACHED:
        return np.asarray(_weights(rows, number, draws) @ array)
    source = np.random.default_rng((_SEED, number))
    parts = []
    for start in range(0, draws, _CHUNK):
        size = min(_CHUNK, draws - start)
        picked = source.integers(0, rows, (size, rows))
        counted = np.stack([np.bincount(line, minlength=rows) for line in picked])
        parts.append(counted @ array)
    return np.concatenate(parts)


@lru_cache(maxsize=256)
def _weights(rows: int, number: int, draws: int) -> NDArray[np.float32]:
    """How often each row is in each draw."""
    source = np.random.default_rng((_SEED, number))
    picked = source.integers(0, rows, (draws, rows))
    offsets = np.arange(draws)[:, None] * rows
    counted = np.bincount((picked + offsets).ravel(), minlength=draws * rows)
    return counted.reshape(draws, rows).astype(np.float32)
