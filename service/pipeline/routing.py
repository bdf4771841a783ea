"""Which model serves a task: the best-ranked one loaded, or the one the caller named. Never changed by load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from service.errors import BadRequest, UnsupportedLanguage
from service.pipeline.requests import AUTO
from service.records import Catalogue, Direction, ModelInfo, Task

ANY = "*"
# The quality of models that write nothing of their own.
EXTRACTIVE = "extractive"


@dataclass(frozen=True, slots=True)
class Path:
    """How an article gets its summary.

    Attributes:
        model: that summarizes.
        translator: that translates the article first, or None.
        pivot: the language it translates into, or empty.
        rank: the worst of all models that take part.
        direct: a model that could read the article as it is, when the way round is taken though there is one.
    """

    model: ModelInfo
    translator: ModelInfo | None = None
    pivot: str = ""
    rank: int = 0
    direct: ModelInfo | None = None


class _Reach:
    """Where one model translates: its directions by their ends, and every source into every target."""

    def __init__(self, model: ModelInfo) -> None:
        self._listed: dict[str, dict[str, Direction]] = {}
        for direction in model.directions:
            self._listed.setdefault(direction.source, {})[direction.target] = direction
        self._sources, self._targets = frozenset(model.sources), frozenset(model.targets)

    def direction(self, source: str, target: str) -> Direction | None:
        """How the model gets from one language to another, if it does."""
        if source in self._sources and target in self._targets and source != target:
            return Direction(source, target, (source, target))
        return self._listed.get(source, {}).get(target)

    def directions(self, source: str) -> Iterator[Direction]:
        """Everything it translates a language into."""
        if source in self._sources:
            yield from (Direction(source, target, (source, target)) for target in self._targets - {source})
        yield from self._listed.get(source, {}).values()


class Router:
    """Looks models up in one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._models: dict[str, ModelInfo] = {model.id: model for model in catalogue.models}
        self._summary = [model for model in catalogue.models if model.task is Task.SUMMARIZE]
        self._translation = [model for model in catalogue.models if model.task is Task.TRANSLATE]
        self._reach = [(model, _Reach(model)) for model in self._translation]

    def model(self, model_id: str) -> ModelInfo:
        """The loaded model with this id."""
        return self._models[model_id]

    def summary(self, language: str, engine: str) -> ModelInfo:
        """The model that summarizes text of this language.

        Raises:
            BadRequest: no summary model has the id `engine`.
            UnsupportedLanguage: no loaded model reads this language.
        """
        models = self._named(self._summary, engine, "engine")
        for model in models:
            if ANY in model.languages or language in model.languages:
                return model
        supported = sorted({tag for model in models for tag in model.languages})
        raise UnsupportedLanguage("no loaded engine summarizes this language", supported=tuple(supported))

    def extractive(self, language: str) -> ModelInfo | None:
        """The model that makes summaries of a text's own sentences, if one is loaded that reads this language."""
        for model in self._summary:
            if model.quality == EXTRACTIVE and (ANY in model.languages or language in model.languages):
                return model
        return None

    def summary_path(self, source: str, target: str, engine: str, translate_engine: str) -> Path:
        """How an article is summarized: by a model that reads its language, or by way of one that another model reads.

        With `auto` the way round is taken when each of its models has a better rank than the direct one: a good
        summarizer behind a good translator, never behind a rough one.

        Args:
            source, target: canonical tags of the article and of the summary.
            engine, translate_engine: model ids or `auto`.
        Raises:
            BadRequest: no model has such an id.
            UnsupportedLanguage: there is no path.
        """
        direct: ModelInfo | None = None
        try:
            direct = self.summary(source, engine)
        except UnsupportedLanguage:
            way = self._way_round(source, target, engine, translate_engine)
            if way is None:
                raise
            return way
        way = self._way_round(source, target, engine, translate_engine) if engine == AUTO else None
        if way is not None and way.rank < direct.rank:
            return replace(way, direct=direct)
        return Path(direct)

    def _way_round(self, source: str, target: str, engine: str, translate_engine: str) -> Path | None:
        """The best-ranked summarizer of another language that the article can be translated into, and back."""
        for model in self._named(self._summary, engine, "engine"):
            for pivot in model.languages:
                if pivot in (ANY, source):
                    continue
                there = self._direction(source, pivot, translate_engine)
                back = self._direction(pivot, target, translate_engine) if pivot != target else there
                if there is not None and back is not None:
                    return Path(model, there, pivot, rank=max(model.rank, there.rank, back.rank))
        return None

    def _direction(self, source: str, target: str, engine: str) -> ModelInfo | None:
        found = self._found(source, target, engine)
        return found and found[0]

    def _found(self, source: str, target: str, engine: str) -> tuple[ModelInfo, Direction] | None:
        for model, reach in self._reach:
            direction = reach.direction(source, target) if engine in (AUTO, model.id) else None
            if direction is not None:
                return model, direction
        return None

    def summary_models(self, language: str) -> tuple[str, ...]:
        """Ids of the models that summarize this language, directly or by way of another, best first."""
        found: list[tuple[int, bool, str]] = []
        for model in self._summary:
            direct = ANY in model.languages or language in model.languages
            way = None if direct else self._way_round(language, language, model.id, AUTO)
            if direct:
                found.append((model.rank, False, model.id))
            elif way is not None:
                found.append((way.rank, True, model.id))
        return tuple(model_id for _, _, model_id in sorted(found))

    def translation(self, source: str, target: str, engine: str, field: str = "engine") -> tuple[ModelInfo, Direction]:
        """The model that translates between two languages, and the route it takes.

        Args:
            source, target: canonical tags; a target nobody knows is simply not supported.
            engine: a model id or `auto`.
            field: request field that `engine` came from, for the error.
        Raises:
            BadRequest: no translation model has the id `engine`.
            UnsupportedLanguage: no loaded model has this direction; `supported` lists the targets of the source.
        """
        self._named(self._translation, engine, field)
        found = self._found(source, target, engine)
        if found is not None:
            return found
        supported = tuple(code for code, _ in self.targets(source))
        if supported:
            raise UnsupportedLanguage("no loaded engine translates into this language", supported=supported)
        raise UnsupportedLanguage("no loaded engine translates from this language")

    def targets(self, source: str) -> list[tuple[str, tuple[ModelInfo, Direction]]]:
        """Every language that can be reached from `source`, by code, with the best model and route."""
        found: dict[str, tuple[ModelInfo, Direction]] = {}
        for model, reach in self._reach:
            for direction in reach.directions(source):
                found.setdefault(direction.target, (model, direction))
        return sorted(found.items())

    def missing(self) -> tuple[str, ...]:
        """What would load more, for people."""
        return (*self.catalogue.missing, *(line for model in self.catalogue.models for line in model.missing))

    def check_translation_engine(self, engine: str, field: str) -> None:
        """Raise BadRequest when no translation model has this id."""
        self._named(self._translation, engine, field)

    @staticmethod
    def _named(models: list[ModelInfo], engine: str, field: str) -> list[ModelInfo]:
        if engine == AUTO:
            return models
        named = [model for model in models if model.id == engine]
        if not named:
            known = tuple(model.id for model in models)
            raise BadRequest("no such engine is loaded for this task", field=field, supported=known)
        return named
