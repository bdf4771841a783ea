"""Replies of the pipeline as JSON bytes. Their shapes are declared in `replies`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from pydantic_core import to_json

from service.item_results import item_error
from service.pipeline.faithfulness.items import Faithfulness
from service.pipeline.offsets import utf16_map
from service.pipeline.requests import (
    DetectReply,
    Explanation,
    LanguagesReply,
    Provenance,
    Source,
    SummarizeReply,
    Summary,
    TimingTotals,
    TranslateReply,
    Translation,
    Warn,
)
from service.records import Detection, ModelInfo, Removed, Span, Usage

Unit = Literal["codepoint", "utf16"]
Object = dict[str, object]
Place = Callable[[int], int]


def summarize(reply: SummarizeReply, reply_id: str, unit: Unit) -> bytes:
    """The body of a summarize reply.

    Args:
        reply: offsets in code points.
        reply_id: names this reply.
        unit: what the offsets are turned into.
    """
    place = placing(reply.source, unit)
    body: Object = {
        "id": reply_id,
        "language": language_object(reply.language, reply.detected),
        "title": reply.title,
    }
    if reply.from_html:
        body["article"] = {"text": reply.source}
    body["summary"] = summary_object(reply.summary, place, unit)
    body["translations"] = [summary_translation(t, unit) for t in reply.translations]
    body["cleaning"] = {"removed": [_removed(reply.source, r, place) for r in reply.removed]}
    coverage = reply.coverage
    body["coverage"] = {
        "input_characters": coverage.input_characters,
        "used_characters": coverage.used_characters,
        "chunks": coverage.chunks,
        "truncated": coverage.truncated,
    }
    _closing(body, reply.usage, reply.timing, reply.provenance, reply.warnings)
    if reply.explain is not None:
        body["explain"] = _explanation(reply.explain, place)
    return to_json(body)


def translate(reply: TranslateReply, reply_id: str, unit: Unit, *, detected: bool) -> bytes:
    """The body of a translate reply.

    Args:
        reply: offsets in code points.
        reply_id: names this reply.
        unit: what the offsets are turned into.
        detected: false when the caller named the source language.
    """
    body: Object = {
        "id": reply_id,
        "translations": [text_translation(t, unit) for t in reply.translations],
        "languages": [text_language(i, d, detected) for i, d in enumerate(reply.languages)],
    }
    _closing(body, reply.usage, reply.timing, reply.provenance, reply.warnings)
    return to_json(body)


def detect(reply: DetectReply) -> bytes:
    """The body of a detect reply."""
    return to_json(
        {
            "results": [
                {
                    "index": index,
                    "language": found.language,
                    "confidence": round(found.confidence, 4),
                    "alternatives": [
                        {"language": c.language, "confidence": round(c.confidence, 4)} for c in found.alternatives
                    ],
                }
                for index, found in enumerate(reply.results)
            ]
        }
    )


def catalogue_languages(reply: LanguagesReply) -> bytes:
    """The body of /v1/languages."""
    return to_json(
        {
            "languages": [
                {
                    "code": entry.code,
                    "name": entry.name,
                    "native": entry.native,
                    "direction": entry.direction,
                    "detect": entry.detect,
                    "engines": entry.engines,
                    "targets": [
                        {"code": t.code, "engine": t.engine, "route": t.route, "quality": t.quality}
                        for t in entry.targets
                    ],
                }
                for entry in reply.languages
            ],
            "missing": reply.missing,
        }
    )


def catalogue_models(models: Sequence[ModelInfo]) -> bytes:
    """The body of /v1/models."""
    return to_json(
        {
            "models": [
                {
                    "id": model.id,
                    "task": model.task.value,
                    "revision": model.revision,
                    "digest": model.digest,
                    "quality": model.quality,
                    "rank": model.rank,
                    "licence": model.licence,
                    "languages": model.languages,
                    "directions": [
                        {"source": d.source, "target": d.target, "route": d.route} for d in model.directions
                    ],
                    "sources": model.sources,
                    "targets": model.targets,
                    "missing": model.missing,
                }
                for model in models
            ]
        }
    )


def summary_object(summary: Summary, place: Place | None, unit: Unit) -> Object:
    """The summary as replies have it; `place` is that of its article (see `placing`)."""
    made: Object = {
        "text": summary.text,
        "language": summary.language,
        "format": summary.format,
        "engine": summary.engine,
        "degraded": summary.degraded,
        "route": summary.route,
        "checks": [{"task": c.task.value, "check": c.check, "action": c.action} for c in summary.checks],
        "sentences": [{"text": s.text, "sources": _sources(s.sources, place)} for s in summary.sentences],
    }
    if summary.faithfulness is not None:
        made["faithfulness"] = _faithfulness(summary.faithfulness, summary.text, unit)
    return made


def summary_translation(translation: Translation, unit: Unit) -> Object:
    """A translation of the summary as replies have it."""
    return _ending({"language": translation.target}, translation, unit)


def text_translation(translation: Translation, unit: Unit) -> Object:
    """A translation of a text as replies have it."""
    head: Object = {"index": translation.index, "source": translation.source, "target": translation.target}
    return _ending(head, translation, unit)


def language_object(found: Detection, detected: bool) -> Object:
    """The language of an article as replies have it."""
    return {"code": found.language, "confidence": round(found.confidence, 4), "detected": detected}


def text_language(index: int, found: Detection, detected: bool) -> Object:
    """The language of one of several texts as replies have it."""
    return {"index": index, **language_object(found, detected)}


def placing(source: str, unit: Unit) -> Place | None:
    """How offsets into a text become those of the unit asked for.

    None means "as they are": code points, or a text whose every character is one UTF-16 unit.
    """
    if unit == "codepoint" or source.isascii():
        return None
    return utf16_map(source)


def _span(start: int, end: int, place: Place | None) -> Object:
    if place is None:
        return {"start": start, "end": end}
    return {"start": place(start), "end": place(end)}


def _spans(spans: Sequence[Span], place: Place | None) -> list[Object]:
    return [_span(span.start, span.end, place) for span in spans]


def _sources(sources: Sequence[Source], place: Place | None) -> list[Object]:
    return [{**_span(one.start, one.end, place), "score": one.score} for one in sources]


def _removed(source: str, removed: Removed, place: Place | None) -> Object:
    made = _span(removed.start, removed.end, place)
    made["rule"] = removed.rule
    made["text"] = source[removed.start : removed.end]
    return made


def _explanation(explain: Explanation, place: Place | None) -> Object:
    return {
        "cleaned_text": explain.cleaned_text,
        "chunks": _spans(explain.chunks, place),
        "sentences": [{**_span(s.start, s.end, place), "score": s.score} for s in explain.sentences],
    }


def _ending(made: Object, translation: Translation, unit: Unit) -> Object:
    if translation.error is not None:
        made["status"] = "error"
        made["error"] = item_error(translation.error)
        return made
    made["status"] = "ok"
    made["text"] = translation.text
    made["engine"] = translation.engine
    made["route"] = translation.route
    made["quality"] = translation.quality
    place = placing(translation.text, unit) if translation.checks else None
    made["checks"] = [
        {"check": c.check, "action": c.action, "segment": c.segment, **_span(c.start, c.end, place)}
        for c in translation.checks
    ]
    if translation.faithfulness is not None:
        made["faithfulness"] = _faithfulness(translation.faithfulness, translation.text, unit)
    return made


def _faithfulness(found: Faithfulness, text: str, unit: Unit) -> Object:
    place = placing(text, unit) if found.unsupported else None
    return {
        "verdict": found.verdict,
        "checked": found.checked,
        "unsupported": [
            {"kind": item.kind, "text": item.text, **_span(item.start, item.end, place)} for item in found.unsupported
        ],
    }


def _closing(
    body: Object, usage: Usage, timing: TimingTotals, provenance: Provenance, warnings: Sequence[Warn]
) -> None:
    body["usage"] = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    body["timing_ms"] = {
        "total": round(timing.total, 2),
        "queue": round(timing.queue, 2),
        "model": round(timing.model, 2),
    }
    body["provenance"] = {
        "service_version": provenance.service_version,
        "models": [{"id": m.id, "revision": m.revision, "digest": m.digest} for m in provenance.models],
        "config_digest": provenance.config_digest,
    }
    body["warnings"] = [{"code": w.code, "detail": w.detail} for w in warnings]
