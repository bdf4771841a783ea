"""One summary of an article on one path: read, written, translated where the path says so, composed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from service.errors import EngineFailed, PrecisError
from service.observability.stages import stage
from service.pipeline import compose, coverage, provenance
from service.pipeline.article import Read
from service.pipeline.calls import Calls
from service.pipeline.condense import Condensed, condense, summary_job
from service.pipeline.requests import SummarizeRequest, Summary, SummaryCheck, Warn
from service.pipeline.routing import Path, Router
from service.records import (
    Job,
    ModelInfo,
    Segment,
    Span,
    SummaryParams,
    SummaryResult,
    SummarySentence,
    Task,
    TranslateResult,
)

# More sentences than fit are asked for, because those that break a word or character bound are passed over.
SPARE_SENTENCES = 8
MAX_SENTENCES = 200


@dataclass(frozen=True, slots=True)
class Made:
    """A finished summary, and what it was made of.

    `base` is what was written in `base_language`, the language the summarizer read: translations start from there.
    """

    summary: Summary
    base: compose.Composed
    base_language: str
    model: ModelInfo
    condensed: Condensed
    chunks: tuple[Span, ...]
    warnings: tuple[Warn, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """How a summary is asked for: how often it was before, and which of the engine's sentences may be taken."""

    attempt: int = 0
    keep: Callable[[str, str], bool] | None = None


FIRST = Way()


def make(
    article: Read,
    path: Path,
    request: SummarizeRequest,
    router: Router,
    calls: Calls,
    warnings: tuple[Warn, ...] = (),
    degraded: str | None = None,
    way: Way = FIRST,
) -> Made:
    """The summary on a path.

    Args:
        warnings: to go first.
        degraded: what the summary is degraded to, if it is.
    Raises:
        PrecisError: a step failed.
    """
    language = path.pivot or article.language
    segments, route, checks = _read(article, path, calls)
    engine = f"{path.translator.id}+{path.model.id}" if path.translator is not None else path.model.id
    title = article.title if language == article.language else ""
    wanted = min(MAX_SENTENCES, request.length.at_most + SPARE_SENTENCES)

    def composed_of(result: SummaryResult, origin: compose.Origin | None = None) -> compose.Composed:
        return _compose(article, result, request, language, origin)

    def enough(result: SummaryResult) -> bool:
        return request.format != "headline" and len(composed_of(result).sentences) == len(result.sentences)

    likely = 1 if request.format == "headline" else compose.likely_sentences(request.length, segments, language)
    job = summary_job(path.model, language, segments, SummaryParams(title, wanted, likely, way.attempt))
    condensed = condense(job, path.model, calls, enough)
    condensed, origin = _chosen(condensed, segments, language, way, own_words=path.translator is not None)
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
    return Made(
        summary, base, language, path.model, condensed, chunks, warnings + condensed.warnings + composed.warnings
    )


def _read(
    article: Read, path: Path, calls: Calls
) -> tuple[tuple[Segment, ...], tuple[str, ...], tuple[SummaryCheck, ...]]:
    """The article as the summarizer reads it, with the languages passed through and what was doubted."""
    segments = article.segments()
    if path.translator is None:
        return segments, (article.language,), ()
    done = _translated(segments, article.language, path.pivot or article.language, path.translator, calls)
    read = tuple(Segment(text, one.paragraph) for text, one in zip(done.segments, segments, strict=True))
    return read, done.route, _doubts(done)


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
    with stage("translate"):
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
    with stage("compose"):
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


def _chosen(
    condensed: Condensed, segments: tuple[Segment, ...], language: str, way: Way, *, own_words: bool
) -> tuple[Condensed, compose.Origin]:
    """What may be taken of what the engine wrote, and where it comes from.

    With `own_words` the sentences say themselves what they say.
    """
    if way.keep is not None:
        condensed = replace(condensed, result=_kept(condensed.result, segments, language, way.keep))
    written = any(one.text is not None for one in condensed.result.sentences)
    with stage("provenance"):
        origin = compose.Origin(written, provenance.supports(condensed.result, segments, language))
    if own_words:  # an engine that points at segments points at translated ones
        said = [_said(one, segments) for one in condensed.result.sentences]
        condensed = replace(condensed, result=_reworded(condensed.result, said))
    return condensed, origin


def _kept(
    result: SummaryResult, segments: Sequence[Segment], language: str, keep: Callable[[str, str], bool]
) -> SummaryResult:
    """The sentences that may be taken.

    Raises:
        EngineFailed: there are none.
    """
    sentences = tuple(one for one in result.sentences if keep(_said(one, segments), language))
    if not sentences:
        raise EngineFailed("everything the engine wrote says more than the text")
    return replace(result, sentences=sentences)


def _said(item: SummarySentence, segments: Sequence[Segment]) -> str:
    """The words of a summary sentence: its own, or those of the segment it is."""
    return segments[item.sources[0]].text if item.text is None else item.text
