"""A hand-written pipeline: enough of an answer to every request, and switches to make it fail."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from service.errors import UnsupportedLanguage
from service.pipeline.faithfulness.items import Faithfulness, Unsupported
from service.pipeline.progress import SILENT, Progress
from service.pipeline.requests import (
    Coverage,
    DetectReply,
    DetectRequest,
    Explanation,
    LanguageEntry,
    LanguagesReply,
    Provenance,
    ReplySentence,
    ScoredSentence,
    Source,
    SummarizeReply,
    SummarizeRequest,
    Summary,
    SummaryCheck,
    Target,
    TextCheck,
    TimingTotals,
    TranslateReply,
    TranslateRequest,
    Translation,
    UsedModel,
    Warn,
)
from service.records import CallContext, Candidate, Detection, Direction, ModelInfo, Removed, Span, Task, Usage

TEXT = "The bridge 🌉 opens today. Read more: Cats"
PROVENANCE = Provenance("0.1.0", (UsedModel("extractive", "1", "sha256:00"),), "abc")


def found_in(text: str) -> Faithfulness:
    """A check that doubts the last word of a text."""
    start = text.rstrip(".").rfind(" ") + 1
    return Faithfulness("unsupported", (Unsupported(start, len(text), "name", text[start:]),), ("names",))


@dataclass
class FakePipeline:
    """Answers at once; raises `error` when it is set; remembers the last request and context."""

    error: Exception | None = None
    request: object = None
    context: CallContext | None = None
    requests: list[object] = field(default_factory=list)
    more: list[LanguageEntry] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    gates: dict[str, threading.Event] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)

    def _take(self, request: object, context: CallContext | None = None) -> None:
        self.request, self.context = request, context
        self.requests.append(request)
        if self.error is not None:
            raise self.error

    def summarize(self, request: SummarizeRequest, context: CallContext, progress: Progress = SILENT) -> SummarizeReply:
        self._take(request, context)
        reply = self._summary(request)
        progress.language(0, reply.language, detected=reply.detected)
        self._point("language")
        progress.written(reply.summary)
        progress.summary(reply.summary, reply.source)
        self._point("summary")
        for number, translation in enumerate(reply.translations):
            progress.translation(number, translation)
        self._point("translation")
        return reply

    def _point(self, name: str) -> None:
        """Fail where a test wants it, after having waited for it."""
        if name in self.gates:
            assert self.gates[name].wait(30)
        if name in self.errors:
            raise self.errors[name]

    def _summary(self, request: SummarizeRequest) -> SummarizeReply:
        source = request.text if request.text is not None else "visible text 🌉 of the page"
        end = source.find(".") + 1 or len(source)
        language = "en" if request.language == "auto" else request.language
        translations = tuple(self._translation(0, language, target, "Texto.") for target in request.translate_to)
        return SummarizeReply(
            source=source,
            from_html=request.html is not None,
            language=Detection(language, 0.987654321),
            detected=request.language == "auto",
            title=None,
            summary=Summary(
                source[:end],
                language,
                request.format,
                "extractive",
                None,
                (ReplySentence(source[:end], (Source(0, end, 1.0),)),),
                (language,),
                (SummaryCheck(Task.SUMMARIZE, "loop", "redecoded"),),
                None if request.faithfulness == "off" else found_in(source[:end]),
            ),
            translations=translations,
            removed=(Removed(end, len(source), "read_more"),) if end < len(source) else (),
            coverage=Coverage(len(source), end, 1, False),
            usage=Usage(4, 2),
            timing=TimingTotals(3.14159, 1.0, 2.0),
            provenance=PROVENANCE,
            warnings=(Warn("shortened", "the summary was shortened"),),
            explain=Explanation(
                source[:end], (Span(0, end),), (ScoredSentence(0, end, 0.5), ScoredSentence(0, end, None))
            )
            if request.explain
            else None,
        )

    def translate(self, request: TranslateRequest, context: CallContext, progress: Progress = SILENT) -> TranslateReply:
        self._take(request, context)
        reply = self._translations(request)
        for index, found in enumerate(reply.languages):
            progress.language(index, found, detected=request.source == "auto")
        self._point("language")
        for number, translation in reversed(list(enumerate(reply.translations))):
            progress.translation(number, translation)
        return reply

    def _translations(self, request: TranslateRequest) -> TranslateReply:
        source = "en" if request.source == "auto" else request.source
        lost = {
            text for text in request.texts if text in self.unknown and request.source == "auto" and not request.guess
        }
        return TranslateReply(
            translations=tuple(
                self._translation(index, source, "xx" if text in lost else target, f"<{text}>")
                for index, text in enumerate(request.texts)
                for target in request.targets
            ),
            languages=tuple(
                Detection("und", 0.0) if text in lost else Detection(source, 1.0) for text in request.texts
            ),
            usage=Usage(1, 1),
            timing=TimingTotals(1.0, 0.0, 1.0),
            provenance=PROVENANCE,
            warnings=(),
        )

    def detect(self, request: DetectRequest) -> DetectReply:
        self._take(request)
        best = (Candidate("en", 0.9), Candidate("nl", 0.05))[: request.top]
        return DetectReply(tuple(Detection("en", 0.9, best) for _ in request.texts))

    def languages(self) -> LanguagesReply:
        self._take(None)
        target = Target("es", "apertium", ("en", "es"), "gist")
        entry = LanguageEntry("en", "English", "English", "ltr", True, ("extractive",), (target,))
        return LanguagesReply((entry, *self.more), ("apt install apertium-eng-cat",))

    def with_entry(self, code: str, name: str) -> None:
        """List a language that translates into nothing."""
        self.more.append(LanguageEntry(code, name, name, "ltr", True, (), ()))

    def models(self) -> tuple[ModelInfo, ...]:
        self._take(None)
        model = ModelInfo("extractive", Task.SUMMARIZE, "1", "", "extractive", 900, "Apache-2.0", ("*",))
        direction = Direction("en", "es", ("en", "es"))
        return (model, replace(model, id="apertium", task=Task.TRANSLATE, languages=("en",), directions=(direction,)))

    @staticmethod
    def _translation(index: int, source: str, target: str, text: str) -> Translation:
        if target not in ("es", "fr", "ca"):
            error = UnsupportedLanguage(f"no engine translates to {target}", supported=("es", "fr", "ca"))
            return Translation(index, source, target, error=error)
        checks = (TextCheck("too_short", "flagged", 0, 2, len(text)),) if "🌉" in text else ()
        return Translation(index, source, target, text, "apertium", (source, target), "gist", checks=checks)
