"""From an article to its summary and the summary's translations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.errors import Cancelled, DeadlineExceeded, Draining, EngineFailed, Overloaded, PrecisError, Unavailable
from service.pipeline import compose, coverage, provenance, translate
from service.pipeline.article import UNKNOWN, Read, read
from service.pipeline.calls import Calls
from service.pipeline.condense import Condensed, condense, summary_job
from service.pipeline.requests import (
    AUTO,
    Explanation,
    ScoredSentence,
    SummarizeReply,
    SummarizeRequest,
    Summary,
    SummaryCheck,
    Translation,
    Warn,
)
from service.pipeline.routing import Path, Router
from service.records import (
    Job,
    ModelInfo,
    Segment,
    Span,
    SummaryResult,
    SummarySentence,
    Task,
    TranslateResult,
)

# More sentences than fit are asked for, because those that break a word or character bound are passed over.
SPARE_SENTENCES = 8
MAX_SENTENCES = 200
# A longer article is not translated only to be summarized: that would take longer than people wait.
MOST_TRANSLATED_CHARACTERS = 20_000


# The caller may try again, and load never changes which engine answers.
_PASSING = (Cancelled, DeadlineExceeded, Draining, Overloaded, Unavailable)


@dataclass(frozen=True, slots=True)
class _Made:
    """A finished summary, and what it was made of.

    `base` is what was written in `base_language`, the language the summarizer read: translations start from there.
    """

    summary: Summary
    base: compose.Composed
    base_language: str
    condensed: Condensed
    chunks: tuple[Span, ...]
    warnings: tuple[Warn, ...]


def summarize(request: SummarizeRequest, router: Router, calls: Calls, *, max_characters: int) -> SummarizeReply:
    """Clean, identify, segment, pick, compose and translate.

    Args:
        max_characters: bound on the text, for HTML on its visible text.
    Raises:
        TooLong: the text is over the bound.
        NoText: nothing is left to summarize.
        UnsupportedLanguage: no engine for the language, or none into `summary_language`.
        BadRequest: an engine id that is not loaded.
        PrecisError: whatever Backend.run raises, or the error of the summary itself.
    """
    router.check_translation_engine(request.translate_engine, "translate_engine")
    article = read(request, max_characters)
    made = _best(article, request, router, calls)
    text = article.article.text
    title = article.article.title
    return SummarizeReply(
        source=text,
        from_html=request.html is not None,
        language=article.detection,
        detected=request.language == AUTO,
        title=text[title.start : title.end] if title else None,
        summary=made.summary,
        translations=_translate(made, request, router, calls),
        removed=article.article.removed,
        coverage=coverage.coverage(text, article.sentences, made.chunks),
        usage=calls.usage(),
        timing=calls.timing(),
        provenance=calls.provenance(),
        warnings=article.warnings + made.warnings,
        explain=_explain(article, made) if request.explain else None,
    )


def _best(article: Read, request: SummarizeRequest, router: Router, calls: Calls) -> _Made:
    """The summary by the best path, or by the direct one where the way round is too long or fails."""
    target = request.summary_language or article.language
    if article.language == UNKNOWN:
        return _make(article, Path(router.summary(article.language, request.engine)), request, router, calls)
    path = router.summary_path(article.language, target, request.engine, request.translate_engine)
    if path.direct is None:
        return _make(article, path, request, router, calls)
    direct = Path(path.direct)
    size = sum(item.end - item.start for item in article.sentences)
    if size > MOST_TRANSLATED_CHARACTERS:
        detail = f"{path.model.id} does not read this language, and the text is too long to be translated for it"
        return _make(article, direct, request, router, calls, (Warn("read_directly", detail),))
    try:
        return _make(article, path, request, router, calls)
    except _PASSING:
        raise
    except PrecisError as error:
        detail = f"the summary by way of {path.pivot} failed ({error.code})"
        degraded = path.direct.quality
        return _make(article, direct, request, router, calls, (Warn("degraded", detail),), degraded)


def _make(
    article: Read,
    path: Path,
    request: SummarizeRequest,
    router: Router,
    calls: Calls,
    warnings: tuple[Warn, ...] = (),
    degraded: str | None = None,
) -> _Made:
    language = path.pivot or article.language
    segments, engine = article.segments(), path.model.id
    route: tuple[str, ...] = (article.language,)
    checks: tuple[SummaryCheck, ...] = ()
    if path.translator is not None:
        done = _translated(segments, article.language, language, path.translator, calls)
        segments = tuple(Segment(text, one.paragraph) for text, one in zip(done.segments, segments, strict=True))
        route, engine, checks = done.route, f"{path.translator.id}+{engine}", _doubts(done)
    title = article.title if language == article.language else ""
    wanted = min(MAX_SENTENCES, request.length.at_most + SPARE_SENTENCES)

    def composed_of(result: SummaryResult, origin: compose.Origin | None = None) -> compose.Composed:
        return _compose(article, result, request, language, origin)

    def enough(result: SummaryResult) -> bool:
        return request.format != "headline" and len(composed_of(result).sentences) == len(result.sentences)

    likely = 1 if request.format == "headline" else compose.likely_sentences(request.length, segments, language)
    job = summary_job(path.model, language, segments, title, wanted, likely)
    condensed = condense(job, path.model, calls, enough)
    written = any(one.text is not None for one in condensed.result.sentences)
    origin = compose.Origin(written, provenance.supports(condensed.result, segments, language))
    if path.translator is not None:  # an engine that points at segments points at translated ones
        said = [_said(one, segments) for one in condensed.result.sentences]
        condensed = replace(condensed, result=_reworded(condensed.result, said))
    base = composed = composed_of(condensed.result, origin)
    target = request.summary_language or article.language
    if target != language:
        model = _back(router, language, target, request)
        spoken = tuple(Segment(_said(one, segments)) for one in condensed.result.sentences)
        done = _translated(spoken, language, target, model, calls)
        composed = _compose(article, _reworded(condensed.result, done.segments), request, target, origin)
        route, engine, checks = route + done.route[1:], f"{engine}+{model.id}", checks + _doubts(done)
    summary = Summary(
        text=composed.text,
        language=target,
        format=request.format,
        engine=engine,
        degraded=degraded or condensed.degraded,
        sentences=composed.sentences,
        route=route,
        checks=tuple(dict.fromkeys(checks + condensed.checks)),
    )
    chunks = coverage.spans(condensed.chunks, article.sentences, exact=path.translator is None)
    return _Made(summary, base, language, condensed, chunks, warnings + condensed.warnings + composed.warnings)


def _back(router: Router, source: str, target: str, request: SummarizeRequest) -> ModelInfo:
    try:
        return router.translation(source, target, request.translate_engine, "translate_engine")[0]
    except PrecisError as error:
        error.field = error.field or "summary_language"
        raise


def _translated(
    segments: tuple[Segment, ...], source: str, target: str, model: ModelInfo, calls: Calls
) -> TranslateResult:
    """Segments in another language.

    Raises:
        PrecisError: they could not be translated.
    """
    (outcome,) = calls.run([Job(Task.TRANSLATE, model.id, source, target, segments)], [model])
    if outcome.error is not None:
        raise outcome.error
    if not isinstance(outcome.result, TranslateResult):
        raise EngineFailed("the engine gave no translation")
    return outcome.result


def _doubts(done: TranslateResult) -> tuple[SummaryCheck, ...]:
    return tuple(SummaryCheck(Task.TRANSLATE, one.check, one.action) for one in done.checks)


def _compose(
    article: Read,
    result: SummaryResult,
    request: SummarizeRequest,
    language: str,
    origin: compose.Origin | None,
) -> compose.Composed:
    """The summary within its bound; `origin` is that of the engine's words when `result` is their translation."""
    return compose.compose(
        article.article.text,
        article.sentences,
        result,
        length=request.length,
        format=request.format,
        language=language,
        title=article.title if language == article.language else "",
        origin=origin,
    )


def _reworded(result: SummaryResult, texts: Sequence[str]) -> SummaryResult:
    sentences = tuple(
        SummarySentence(text, one.sources, one.score, one.chunk)
        for one, text in zip(result.sentences, texts, strict=True)
    )
    return SummaryResult(sentences)


def _said(item: SummarySentence, segments: Sequence[Segment]) -> str:
    """The words of a summary sentence: its own, or those of the segment it is."""
    return segments[item.sources[0]].text if item.text is None else item.text


def _translate(made: _Made, request: SummarizeRequest, router: Router, calls: Calls) -> tuple[Translation, ...]:
    """All targets as one batch; a target that cannot be done is an error of its own."""
    if not request.translate_to:
        return ()
    source = made.base_language
    read = translate.read(made.base.text, source)
    plans = [
        translate.plan(router, index, read, source, target, request.translate_engine)
        for index, target in enumerate(request.translate_to)
    ]
    return translate.run(plans, calls)


def _explain(article: Read, made: _Made) -> Explanation:
    text = article.article.text
    scores = {index: item.score for item in reversed(made.condensed.result.sentences) for index in item.sources}
    cleaned = "\n\n".join(text[block.start : block.end] for block in article.article.blocks)
    scored = tuple(
        ScoredSentence(item.start, item.end, scores.get(index)) for index, item in enumerate(article.sentences)
    )
    return Explanation(cleaned, made.chunks, scored)
