"""The engine end to end: a small translator trained here, driven as the service drives it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf

from service.engines.base import RowDone
from service.engines.catalogue import ModelRow
from service.engines.seq2seq import guards
from service.engines.seq2seq.assembly import Row
from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.engine import Languages, Seq2SeqEngine
from service.engines.seq2seq.linear import capability
from service.engines.seq2seq.opening import Origin, open_engine
from service.engines.seq2seq.packing import cut_text, pack
from service.engines.seq2seq.runner import Budget
from service.errors import BadRequest, NoText, UnsupportedLanguage
from service.events import Ended, Event
from service.records import (
    Action,
    CallContext,
    Check,
    Chunk,
    Job,
    Outcome,
    Segment,
    SummaryParams,
    SummaryResult,
    Task,
    TranslateResult,
)
from service.serving.dispatcher import Dispatcher
from service.serving.inproc import InprocBackend
from tests.engines.seq2seq import toy

TRANSLATE = ModelRow("toy", "seq2seq", Task.TRANSLATE, 1, "standard", "CC0-1.0")
SUMMARIZE = ModelRow("toy", "seq2seq", Task.SUMMARIZE, 1, "standard", "CC0-1.0")
LANGUAGES = Languages({"en": "en", "fr": "__fr__", "de": "de"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A trained translator, as a checkpoint folder."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("toy")
    assert toy.train_translator(made) < 0.5
    yield made
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Seq2SeqEngine:
    """The engine over it."""
    return open_engine(folder, TRANSLATE, LANGUAGES, origin=Origin("r1", "d1"), budget=Budget(rows=12))


def job(*texts: str, source: str = "en", target: str = "fr", task: Task = Task.TRANSLATE, most: int = 8) -> Job:
    """A job of the toy model."""
    return Job(task, "toy", source, target, tuple(Segment(text) for text in texts), SummaryParams("", most))


def run(engine: Seq2SeqEngine, *jobs: Job) -> list[Outcome]:
    """Put jobs through a dispatcher, all at once."""

    async def main() -> list[Outcome]:
        options: dict[str, Any] = {"max_rows": 1000, "max_cost": 10**9}
        dispatcher = Dispatcher({"toy": engine}, **options)
        dispatcher.start()
        try:
            return await dispatcher.run(jobs, caller="", remaining_s=60)
        finally:
            dispatcher.close()

    return asyncio.run(main())


def texts(outcome: Outcome) -> tuple[str, ...]:
    """The segments of a translation."""
    assert isinstance(outcome.result, TranslateResult), outcome.error
    return outcome.result.segments


def test_translations_mean_what_they_should(engine: Seq2SeqEngine, folder: Path) -> None:
    """Sixty sentences of three directions at once: each is what `generate` writes alone, nearly all are right."""
    chooser = random.Random(5)
    asked = [
        (
            *chooser.sample(sorted(toy.LANGUAGES), 2),
            [chooser.randrange(toy.WORDS) for _ in range(chooser.randint(1, 4))],
        )
        for _ in range(60)
    ]
    outcomes = run(engine, *(job(toy.say(one, words), source=one, target=other) for one, other, words in asked))
    model = hf.M2M100ForConditionalGeneration.from_pretrained(folder).eval()
    right = 0
    for (one, other, words), outcome in zip(asked, outcomes, strict=True):
        ids = [toy.IDS[word] for word in [toy.LANGUAGES[one], *toy.say(one, words).split(), "</s>"]]
        wanted = model.generate(
            torch.tensor([ids]), forced_bos_token_id=toy.IDS[toy.LANGUAGES[other]], max_new_tokens=30, num_beams=1
        )
        plain = [toy.VOCABULARY[token] for token in wanted[0].tolist() if token >= len(toy._SPECIAL)]
        assert texts(outcome) == (" ".join(plain),)
        right += texts(outcome) == (toy.say(other, words),)
    assert right >= 54


@pytest.mark.skipif(not capability().int8_bits, reason="no exact int8 products on this processor")
def test_int8_writes_the_same_text_in_any_company(engine: Seq2SeqEngine, folder: Path) -> None:
    """With int8 layers the translations are those of float32, and the same for a row alone and among others."""
    small = open_engine(folder, TRANSLATE, LANGUAGES, precision="int8", budget=Budget(rows=12))
    chooser = random.Random(6)
    jobs = [job(toy.say("en", [chooser.randrange(toy.WORDS) for _ in range(length)])) for length in (1, 2, 3, 4) * 8]
    together = [texts(outcome) for outcome in run(small, *jobs)]
    assert together == [texts(run(small, one)[0]) for one in jobs]
    assert together == [texts(outcome) for outcome in run(engine, *jobs)]


def test_segments_come_back_in_order(engine: Seq2SeqEngine) -> None:
    """One output per segment, blank ones kept, and the tokens are counted."""
    (outcome,) = run(engine, job("word1 zebra", " ", "word3"))
    one, blank, other = texts(outcome)
    assert (blank, bool(one), bool(other)) == (" ", True, True)
    assert isinstance(outcome.result, TranslateResult)
    assert outcome.result.route == ("en", "fr")
    assert outcome.result.unknown_words == 1
    assert outcome.usage.input_tokens == 2 * 2 + 3
    assert outcome.usage.output_tokens > 4


def test_what_the_vocabulary_has_not_comes_back_as_it_is(engine: Seq2SeqEngine) -> None:
    """A model that reads nothing would make something up."""
    (outcome,) = run(engine, job("🙂 zebra", "word1"))
    assert texts(outcome)[0] == "🙂 zebra"
    with pytest.raises(NoText):
        engine.prepare(job("🙂", "\u200b"))


def test_a_row_may_take_less_than_the_model_has_positions_for(folder: Path) -> None:
    """The list knows how long the sources were that a model was trained with."""
    short = open_engine(folder, replace(TRANSLATE, max_tokens=12), LANGUAGES)
    rows = short.prepare(job(toy.say("en", [1] * 30)))
    assert [len(row.payload.ids) for row in rows] == [12, 12, 12]  # type: ignore[attr-defined]


def test_a_segment_over_the_limit_is_split_and_rejoined(engine: Seq2SeqEngine) -> None:
    """A segment longer than the model takes becomes several rows of it, and no word is left out."""
    words = [number % toy.WORDS for number in range(100)]
    rows = engine.prepare(job(toy.say("en", words)))
    assert len(rows) > 3
    read = [token for row in rows for token in row.payload.ids if token >= len(toy._SPECIAL)]  # type: ignore[attr-defined]
    assert read == [toy.IDS[word] for word in toy.say("en", words).split()]
    assert all(len(row.payload.ids) <= 32 for row in rows)  # type: ignore[attr-defined]
    assert all(row.cost >= len(row.payload.ids) for row in rows)  # type: ignore[attr-defined]
    (outcome,) = run(engine, job(toy.say("en", words)))
    (text,) = texts(outcome)
    assert len(text.split()) > len(rows)


def test_what_is_refused(engine: Seq2SeqEngine) -> None:
    """Another task, an unknown direction and nothing but blanks are errors of the job."""
    for wrong, error in (
        (job("wword", task=Task.SUMMARIZE), BadRequest),
        (job("wword", target="it"), UnsupportedLanguage),
        (job("wword", target="en"), UnsupportedLanguage),
        (job(" ", "\n"), NoText),
    ):
        with pytest.raises(error):
            engine.prepare(wrong)


def test_catalogue_entry_names_every_direction(engine: Seq2SeqEngine) -> None:
    """Each of three languages into every other; revision and digest are those given."""
    (info,) = engine.models()
    assert info.sources == info.targets == ("en", "fr", "de")
    assert (info.revision, info.digest, info.languages) == ("r1", "d1", ("en", "fr", "de"))


def test_evicted_rows_are_forgotten(engine: Seq2SeqEngine) -> None:
    """A row that leaves is not returned, and its place is free again."""
    (first,) = engine.prepare(job(toy.say("en", [1])))
    free = engine.free_rows()
    engine.admit([(101, first), (102, first)])
    engine.step()
    engine.evict([101, 999])
    done = []
    while not done:
        done = engine.step()
    assert [row.row_id for row in done] == [102]
    assert engine.free_rows() == free


def test_special_tokens_in_a_text_are_text(engine: Seq2SeqEngine) -> None:
    """An article that writes `</s>` or a language token neither ends its source nor changes its language."""
    (row,) = engine.prepare(job("word1 </s> __de__ word2"))
    ids = row.payload.ids  # type: ignore[attr-defined]
    assert ids[0] == toy.IDS["__en__"] and ids[-1] == 2
    assert not {0, 1, 2, toy.IDS["__de__"]} & set(ids[1:-1])


def test_a_lost_language_is_refused_at_load(folder: Path) -> None:
    """A code that the vocabulary has not is an error that names it, not a translation into something else."""
    with pytest.raises(LoadError, match=r"no token for it \(written __it__\)$"):
        open_engine(folder, TRANSLATE, Languages({"en": "en", "it": "__it__"}))


def test_a_summary_names_its_chunks_and_the_segments_of_each_sentence(folder: Path) -> None:
    """Segments are packed into chunks, all of the text is in one, and each sentence points at segments of its chunk."""
    engine = open_engine(folder, SUMMARIZE, Languages({"en": "en"}))
    segments = [toy.say("en", [number % toy.WORDS] * 9) for number in range(6)]
    rows = engine.prepare(job(*segments, target="", task=Task.SUMMARIZE))
    assert [row.payload.segments for row in rows] == [(0, 1, 2), (3, 4, 5)]  # type: ignore[attr-defined]
    (outcome,) = run(engine, job(*segments, target="", task=Task.SUMMARIZE, most=2))
    assert isinstance(outcome.result, SummaryResult), outcome.error
    assert outcome.result.chunks == (Chunk(0, 0, 2, len(segments[2])), Chunk(3, 0, 5, len(segments[5])))
    assert [sentence.chunk for sentence in outcome.result.sentences] == [0, 1]
    for sentence, allowed in zip(outcome.result.sentences, ({0, 1, 2}, {3, 4, 5}), strict=True):
        assert sentence.text and set(sentence.sources) <= allowed
    long = toy.say("en", [number % toy.WORDS for number in range(70)]) + " "
    (outcome,) = run(engine, job(segments[0], long, segments[1], target="", task=Task.SUMMARIZE))
    assert isinstance(outcome.result, SummaryResult), outcome.error
    read = [(0, segments[0]), (1, long), (2, segments[1])]
    places = [(index, at) for index, text in read for at in range(len(text))]
    covered = [
        place
        for one in outcome.result.chunks
        for place in places
        if (one.first, one.start) <= place < (one.last, one.end)
    ]
    assert covered == places


def test_cuts_lose_nothing() -> None:
    """Parts join up to the text, keep to the limit and end with sentences where they can."""
    text = "One two three four. Five six seven eight nine, ten eleven twelve. Thirteen fourteen. " * 40

    def words(parts: Any) -> list[int]:
        return [len(part.split()) for part in parts]

    parts = cut_text(text, 20, words)
    assert "".join(parts) == text
    assert max(words(parts)) <= 20
    assert all(part.rstrip().endswith(".") for part in parts)
    chinese = "今天天气很好。我们去公园散步，看到很多花。" * 30
    cut = cut_text(chinese, 60, lambda parts: [len(part) for part in parts])
    assert "".join(cut) == chinese
    assert max(map(len, cut)) <= 60
    assert all(part.endswith("。") for part in cut)
    assert "".join(cut_text("x" * 1000, 30, lambda parts: [len(part) for part in parts])) == "x" * 1000


def test_chunks_are_about_equally_full() -> None:
    """Neighbours stay together, no chunk is over the limit and none is a leftover."""
    assert pack([5, 5, 5, 5], 10) == [range(2), range(2, 4)]
    assert pack([9, 9, 9], 10) == [range(1), range(1, 2), range(2, 3)]
    assert pack([1] * 11, 10) == [range(6), range(6, 11)]


def test_a_translation_without_an_end_is_an_error_and_not_a_cut_one(engine: Seq2SeqEngine) -> None:
    """Half a translation would look like a whole one."""
    (work,) = engine.prepare(job(toy.say("en", [1, 2, 3])))
    row = work.payload
    assert isinstance(row, Row)
    short = replace(row, params=replace(row.params, max_new_tokens=2))
    engine.admit([(90_001, replace(work, payload=short))])
    done: list[RowDone] = []
    while not done:
        done = engine.step()
    assert done[0].error is not None
    assert "no end" in done[0].error.detail


def strange(count: int, seed: int) -> list[str]:
    """Sentences longer than any the model has seen, which it translates badly."""
    chooser = random.Random(seed)
    return [toy.say("en", [chooser.randrange(toy.WORDS) for _ in range(chooser.randint(8, 20))]) for _ in range(count)]


def test_doubted_rows_are_decoded_again_and_disturb_nobody(engine: Seq2SeqEngine) -> None:
    """What is delivered passes the guards or is flagged, and neighbours write what they write without them."""
    chooser = random.Random(7)
    plain = [job(toy.say("en", [chooser.randrange(toy.WORDS) for _ in range(3)])) for _ in range(12)]
    odd = [job(text) for text in strange(16, 3)]
    mixed = run(engine, *(one for pair in zip(plain, odd, strict=False) for one in pair), *odd[12:])
    together = [*mixed[0:24:2], *mixed[1:24:2], *mixed[24:]]
    assert [texts(one) for one in together[:12]] == [texts(one) for one in run(engine, *plain)]
    assert together[12:] != [] and [texts(one) for one in together[12:]] == [texts(run(engine, one)[0]) for one in odd]
    actions = []
    for asked, outcome in zip([*plain, *odd], together, strict=True):
        assert isinstance(outcome.result, TranslateResult)
        doubts = {verdict.reason for verdict in guards.check(asked.segments[0].text, texts(outcome)[0], "en", "fr")}
        by_action = {action: {one.check for one in outcome.result.checks if one.action == action} for action in Action}
        assert by_action[Action.FLAGGED] == doubts
        assert not by_action[Action.REDECODED] & doubts
        actions += [one.action for one in outcome.result.checks]
    assert "redecoded" in actions


def test_checks_name_their_segment(engine: Seq2SeqEngine) -> None:
    """Of several segments the doubted one is named."""
    odd = next(one for one in strange(16, 3) if checks(run(engine, job(one))[0]))
    (outcome,) = run(engine, job(toy.say("en", [1, 2]), toy.say("en", [3]), odd, toy.say("en", [4, 5])))
    assert {one.segment for one in checks(outcome)} == {2}


def checks(outcome: Outcome) -> tuple[Check, ...]:
    """What the guards had to say of a translation."""
    assert isinstance(outcome.result, TranslateResult), outcome.error
    return outcome.result.checks


def test_a_doubted_row_that_leaves_is_forgotten(engine: Seq2SeqEngine) -> None:
    """A row may be evicted at any step of any attempt, and its place is free again."""
    odd = next(one for one in strange(16, 3) if checks(run(engine, job(one))[0]))
    (work,) = engine.prepare(job(odd))
    free = engine.free_rows()
    for steps in range(1, 60):
        engine.admit([(5000 + steps, work)])
        ended = any([engine.step() for _ in range(steps)][-1:])
        assert ended or engine.free_rows() < free
        engine.evict([5000 + steps])
        assert engine.free_rows() == free
        if ended:
            break
    else:
        pytest.fail("the row never ended")


def test_doubted_rows_go_before_new_ones(folder: Path) -> None:
    """With room for four rows a beam search of four waits for all of them and holds up new rows meanwhile."""
    small = open_engine(folder, TRANSLATE, LANGUAGES, budget=Budget(rows=4))
    odd = strange(16, 3)
    outcomes = run(small, *map(job, odd))
    assert all(outcome.error is None for outcome in outcomes)
    assert small.free_rows() == 4


def streamed(engine: Seq2SeqEngine, *jobs: Job) -> tuple[list[Event], list[Outcome]]:
    """The events of a stream of all jobs, and what the unary call says of them."""
    options: dict[str, Any] = {"max_rows": 1000, "max_cost": 10**9}
    backend = InprocBackend(lambda: Dispatcher({"toy": engine}, **options))
    try:
        caller = CallContext("test", time.monotonic() + 60)
        return list(backend.stream(jobs, caller)), backend.run(jobs, caller)
    finally:
        backend.close()


@pytest.mark.parametrize("beams", [1, 3])
def test_streams_say_what_the_unary_call_says(folder: Path, beams: int) -> None:
    """Token by token for greedy rows, row by row for beams; what is decoded again is replaced, and nothing else."""
    engine = open_engine(folder, TRANSLATE, LANGUAGES, beams=beams, budget=Budget(rows=12))
    jobs = [
        job(toy.say("en", [1, 2, 3, 4]), " ", toy.say("en", [5, 6]), toy.say("en", [7])),
        *(job(text, toy.say("en", [0, 1])) for text in strange(16, 3)),
        job(toy.say("en", [number % toy.WORDS for number in range(70)])),
    ]
    events, outcomes = streamed(engine, *jobs)
    said: dict[tuple[int, int], str] = {}
    ended: dict[int, Outcome] = {}
    count: Counter[tuple[int, int]] = Counter()
    anew = set()
    for event in events:
        if isinstance(event, Ended):
            ended[event.job] = event.outcome
            continue
        place = (event.job, event.segment)
        count[place] += 1
        said[place] = event.text if event.replaces else said.get(place, "") + event.text
        anew |= {place} if event.replaces else set()
    for number, outcome in enumerate(outcomes):
        assert ended[number].result == outcome.result
        assert tuple(said[number, index] for index in range(len(texts(outcome)))) == texts(outcome)
        replaced = {one.segment for one in checks(outcome) if one.action == Action.REDECODED}
        assert {segment for place, segment in anew if place == number} <= replaced
    if beams == 1:
        assert count[0, 0] >= 3
        assert anew
    else:
        assert count[0, 0] == 1


def test_a_reader_disturbs_nobody(engine: Seq2SeqEngine) -> None:
    """Followed rows and the others in their batch write what they write unseen, and a reader may leave at any step."""
    jobs = [job(toy.say("en", [number, 3, 4])) for number in range(6)]
    wanted = [texts(outcome) for outcome in run(engine, *jobs)]
    events, outcomes = streamed(engine, *jobs)
    assert [texts(outcome) for outcome in outcomes] == wanted
    assert [texts(event.outcome) for event in events if isinstance(event, Ended)] != []
    (work,) = engine.prepare(jobs[0])
    free = engine.free_rows()
    engine.admit([(7001, replace(work, followed=True)), (7002, work)])
    while not engine.written():
        engine.step()
    engine.evict([7001])
    done: list[RowDone] = []
    while not done:
        done = engine.step()
        assert engine.written() == []
    assert [row.row_id for row in done] == [7002]
    assert engine.free_rows() == free


def test_a_row_that_runs_in_a_circle_is_ended_before_its_bound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt that loops costs no more steps than it takes to see that."""
    monkeypatch.setattr("service.engines.seq2seq.engine._LOOK_EVERY", 4)
    engine = open_engine(folder, TRANSLATE, LANGUAGES, budget=Budget(rows=12))
    (work,) = engine.prepare(job(toy.say("en", [1, 2, 3])))
    seen = []
    for key in range(0, 16, 2):
        (other,) = engine.prepare(job(toy.say("en", [key % toy.WORDS, 2, key % 3])))
        row = other.payload
        assert isinstance(row, Row)
        endless = replace(row, params=replace(row.params, suppress=(2,), max_new_tokens=31))
        engine.admit([(key, replace(other, payload=endless, followed=True)), (key + 1, work)])
        decoding = engine._rows[key]
        ended: list[RowDone] = []
        said = ""
        while engine._rows:
            ended += engine.step()
            said += "".join(told.text for told in engine.written() if told.row_id == key)
        results = {done.row_id: done.error for done in ended}
        assert results[key] is not None and "no end" in results[key].detail
        assert results[key + 1] is None
        assert engine.free_rows() == 12
        assert len(decoding.attempts) == 3
        first = decoding.attempts[0]
        seen.append(first.tokens)
        assert 8 <= first.tokens <= 31
        if first.tokens < 31:
            assert "loop" in first.doubts
            assert len(said.split()) == first.tokens - 2  # the language, and the token that gave it away
    assert min(seen) < 31
