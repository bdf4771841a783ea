"""The one object that every way in calls: HTTP, jobs and the command line."""

from __future__ import annotations

import hashlib

from service import languages
from service.config import Settings
from service.observability.stages import stage
from service.pipeline import detect, document, guess, summarize, translate
from service.pipeline.calls import Calls
from service.pipeline.progress import SILENT, Progress
from service.pipeline.requests import (
    AUTO,
    DetectReply,
    DetectRequest,
    LanguageEntry,
    LanguagesReply,
    SummarizeReply,
    SummarizeRequest,
    Target,
    TranslateReply,
    TranslateRequest,
    Warn,
)
from service.pipeline.routing import Router
from service.pipeline.terms import Terms
from service.records import CallContext, Catalogue, Detection, ModelInfo
from service.serving.backend import Backend


class Pipeline:
    """Summaries, translations and detection over a backend. Thread-safe.

    Args:
        backend: where jobs run.
        settings: decide limits and the reproducibility stamp.
    """

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self._backend = backend
        self._router = Router(Catalogue(()))
        self._config_digest = _config_digest(settings)
        self._max_characters = settings.max_text_characters

    def summarize(self, request: SummarizeRequest, context: CallContext, progress: Progress = SILENT) -> SummarizeReply:
        """Summarize one article and translate the summary.

        Raises:
            NoText: nothing is left to summarize.
            UnsupportedLanguage: no engine for the language, or none into `summary_language`.
            BadRequest: an engine id that is not loaded.
            PrecisError: whatever Backend.run raises, or the error of the summary itself.
        """
        calls = Calls(self._backend, context, self._config_digest, progress)
        return summarize.summarize(request, self._fresh_router(), calls, max_characters=self._max_characters)

    def translate(self, request: TranslateRequest, context: CallContext, progress: Progress = SILENT) -> TranslateReply:
        """Translate every text into every target; what fails, fails alone.

        Raises:
            BadRequest: an engine id that is not loaded.
            PrecisError: whatever Backend.run raises.
        """
        calls = Calls(self._backend, context, self._config_digest, progress)
        router = self._fresh_router()
        router.check_translation_engine(request.engine, "engine")
        terms = Terms(request.keep, dict(request.glossary))
        with stage("parse"):
            layouts = [document.layout_of(text, request.format) for text in request.texts]
        shown = [layout.visible if request.format != "text" else layout.source for layout in layouts]
        with stage("detect"):
            told = [self._language(text, request.source) for text in shown]
        unknown = [
            index
            for index, one in enumerate(told)
            if one.language == detect.UNDETERMINED and translate.has_letters(shown[index])
        ]
        found = list(told)
        for index in unknown if request.guess else ():
            found[index] = guess.likeliest(told[index], shown[index], lambda code: bool(router.targets(code)))
        for index, detection in enumerate(found):
            progress.language(index, detection, detected=request.source == AUTO)
        plans: list[translate.Plan] = []
        with stage("translate"):
            for index, (layout, detection) in enumerate(zip(layouts, found, strict=True)):
                read = document.read(layout, detection.language, terms)
                plans += [
                    translate.plan(router, index, read, detection.language, target, request.engine)
                    for target in request.targets
                ]
            done = translate.run(plans, calls)
        warnings = tuple(
            Warn("language_unknown", f"the language of text {index} could not be told") for index in unknown
        )
        return TranslateReply(done, tuple(found), calls.usage(), calls.timing(), calls.provenance(), warnings)

    def detect(self, request: DetectRequest) -> DetectReply:
        """Identify the language of each text."""
        with stage("detect"):
            return DetectReply(tuple(detect.detect(text, request.top) for text in request.texts))

    def languages(self) -> LanguagesReply:
        """What the service can do in each language now.

        Raises:
            Unavailable: the model process has never answered.
        """
        router = self._fresh_router()
        entries = []
        for language in languages.all_languages():
            targets = tuple(
                Target(code, model.id, direction.route, model.quality)
                for code, (model, direction) in router.targets(language.code)
            )
            entries.append(
                LanguageEntry(
                    language.code,
                    language.name,
                    language.native,
                    language.direction,
                    bool(language.labels),
                    router.summary_models(language.code),
                    targets,
                )
            )
        return LanguagesReply(tuple(entries), router.missing())

    def models(self) -> tuple[ModelInfo, ...]:
        """What is loaded, best rank first.

        Raises:
            Unavailable: the model process has never answered.
        """
        return self._backend.catalogue().models

    def _fresh_router(self) -> Router:
        catalogue = self._backend.catalogue()
        router = self._router
        if router.catalogue is not catalogue:
            router = self._router = Router(catalogue)
        return router

    @staticmethod
    def _language(text: str, source: str) -> Detection:
        if source != AUTO:
            return Detection(source, 1.0)
        return detect.detect(text, guess.CANDIDATES)


def _config_digest(settings: Settings) -> str:
    """Changes when a setting that can change output does."""
    names = ("engines_effective", "models_effective", "precision", "apertium_pairs")
    text = "\n".join(f"{name}={getattr(settings, name)}" for name in names)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
