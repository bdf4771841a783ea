"""Which model serves a task: the best-ranked one loaded, or the one the caller named. Never changed by load."""

from __future__ import annotations

from dataclasses import dataclass, replace

from service.errors import BadRequest, UnsupportedLanguage
from service.pipeline.requests import AUTO
from service.records import Catalogue, Direction, ModelInfo, Task

ANY = "*"


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


class Router:
    """Looks models up in one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._models: dict[str, ModelInfo] = {model.id: model for model in catalogue.models}
        self._summary = [model for model in catalogue.models if model.task is Task.SUMMARIZE]
        self._translation = [model for model in catalogue.models if model.task is Task.TRANSLATE]
        self._directions: dict[tuple[str, str], list[tuple[ModelInfo, Direction]]] = {}
        self._targets: dict[str, set[str]] = {}
        for model in self._translation:
            for direction in model.directions:
                self._directions.setdefault((direction.source, direction.target), []).append((model, direction))
                self._targets.setdefault(direction.source, set()).add(direction.target)

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
        for model, _ in self._directions.get((source, target), ()):
            if engine in (AUTO, model.id):
                return model
        return None

    def summary_models(self, language: str) -> tuple[str, ...]:
        """Ids of the models that summarize this language, best first."""
        return tuple(model.id for model in self._summary if ANY in model.languages or language in model.languages)

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
        for model, direction in self._directions.get((source, target), ()):
            if engine in (AUTO, model.id):
                return model, direction
        supported = tuple(code for code, _ in self.targets(source))
        if supported:
            raise UnsupportedLanguage("no loaded engine translates into this language", supported=supported)
        raise UnsupportedLanguage("no loaded engine translates from this language")

    def targets(self, source: str) -> list[tuple[str, tuple[ModelInfo, Direction]]]:
        """Every language that can be reached from `source`, by code, with the best model and route."""
        return [(target, self._directions[source, target][0]) for target in sorted(self._targets.get(source, ()))]

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
