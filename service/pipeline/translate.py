"""Translation of whole texts: paragraphs, blanks, markup and what is not language stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from service import languages
from service.errors import PrecisError, UnsupportedLanguage
from service.pipeline import document
from service.pipeline.calls import Calls
from service.pipeline.document import Document
from service.pipeline.place import Written
from service.pipeline.requests import TextCheck, TextFormat, Translation
from service.pipeline.routing import Router
from service.pipeline.terms import Terms
from service.pipeline.wanted import FirstRound, SecondRound, Wanted
from service.records import Action, Check, Job, ModelInfo, Outcome, Task, TranslateResult

# Nothing was translated, because there is nothing to translate.
UNCHANGED = "none"
_NO_TERMS = Terms()


@dataclass(slots=True)
class Plan:
    """How one text gets into one language: rounds of jobs for a model, or an answer that needs none."""

    index: int
    source: str
    target: str
    document: Document
    model: ModelInfo | None = None
    answer: Translation | None = None
    outputs: list[Written | None] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    route: tuple[str, ...] = ()


def has_letters(text: str) -> bool:
    """True when the text holds anything that a language could be written with."""
    return any(character.isalpha() for character in text)


def read(text: str, language: str, form: TextFormat = "text", terms: Terms = _NO_TERMS) -> Document:
    """Cut a text into sentences, with everything between them kept, so that N paragraphs give N paragraphs."""
    return document.read(document.layout_of(text, form), language, terms)


def plan(router: Router, index: int, read_text: Document, source: str, target: str, engine: str) -> Plan:
    """Decide how a text gets into a language; what cannot be done is an answer with an error, not an exception."""
    canonical = languages.canonical(target)
    made = Plan(index, source, canonical or target, read_text)
    if not read_text.sentences or (canonical is not None and canonical == source):
        text = read_text.layout.source
        made.answer = Translation(index, source, made.target, text, UNCHANGED, (source,), UNCHANGED)
        return made
    try:
        if source == "und":
            raise UnsupportedLanguage("the language of the text could not be told; name it in the request")
        made.model, _ = router.translation(source, made.target, engine)
    except PrecisError as error:
        made.answer = Translation(index, source, made.target, error=error)
    return made


def run(plans: Sequence[Plan], calls: Calls) -> tuple[Translation, ...]:
    """Carry plans out as one batch, and what lost something protected as a second one.

    Raises:
        PrecisError: whatever Backend.run raises.
    """
    first = [(one, FirstRound(one.document)) for one in plans if one.answer is None]
    again: list[tuple[Plan, SecondRound]] = []
    for (one, asked), result in zip(first, _ask(((one, asked.wanted) for one, asked in first), calls), strict=True):
        if result is None:
            continue
        one.route = result.route
        one.outputs, lost = asked.outputs(result.segments)
        one.checks += _about_sentences(result.checks, asked.wanted)
        one.checks += [
            Check(number, "marks_misnested", Action.PIECEWISE)
            for number, sentence in enumerate(one.document.sentences)
            if sentence.parts
        ]
        if lost:
            again.append((one, SecondRound(one.document, lost, asked, result.segments)))
    for (one, more), result in zip(again, _ask(((one, more.wanted) for one, more in again), calls), strict=True):
        segments = () if result is None else result.segments
        if one.answer is not None:
            continue
        for number, output in more.outputs(segments).items():
            one.outputs[number] = output
            doubt = ("protected_lost", Action.PIECEWISE) if output is not None else ("untranslated", Action.FLAGGED)
            one.checks.append(Check(number, *doubt))
        one.checks += _about_sentences(() if result is None else result.checks, more.wanted)
    return tuple(one.answer if one.answer is not None else _written(one) for one in plans)


def _ask(wanted: Iterable[tuple[Plan, Wanted]], calls: Calls) -> list[TranslateResult | None]:
    """Run the jobs of some plans. A job that fails answers its plan; None in its place."""
    asked = list(wanted)
    jobs = [
        (one.model, Job(Task.TRANSLATE, one.model.id, one.source, one.target, tuple(need.segments)))
        for one, need in asked
        if one.model is not None and need.segments
    ]
    outcomes = iter(calls.run([job for _, job in jobs], [model for model, _ in jobs]) if jobs else ())
    results: list[TranslateResult | None] = []
    for one, need in asked:
        outcome = next(outcomes) if need.segments else Outcome(TranslateResult((), (one.source, one.target)))
        if isinstance(outcome.result, TranslateResult):
            results.append(outcome.result)
            continue
        results.append(None)
        if outcome.error is not None and one.model is not None:
            one.answer = Translation(one.index, one.source, one.target, engine=one.model.id, error=outcome.error)
    return results


def _about_sentences(checks: Sequence[Check], wanted: Wanted) -> list[Check]:
    """The doubts of a model about segments, as doubts about sentences."""
    owned = ((wanted.owner(one.segment), one) for one in checks)
    return [Check(number, one.check, one.action) for number, one in owned if number is not None]


def _written(one: Plan) -> Translation:
    """The translation a plan led to."""
    if one.model is None:
        raise ValueError("a plan that was run has a model")
    made = document.write(one.document, one.outputs, one.source, one.target)
    guessed = (number for number, output in enumerate(one.outputs) if output is not None and output.guessed)
    checks = [*one.checks, *(Check(number, "marks_guessed", Action.FLAGGED) for number in guessed)]
    checks += [
        Check(number, "untranslated", Action.FLAGGED)
        for number, owner in enumerate(one.document.owners)
        if owner in made.kept
    ]
    placed = ((check, made.spans[check.segment]) for check in sorted(set(checks)))
    told = tuple(TextCheck(one.check, one.action, one.segment, span.start, span.end) for one, span in placed)
    return Translation(
        one.index, one.source, one.target, made.text, one.model.id, one.route, one.model.quality, checks=told
    )
