"""From an article to its summary and the summary's translations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import EngineFailed, NoText, PrecisError, TooLong
from service.pipeline import clean, compose, detect, segment, translate
from service.pipeline.calls import Calls
from service.pipeline.requests import (
    AUTO,
    Coverage,
    Explanation,
    Length,
    ScoredSentence,
    SummarizeReply,
    SummarizeRequest,
    Summary,
    Translation,
    Warn,
)
from service.pipeline.routing import Router
from service.records import (
    Article,
    Block,
    Detection,
    Job,
    ModelInfo,
    Segment,
    Sentence,
    Span,
    SummaryParams,
    SummaryResult,
    SummarySentence,
    Task,
    TranslateResult,
)

UNKNOWN = "und"
# Below this the caller is told that the language is a guess.
SURE = 0.6
# Language identification reads no more than this of an article.
DETECT_CHARACTERS = 4000
# More sentences than fit are asked for, because those that break a word or character bound are passed over.
SPARE_SENTENCES = 8
MAX_SENTENCES = 200


@dataclass(frozen=True, slots=True)
class _Read:
    """An article as the engines will see it."""

    article: Article
    detection: Detection
    sentences: tuple[Sentence, ...]
    title: str
    warnings: tuple[Warn, ...]

    @property
    def language(self) -> str:
        return self.detection.language


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
    read = _read(request, max_characters)
    model = router.summary(read.language, request.engine)
    result = _pick(read, request.length, model, calls)
    composed = _compose(read, result, request, read.language)
    translations = _translate(composed, read.language, request, router, calls)
    summary_language = read.language
    warnings = read.warnings
    if request.summary_language not in (None, read.language):
        result, route_engine = _translated(read, result, request, router, calls)
        summary_language = str(request.summary_language)
        composed = _compose(read, result, request, summary_language)
        engine = f"{model.id}+{route_engine}"
    else:
        engine = model.id
    summary = Summary(
        text=composed.text,
        language=summary_language,
        format=request.format,
        engine=engine,
        degraded=None,
        sentences=composed.sentences,
    )
    article = read.article
    return SummarizeReply(
        source=article.text,
        from_html=request.html is not None,
        language=read.detection,
        detected=request.language == AUTO,
        title=article.text[article.title.start : article.title.end] if article.title else None,
        summary=summary,
        translations=translations,
        removed=article.removed,
        coverage=_coverage(read),
        usage=calls.usage(),
        timing=calls.timing(),
        provenance=calls.provenance(),
        warnings=warnings + composed.warnings,
        explain=_explain(read, result) if request.explain else None,
    )


def _read(request: SummarizeRequest, max_characters: int) -> _Read:
    article = _clean(request)
    field = "html" if request.html is not None else "text"
    if len(article.text) > max_characters:
        raise TooLong(f"the text is over the limit of {max_characters} characters", field=field)
    blocks, title = article.blocks, ""
    if article.title:
        title = article.text[article.title.start : article.title.end]
    if not any(translate.has_letters(article.text[block.start : block.end]) for block in blocks):
        if article.title is None or not translate.has_letters(title):
            raise NoText("there is no text to summarize", field=field)
        # A headline alone is summarized by itself.
        blocks = (Block(article.title.start, article.title.end, "heading"),)
        title = ""
    detection, warnings = _identify(request, article, blocks)
    sentences = segment.sentences(article.text, blocks, detection.language)
    return _Read(article, detection, sentences, title, warnings)


def _clean(request: SummarizeRequest) -> Article:
    if request.html is not None:
        return clean.clean_html(request.html, clean=request.clean)
    return clean.clean_text(request.text or "", clean=request.clean)


def _identify(
    request: SummarizeRequest, article: Article, blocks: Sequence[Block]
) -> tuple[Detection, tuple[Warn, ...]]:
    if request.language != AUTO:
        return Detection(request.language, 1.0), ()
    pieces: list[str] = []
    size = 0
    for block in blocks:
        pieces.append(article.text[block.start : min(block.end, block.start + DETECT_CHARACTERS)])
        size += block.end - block.start
        if size >= DETECT_CHARACTERS:
            break
    detection = detect.detect("\n".join(pieces))
    if detection.language == UNKNOWN:
        return detection, (
            Warn("language_unknown", "the language of the text could not be told; name it if it matters"),
        )
    if detection.confidence < SURE:
        return detection, (Warn("language_uncertain", "the language of the text is a guess"),)
    return detection, ()


def _pick(read: _Read, length: Length, model: ModelInfo, calls: Calls) -> SummaryResult:
    text = read.article.text
    segments = tuple(Segment(text[item.start : item.end], item.paragraph) for item in read.sentences)
    wanted = min(MAX_SENTENCES, length.at_most + SPARE_SENTENCES)
    params = SummaryParams(read.title, wanted)
    (outcome,) = calls.run([Job(Task.SUMMARIZE, model.id, read.language, "", segments, params)], [model])
    if outcome.error is not None:
        raise outcome.error
    if not isinstance(outcome.result, SummaryResult) or not outcome.result.sentences:
        raise EngineFailed("the engine found nothing to say about this text")
    return outcome.result


def _compose(read: _Read, result: SummaryResult, request: SummarizeRequest, language: str) -> compose.Composed:
    return compose.compose(
        read.article.text,
        read.sentences,
        result,
        length=request.length,
        format=request.format,
        language=language,
        title=read.title if language == read.language else "",
    )


def _translate(
    composed: compose.Composed, source: str, request: SummarizeRequest, router: Router, calls: Calls
) -> tuple[Translation, ...]:
    """All targets as one batch; a target that cannot be done is an error of its own."""
    if not request.translate_to:
        return ()
    parts = translate.split(composed.text, source)
    plans = [
        translate.plan(router, index, parts, source, target, request.translate_engine)
        for index, target in enumerate(request.translate_to)
    ]
    jobs = [item.job for item in plans if item.job is not None]
    outcomes = iter(calls.run(jobs, [item.model for item in plans if item.model is not None]) if jobs else ())
    return tuple(translate.settle(item, next(outcomes) if item.job is not None else None) for item in plans)


def _translated(
    read: _Read, result: SummaryResult, request: SummarizeRequest, router: Router, calls: Calls
) -> tuple[SummaryResult, str]:
    """The picked sentences in the summary's language, so that the length bound is kept in that language."""
    target = str(request.summary_language)
    try:
        model, _ = router.translation(read.language, target, request.translate_engine, "translate_engine")
    except PrecisError as error:
        error.field = error.field or "summary_language"
        raise
    text = read.article.text
    segments = tuple(Segment(_said(item, text, read.sentences), 0) for item in result.sentences)
    (outcome,) = calls.run([Job(Task.TRANSLATE, model.id, read.language, target, segments)], [model])
    if outcome.error is not None:
        raise outcome.error
    if not isinstance(outcome.result, TranslateResult):
        raise EngineFailed("the engine gave no translation")
    sentences = tuple(
        SummarySentence(translated, item.sources, item.score)
        for item, translated in zip(result.sentences, outcome.result.segments, strict=True)
    )
    return SummaryResult(sentences), model.id


def _said(item: SummarySentence, text: str, sentences: Sequence[Sentence]) -> str:
    """The words of a summary sentence: its own, or those of the segment it is."""
    if item.text is not None:
        return item.text
    source = sentences[item.sources[0]]
    return text[source.start : source.end]


def _coverage(read: _Read) -> Coverage:
    used = sum(item.end - item.start for item in read.sentences)
    return Coverage(len(read.article.text), used, 1, truncated=False)


def _explain(read: _Read, result: SummaryResult) -> Explanation:
    text = read.article.text
    scores = {index: item.score for item in result.sentences for index in item.sources}
    cleaned = "\n\n".join(text[block.start : block.end] for block in read.article.blocks)
    chunks: tuple[Span, ...] = ()
    if read.sentences:
        chunks = (Span(read.sentences[0].start, read.sentences[-1].end),)
    scored = tuple(ScoredSentence(item.start, item.end, scores.get(index)) for index, item in enumerate(read.sentences))
    return Explanation(cleaned, chunks, scored)
