"""Directions that Apertium's modes reach, directly or through languages that two modes share."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from service.engines.apertium.modes import Mode

# Each step loses words; past two pivots little of the sense is left.
MAX_STEPS = 3


@dataclass(frozen=True, slots=True)
class Route:
    """The modes to run one after the other, and the languages passed through, both ends included."""

    languages: tuple[str, ...]
    modes: tuple[Mode, ...]


def find_routes(modes: Sequence[Mode]) -> dict[tuple[str, str], Route]:
    """The best route for each direction that can be reached.

    Fewest steps win; among as many, the route whose weakest and then whose average step is of higher quality; then
    alphabetical order, so that the choice never depends on the order of files.

    Args:
        modes: at most one a direction; those not fit for a pivot are only used alone.
    """
    onward: dict[str, list[Mode]] = {}
    for mode in modes:
        onward.setdefault(mode.source, []).append(mode)
    routes: dict[tuple[str, str], Route] = {}
    for source in sorted(onward):
        for target, path in _from(source, onward).items():
            names = (source, *(mode.target for mode in path))
            routes[source, target] = Route(names, path)
    return routes


def _from(source: str, onward: dict[str, list[Mode]]) -> dict[str, tuple[Mode, ...]]:
    best: dict[str, tuple[Mode, ...]] = {}
    heap: list[tuple[int, float, float, tuple[str, ...], int, tuple[Mode, ...]]] = [(0, 0.0, 0.0, (), 0, ())]
    count = 0
    while heap:
        steps, _, _, _, _, path = heapq.heappop(heap)
        here = path[-1].target if path else source
        if path:
            if here == source or here in best:
                continue
            best[here] = path
        if steps == MAX_STEPS or not all(mode.pivot for mode in path):
            continue
        for mode in onward.get(here, ()):
            if path and not mode.pivot:
                continue
            longer = (*path, mode)
            weakest = min(step.quality for step in longer)
            total = sum(step.quality for step in longer)
            count += 1
            names = tuple(step.name for step in longer)
            heapq.heappush(heap, (len(longer), -weakest, -total, names, count, longer))
    return best
