"""From an article to its summary and the summary's translations."""

from __future__ import annotations

from dataclasses import replace

from service.errors import Cancelled, DeadlineExceeded, Draining, Overloaded, PrecisError, Unavailable
from service.observability.stages import stage
from service.pipeline import coverage, faithful, translate
from service.pipeline.article import UNKNOWN, Read, read
from service.pipeline.calls import Calls
from service.pipeline.faithfulness.verify import Source
from service.pipeline.making import FIRST, Made, Way, make
from service.pipeline.requests import (
    AUTO,
    Explanation,
    ScoredSentence,
    SummarizeReply,
    SummarizeRequest,
    Translation,
    Warn,
)
from service.pipeline.routing import Path, Router

# A longer article is not translated only to be summarized: that would take longer than people wait.
MOST_TRANSLATED_CHARACTERS = 20_000


# The caller may try again, and load never changes which engine answers.
_PASSING = (Cancelled, DeadlineExceeded, Draining, Overloaded, Unavailable)


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
    calls.progress.language(0, article.detection, detected=request.language == AUTO)
    made = _best(article, request, router, calls)
    if request.faithfulness != "strict":
        calls.progress.written(made.summary)
    if request.faithfulness != "off":
        made = _verified(article, made, request, router, calls)
    if request.faithfulness == "strict":
        calls.progress.written(made.summary)
    calls.progress.summary(made.summary, article.article.text)
    translations = _translate(made, request, router, calls)
    unsure = tuple(
        Warn(faithful.CHECK, f"the translation into {one.target} says something that the summary does not")
        for one in translations
        if request.faithfulness == "strict" and one.faithfulness and one.faithfulness.unsupported
    )
    text = article.article.text
    title = article.article.title
    return SummarizeReply(
        source=text,
        from_html=request.html is not None,
        language=article.detection,
        detected=request.language == AUTO,
        title=text[title.start : title.end] if title else None,
        summary=made.summary,
        translations=translations,
        removed=article.article.removed,
        coverage=coverage.coverage(text, article.sentences, made.chunks),
        usage=calls.usage(),
        timing=calls.timing(),
        provenance=calls.provenance(),
        warnings=article.warnings + made.warnings + unsure,
        explain=_explain(article, made) if request.explain else None,
    )


def _verified(article: Read, made: Made, request: SummarizeRequest, router: Router, calls: Calls) -> Made:
    """The summary with what the article does not say of it; with `strict`, another one where that is something."""
    judge = faithful.Judge(article)

    def judged(one: Made) -> Made:
        return replace(one, summary=judge.judged(one.summary))

    made = judged(made)
    if request.faithfulness != "strict":
        return made
    extractive = router.extractive(article.language)
    own = extractive is not None and made.model.quality == extractive.quality

    def again() -> Made:
        return _best(article, request, router, calls, Way(1, judge.supports))

    def extract() -> Made:
        path = Path(extractive or made.model)
        return make(article, path, request, router, calls, degraded=faithful.EXTRACTIVE)

    made, checks, warnings = faithful.best_supported(
        made, judged, None if own else again, None if own or extractive is None else extract
    )
    summary = replace(made.summary, checks=made.summary.checks + checks)
    return replace(made, summary=summary, warnings=made.warnings + warnings)


def _best(article: Read, request: SummarizeRequest, router: Router, calls: Calls, way: Way = FIRST) -> Made:
    """The summary by the best path, or by the direct one where the way round is too long or fails."""
    target = request.summary_language or article.language
    if article.language == UNKNOWN:
        return make(article, Path(router.summary(article.language, request.engine)), request, router, calls, way=way)
    path = router.summary_path(article.language, target, request.engine, request.translate_engine)
    if path.direct is None:
        return make(article, path, request, router, calls, way=way)
    direct = Path(path.direct)
    size = sum(item.end - item.start for item in article.sentences)
    if size > MOST_TRANSLATED_CHARACTERS:
        detail = f"{path.model.id} does not read this language, and the text is too long to be translated for it"
        return make(article, direct, request, router, calls, (Warn("read_directly", detail),), way=way)
    try:
        return make(article, path, request, router, calls, way=way)
    except _PASSING:
        raise
    except PrecisError as error:
        detail = f"the summary by way of {path.pivot} failed ({error.code})"
        degraded = path.direct.quality
        return make(article, direct, request, router, calls, (Warn("degraded", detail),), degraded, way)


def _translate(made: Made, request: SummarizeRequest, router: Router, calls: Calls) -> tuple[Translation, ...]:
    """All targets as one batch; a target that cannot be done is an error of its own."""
    if not request.translate_to:
        return ()
    source = made.base_language
    with stage("translate"):
        read = translate.read(made.base.text, source)
        plans = [
            translate.plan(router, index, read, source, target, request.translate_engine)
            for index, target in enumerate(request.translate_to)
        ]
        if request.faithfulness == "off":
            return translate.run(plans, calls)
        said = Source(made.base.text, source)
        return translate.run(plans, calls, lambda one: faithful.judged_translation(said, one))


def _explain(article: Read, made: Made) -> Explanation:
    text = article.article.text
    scores = {index: item.score for item in reversed(made.condensed.result.sentences) for index in item.sources}
    cleaned = "\n\n".join(text[block.start : block.end] for block in article.article.blocks)
    scored = tuple(
        ScoredSentence(item.start, item.end, scores.get(index)) for index, item in enumerate(article.sentences)
    )
    return Explanation(cleaned, made.chunks, scored)
