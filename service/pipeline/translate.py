"""Translation of whole texts: paragraphs, blanks and what is not language stay as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service import languages
from service.errors import PrecisError, UnsupportedLanguage
from service.pipeline import segment
from service.pipeline.requests import TextCheck, Translation
from service.pipeline.routing import Router
from service.records import Block, Job, ModelInfo, Outcome, Segment, Span, Task, TranslateResult

# Nothing was translated, because there is nothing to translate.
UNCHANGED = "none"

_LINE = re.compile(r"[^\r\n\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Parts:
    """A text cut for translation: `gaps[i]` stands before segment i, the last gap after all of them."""

    segments: tuple[Segment, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How one text gets into one language: a job for a model, or an answer that needs none."""

    index: int
    source: str
    target: str
    parts: Parts
    model: ModelInfo | None = None
    job: Job | None = None
    answer: Translation | None = None


def has_letters(text: str) -> bool:
    """True when the text holds anything that a language could be written with."""
    return any(character.isalpha() for character in text)


def split(text: str, language: str) -> Parts:
    """Cut a text into sentences, with everything between them kept, so that N paragraphs give N paragraphs."""
    blocks = []
    for line in _LINE.finditer(text):
        stripped = line.group().strip()
        if stripped:
            start = line.start() + line.group().index(stripped)
            blocks.append(Block(start, start + len(stripped)))
    segments: list[Segment] = []
    gaps: list[str] = []
    end = 0
    for sentence in segment.sentences(text, blocks, language):
        body = text[sentence.start : sentence.end]
        if not has_letters(body):
            continue  # what is no language stays in the gap
        gaps.append(text[end : sentence.start])
        segments.append(Segment(body, sentence.paragraph))
        end = sentence.end
    gaps.append(text[end:])
    return Parts(tuple(segments), tuple(gaps))


def join(parts: Parts, translated: Sequence[str], source: str, target: str) -> str:
    """Put translated segments back between the gaps. A lone blank follows the habit of the target's script."""
    return _placed(parts, translated, source, target)[0]


def _placed(parts: Parts, translated: Sequence[str], source: str, target: str) -> tuple[str, list[Span]]:
    """As `join`, with the place of every segment in the text."""
    spaces_in, spaces_out = _spaces(source), _spaces(target)
    pieces: list[str] = []
    spans: list[Span] = []
    at = 0
    for index, (gap, text) in enumerate(zip(parts.gaps, translated, strict=False)):
        if index and spaces_in != spaces_out and gap in ("", " "):
            gap = " " if spaces_out else ""
        pieces += (gap, text)
        at += len(gap)
        spans.append(Span(at, at + len(text)))
        at += len(text)
    pieces.append(parts.gaps[-1])
    return "".join(pieces), spans


def plan(router: Router, index: int, parts: Parts, source: str, target: str, engine: str) -> Plan:
    """Decide how a text gets into a language; what cannot be done is an answer with an error, not an exception."""
    if not parts.segments:
        answer = Translation(index, source, target, parts.gaps[-1], UNCHANGED, (source,), UNCHANGED)
        return Plan(index, source, target, parts, answer=answer)
    canonical = languages.canonical(target)
    if canonical is not None and canonical == source:
        text = join(parts, [item.text for item in parts.segments], source, source)
        answer = Translation(index, source, canonical, text, UNCHANGED, (source,), UNCHANGED)
        return Plan(index, source, canonical, parts, answer=answer)
    try:
        if source == "und":
            raise UnsupportedLanguage("the language of the text could not be told; name it in the request")
        model, _ = router.translation(source, canonical or target, engine)
    except PrecisError as error:
        answer = Translation(index, source, canonical or target, error=error)
        return Plan(index, source, canonical or target, parts, answer=answer)
    target = canonical or target
    job = Job(Task.TRANSLATE, model.id, source, target, parts.segments)
    return Plan(index, source, target, parts, model, job)


def settle(item: Plan, outcome: Outcome | None) -> Translation:
    """The translation a plan led to."""
    if item.answer is not None:
        return item.answer
    if item.model is None or outcome is None:
        raise ValueError("a plan with a job has a model and an outcome")
    if not isinstance(outcome.result, TranslateResult):
        return Translation(item.index, item.source, item.target, engine=item.model.id, error=outcome.error)
    result = outcome.result
    text, spans = _placed(item.parts, result.segments, item.source, item.target)
    checks = tuple(
        TextCheck(one.check, one.action, one.segment, spans[one.segment].start, spans[one.segment].end)
        for one in result.checks
        if one.segment < len(spans)
    )
    quality = item.model.quality
    return Translation(
        item.index, item.source, item.target, text, item.model.id, result.route, quality, error=None, checks=checks
    )


def _spaces(tag: str) -> bool:
    language = languages.get(tag)
    return language.spaces if language else True
