"""What crosses the process line arrives as it left."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import EngineFailed
from service.events import Ended, Event, Piece
from service.records import (
    Catalogue,
    Check,
    Chunk,
    Direction,
    Job,
    ModelInfo,
    Outcome,
    Segment,
    SummaryParams,
    SummaryResult,
    SummarySentence,
    Task,
    Timing,
    TranslateResult,
    Usage,
)
from service.serving import codec
from service.serving.proto import model_pb2 as pb

numbers = st.integers(0, 2**31)
names = st.text(st.characters(codec="utf-8"), max_size=12)
checks = st.lists(st.builds(Check, numbers, names, names), max_size=3).map(tuple)
sentences = st.builds(
    SummarySentence,
    st.none() | names,
    st.lists(numbers, max_size=3).map(tuple),
    st.floats(0, 1, width=32),
    numbers,
)
summaries = st.builds(
    SummaryResult,
    st.lists(sentences, max_size=3).map(tuple),
    st.lists(st.builds(Chunk, numbers, numbers, numbers, numbers), max_size=3).map(tuple),
    checks,
    st.booleans(),
)
translations = st.builds(
    TranslateResult, st.lists(names, max_size=3).map(tuple), st.lists(names, max_size=3).map(tuple), numbers, checks
)
outcomes = st.builds(
    Outcome, summaries | translations, st.none(), st.just(Timing(1.5, 2.5)), st.builds(Usage, numbers, numbers)
)


@given(outcomes)
def test_results_arrive_as_they_left(outcome: Outcome) -> None:
    """Every field of a result survives the crossing."""
    crossed = pb.Outcome.FromString(codec.outcome_to_message(outcome).SerializeToString())
    assert codec.outcome_from_message(crossed) == outcome


@pytest.mark.parametrize("attempt", [0, 1])
def test_a_summary_job_arrives_as_it_left(attempt: int) -> None:
    """How many sentences are wanted and how often they were asked for survive the crossing."""
    job = Job(Task.SUMMARIZE, "m", "en", "", (Segment("One."), Segment("Two.", 1)), SummaryParams("Title", 3, attempt))
    crossed = pb.Job.FromString(codec.job_to_message(job).SerializeToString())
    assert codec.job_from_message(crossed) == job


@given(st.builds(Piece, numbers, numbers, names, st.booleans()) | st.builds(Ended, numbers, outcomes))
def test_events_arrive_as_they_left(event: Event) -> None:
    """Pieces of text and ends of jobs survive the crossing."""
    crossed = pb.StreamReply.FromString(codec.event_to_message(event).SerializeToString())
    assert codec.event_from_message(crossed) == event


def test_an_event_of_a_later_release_is_passed_over() -> None:
    """It is no piece and no end."""
    assert codec.event_from_message(pb.StreamReply.FromString(b"\xfa\x3e\x03new")) is None


@pytest.mark.parametrize("field", ["checks", "chunks"])
def test_an_older_peer_sends_neither_checks_nor_chunks(field: str) -> None:
    """A summary without them is one that was read whole and not doubted."""
    old = codec.outcome_to_message(Outcome(SummaryResult((SummarySentence("A.", (0,), 1.0, 3),), (Chunk(0, 0, 1, 2),))))
    old.summary.ClearField(field)  # type: ignore[arg-type]
    outcome = codec.outcome_from_message(old)
    assert isinstance(outcome.result, SummaryResult)
    assert getattr(outcome.result, field) == ()


def test_the_end_of_a_failed_job_is_an_error() -> None:
    """The outcome of a stream's job carries its error."""
    event = codec.event_from_message(codec.event_to_message(Ended(2, Outcome(error=EngineFailed("no")))))
    assert isinstance(event, Ended) and event.job == 2
    assert event.outcome.error is not None and event.outcome.error.code == "engine_failed"


def translator(name: str, **more: Any) -> ModelInfo:
    """A translation model of a catalogue."""
    return ModelInfo(name, Task.TRANSLATE, "r", "d", "standard", 1, "MIT", **more)


MANY = translator("many", sources=("en", "fr", "de"), targets=("en", "fr"))
ONE = translator("one", directions=(Direction("de", "gl", ("de", "es", "gl")),))


def test_a_catalogue_arrives_as_it_left() -> None:
    """Sources and targets stay what they are for a reader that knows them."""
    catalogue = Catalogue((MANY, ONE), "1", ("more",))
    assert codec.catalogue_from_message(codec.catalogue_to_message(catalogue, products=True)) == catalogue


def test_an_older_reader_gets_every_direction_by_itself() -> None:
    """An API of the previous release does not ask for products, and still finds each pair."""
    assert not pb.DescribeRequest.FromString(b"").products
    found = codec.catalogue_from_message(codec.catalogue_to_message(Catalogue((MANY, ONE))))
    assert not any(model.sources or model.targets for model in found.models)
    pairs = [(one.source, one.target, one.route) for one in found.models[0].directions]
    assert pairs == [(a, b, (a, b)) for a, b in (("en", "fr"), ("fr", "en"), ("de", "en"), ("de", "fr"))]
    assert found.models[1] == ONE


def test_the_size_of_a_catalogue_grows_with_its_languages_and_not_with_their_square() -> None:
    """A model of a hundred languages is told in a few kilobytes."""
    tags = tuple(f"{one}{other}" for one in "abcdefghij" for other in "abcdefghij")
    wide = translator("wide", sources=tags, targets=tags)
    assert len(codec.catalogue_to_message(Catalogue((wide,)), products=True).SerializeToString()) < 2000
    assert len(codec.spelled_out(wide)) == 9900
