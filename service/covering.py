"""Which few texts hold most of what another is made of: a greedy cover of weighted terms. A leaf.

Source: the usual greedy algorithm for weighted coverage (Nemhauser, Wolsey and Fisher, 1978).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence


def cover(
    weights: Mapping[str, float],
    where: Mapping[str, Sequence[int]],
    *,
    least: float,
    most: int,
    favour: Callable[[int], float] = lambda _: 1.0,
) -> list[tuple[int, float]]:
    """The texts that hold the most weight, one after the other, each for what those before it do not hold.

    Args:
        weights: of terms, each of them in `where`.
        where: which texts hold a term.
        least: weight that a further text must add; the first may add less.
        most: how many texts are taken.
        favour: what a text's weight is multiplied by when the next is chosen; of equals the first is taken.
    Returns:
        Texts in the order they were chosen, each with all the weight it holds.
    """
    gains: dict[int, float] = defaultdict(float)
    for term, weight in weights.items():
        for index in where[term]:
            gains[index] += weight
    held = dict(gains)
    left = dict(weights)
    chosen: list[tuple[int, float]] = []
    while gains and len(chosen) < most:
        best = max(gains, key=lambda index: (gains[index] * favour(index), -index))
        if chosen and gains[best] < least:
            break
        chosen.append((best, held[best]))
        for term in [term for term in left if best in where[term]]:
            weight = left.pop(term)
            for index in where[term]:
                if index in gains:
                    gains[index] -= weight
        del gains[best]
    return chosen
