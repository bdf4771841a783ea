"""What is known of several model processes that answer as one: whom a call has tried, and what they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import Draining, Overloaded, PrecisError, Unavailable
from service.records import Catalogue, ModelInfo

# One that was not heard of for so long is gone; its catalogue no longer counts.
FORGET_S = 30.0
# Calls go round in turn, and others' calls come between: so many are made at most to meet one other replica.
MOST_PICKS = 6


class Failed(PrecisError):
    """A failure, and which replica told of it; empty when none did."""

    def __init__(self, error: PrecisError, replica: str = "") -> None:
        super().__init__(error.detail)
        self.error = error
        self.code = error.code  # type: ignore[misc]  # counted by the code of what it carries
        self.replica = replica


class Attempts:
    """Whether a call is made once more. Every task is a pure computation, so it may be done twice.

    After a lost connection once; after a refusal, which costs nothing, until one other replica has been met.

    Args:
        several: there can be more than one replica.
    """

    def __init__(self, several: bool) -> None:
        self._several = several
        self._picks = 0
        self._lost = 0
        self._refused_by: set[str] = set()

    def again(self, failed: Failed) -> bool:
        """Note a failure, and say whether to try again at once."""
        self._picks += 1
        if not self._several or not isinstance(failed.error, Overloaded | Unavailable | Draining):
            return False
        if not failed.replica:
            self._lost += 1
            return self._lost == 1
        self._refused_by.add(failed.replica)
        return len(self._refused_by) == 1 and self._picks < MOST_PICKS


@dataclass(slots=True)
class _Seen:
    catalogue: Catalogue
    at_s: float


class Replicas:
    """The catalogues of all replicas heard of lately, and one made of them.

    It depends on what they say alone, so every API process that knows the same replicas shows the same.
    """

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def note(self, replica: str, catalogue: Catalogue, now_s: float) -> None:
        """A replica has said what it has loaded."""
        self._seen[replica] = _Seen(catalogue, now_s)

    def view(self, now_s: float) -> Catalogue:
        """What can be asked of any of them.

        Models that all have; of a model that differs between them, what most say. Where they have nothing in common
        for a task, what most of them have for it.

        Raises:
            ValueError: none was ever heard of.
        """
        newest_s = max(seen.at_s for seen in self._seen.values())
        oldest_s = min(newest_s, now_s - FORGET_S)
        self._seen = {name: seen for name, seen in self._seen.items() if seen.at_s >= oldest_s}
        catalogues = [self._seen[name].catalogue for name in sorted(self._seen)]
        if all(catalogue == catalogues[0] for catalogue in catalogues):
            return catalogues[0]
        return _common(catalogues)


def _common(catalogues: Sequence[Catalogue]) -> Catalogue:
    told: dict[str, list[ModelInfo]] = {}
    for catalogue in catalogues:
        for model in catalogue.models:
            told.setdefault(model.id, []).append(model)
    models = {name: _most(infos) for name, infos in told.items()}
    shared = {name for name, infos in told.items() if len(infos) == len(catalogues)}
    tasks = {models[name].task for name in shared}
    for task in {model.task for model in models.values()} - tasks:
        most = max(len(told[name]) for name, model in models.items() if model.task is task)
        shared |= {name for name, model in models.items() if model.task is task and len(told[name]) == most}
    listed = sorted((models[name] for name in shared), key=lambda model: (model.rank, model.id))
    missing = dict.fromkeys(text for catalogue in catalogues for text in catalogue.missing)
    return Catalogue(tuple(listed), max(catalogue.server_version for catalogue in catalogues), tuple(sorted(missing)))


def _most(infos: Sequence[ModelInfo]) -> ModelInfo:
    counts = Counter(infos)
    return max(counts, key=lambda info: (counts[info], repr(info)))
