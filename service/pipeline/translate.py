"""Translation of whole texts: paragraphs, blanks, markup and what is not language stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
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
from service.records import Action, Check, Job, ModelInfo, Task, TranslateResult

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


def run(
    plans: Sequence[Plan], calls: Calls, judged: Callable[[Translation], Translation] = lambda done: done
) -> tuple[Translation, ...]:
    """Carry plans out as one batch, and what lost something protected as a second one.

    Args:
        plans: in the order of the reply; each that has ended is told at once to who follows the request.
        calls: where jobs run.
        judged: looks at every translation before it is told.
    Raises:
        PrecisError: whatever Backend.run raises.
    """
    done: dict[int, Translation] = {}

    def end(number: int) -> None:
        one = plans[number]
        done[number] = judged(one.answer or _written(one))
        calls.progress.translation(number, done[number])

    first = {number: FirstRound(one.document) for number, one in enumerate(plans) if one.answer is None}
    for number in range(len(plans)):
        if number not in first:
            end(number)
    again: dict[int, SecondRound] = {}
    for number, result in _ask(plans, {number: asked.wanted for number, asked in first.items()}, calls):
        lost = _first_done(plans[number], first[number], result) if result is not None else []
        if result is not None and lost:
            again[number] = SecondRound(plans[number].document, lost, first[number], result.segments)
        else:
            end(number)
    again = dict(sorted(again.items()))
    for number, result in _ask(plans, {number: more.wanted for number, more in again.items()}, calls):
        if result is not None:
            _second_done(plans[number], again[number], result)
        end(number)
    return tuple(done[number] for number in range(len(plans)))


def _first_done(one: Plan, asked: FirstRound, result: TranslateResult) -> list[int]:
    """Take in the answers to a plan's first round; returns the sentences that lost what is protected."""
    one.route = result.route
    one.outputs, lost = asked.outputs(result.segments)
    one.checks += _about_sentences(result.checks, asked.wanted)
    one.checks += [
        Check(number, "marks_misnested", Action.PIECEWISE)
        for number, sentence in enumerate(one.document.sentences)
        if sentence.parts
    ]
    return lost


def _second_done(one: Plan, more: SecondRound, result: TranslateResult) -> None:
    for number, output in more.outputs(result.segments).items():
        one.outputs[number] = output
        doubt = ("protected_lost", Action.PIECEWISE) if output is not None else ("untranslated", Action.FLAGGED)
        one.checks.append(Check(number, *doubt))
    one.checks += _about_sentences(result.checks, more.wanted)


def _ask(
    plans: Sequence[Plan], wanted: Mapping[int, Wanted], calls: Calls
) -> Iterator[tuple[int, TranslateResult | None]]:
    """Run the jobs of some plans and yield each with its result as it ends. One that fails is its plan's answer."""
    jobs: list[tuple[int, ModelInfo, Job]] = []
    for number, need in wanted.items():
        one = plans[number]
        if not need.segments:
            yield number, TranslateResult((), (one.source, one.target))
        elif one.model is not None:
            jobs.append(
                (number, one.model, Job(Task.TRANSLATE, one.model.id, one.source, one.target, tuple(need.segments)))
            )
    if not jobs:
        return
    with closing(calls.each([job for _, _, job in jobs], [model for _, model, _ in jobs])) as ended:
        for at, outcome in ended:
            number, model, _ = jobs[at]
            if isinstance(outcome.result, TranslateResult):
                yield number, outcome.result
                continue
            one = plans[number]
            if outcome.error is not None:
                one.answer = Translation(one.index, one.source, one.target, engine=model.id, error=outcome.error)
            yield number, None


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
