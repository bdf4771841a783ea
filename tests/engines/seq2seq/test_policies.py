"""Processors, picking and greedy and drawn rows against those of transformers on fixed scores."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers.generation import logits_process as theirs

from service.engines.seq2seq import picking
from service.engines.seq2seq.policies import (
    BeamRow,
    DecodeParams,
    GreedyRow,
    History,
    SampleRow,
    advance,
    make_row,
    process,
)
from service.engines.seq2seq.processors import normalize

VOCABULARY = 301


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(threads)


def params_of(**chosen: Any) -> DecodeParams:
    """Params with two end tokens."""
    chosen.setdefault("eos", (2, 4))
    return DecodeParams(pad=1, start=3, **chosen)


def reference(scores: torch.Tensor, ids: list[int], params: DecodeParams) -> torch.Tensor:
    """What the processors of transformers make of one row, in the order in which `generate` builds them."""
    made = theirs.LogitsProcessorList()
    if params.repetition_penalty != 1.0:
        made.append(theirs.RepetitionPenaltyLogitsProcessor(params.repetition_penalty))
    if params.no_repeat_ngram_size:
        made.append(theirs.NoRepeatNGramLogitsProcessor(params.no_repeat_ngram_size))
    if params.bad_words:
        made.append(theirs.NoBadWordsLogitsProcessor([list(word) for word in params.bad_words], list(params.eos)))
    if params.min_new_tokens:
        made.append(theirs.MinNewTokensLengthLogitsProcessor(1, params.min_new_tokens, list(params.eos)))
    if params.forced_bos is not None:
        made.append(theirs.ForcedBOSTokenLogitsProcessor(params.forced_bos))
    if params.forced_eos is not None:
        made.append(theirs.ForcedEOSTokenLogitsProcessor(1 + params.max_new_tokens, params.forced_eos))
    if params.suppress:
        made.append(theirs.SuppressTokensLogitsProcessor(params.suppress))
    if params.begin_suppress:
        begin = 1 if params.forced_bos is None else 2
        made.append(theirs.SuppressTokensAtBeginLogitsProcessor(params.begin_suppress, begin))
    if params.renormalize_logits:
        made.append(theirs.LogitNormalization())
    return made(torch.tensor([ids]), scores.unsqueeze(0))[0]


def drawn_params(chance: random.Random) -> DecodeParams:
    """Any mixture of settings."""
    return params_of(
        max_new_tokens=chance.randint(1, 30),
        min_new_tokens=chance.choice((0, 0, 5, 20)),
        no_repeat_ngram_size=chance.choice((0, 1, 2, 3, 4)),
        repetition_penalty=chance.choice((1.0, 0.5, 1.2, 4.0)),
        bad_words=tuple(tuple(chance.choices(range(9), k=chance.randint(1, 4))) for _ in range(chance.randint(0, 9))),
        suppress=tuple(chance.sample(range(12, VOCABULARY), chance.choice((0, 7)))),
        begin_suppress=tuple(chance.sample(range(3, VOCABULARY), chance.choice((0, 9)))),
        forced_bos=chance.choice((None, 11)),
        forced_eos=chance.choice((None, 2)),
        renormalize_logits=chance.choice((False, True)),
    )


@pytest.mark.parametrize("seed", range(40))
def test_processors_are_those_of_transformers(seed: int) -> None:
    """Rows of all lengths and settings in one tensor: each bit for bit as its own list of processors has it."""
    chance = random.Random(seed)
    shared = [drawn_params(chance) for _ in range(3)]
    params = [chance.choice((*shared, params_of())) for _ in range(chance.randint(1, 16))]
    # Few different tokens, so that n-grams do repeat.
    ids = [[3, *chance.choices(range(9), k=chance.randint(0, 29))] for _ in params]
    for i, chosen in enumerate(params):
        ids[i] = ids[i][: chosen.max_new_tokens]
    scores = torch.randn(len(params), VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 3
    scores[0, 7] = -math.inf
    want = torch.stack([reference(row.clone(), i, p) for row, i, p in zip(scores, ids, params, strict=True)])
    plain = process(scores.clone(), ids, params)
    kept = process(
        scores.clone(), [History(i, p.no_repeat_ngram_size) for i, p in zip(ids, params, strict=True)], params
    )
    assert torch.equal(plain, want)
    assert torch.equal(kept, want)


def test_nothing_set_touches_nothing() -> None:
    """Scores come back as the same tensor with the same values."""
    scores = torch.randn(4, VOCABULARY)
    before = scores.clone()
    assert process(scores, [[3]] * 4, [params_of()] * 4) is scores
    assert torch.equal(scores, before)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_history_knows_repeats_at_any_time(size: int) -> None:
    """n-grams entered one by one, over forks, ban what a scan of all tokens bans."""
    chance = random.Random(size)
    history = History((3,), size)
    ids = [3]
    for _ in range(60):
        token = chance.randrange(4)
        fork = history.fork()
        fork.append(99)
        history.append(token)
        ids.append(token)
        scores = torch.zeros(1, 100)
        want = theirs.NoRepeatNGramLogitsProcessor(size)(torch.tensor([ids]), scores)[0]
        assert set(history.repeats()) == set(want.isinf().nonzero().flatten().tolist())
    assert list(history.ids) == ids
    assert history.new_tokens() == tuple(ids[1:])


@pytest.mark.parametrize("vocabulary", [5, 127, 128, 129, 1000, 1024])
def test_the_best_token_is_the_first_of_equals(vocabulary: int) -> None:
    """Whatever the size of the vocabulary, ties and masks, the token is that of argmax."""
    for seed in range(20):
        scores = torch.randn(6, vocabulary, generator=torch.Generator().manual_seed(seed)).round()
        scores[0] = -math.inf
        scores[1] = 1.0
        scores[2] = torch.roll(scores[2], seed)
        scores[3, -1] = math.nan
        value, token = picking.best(scores)
        assert torch.equal(token, scores.argmax(dim=-1))
        assert torch.equal(value.isnan(), torch.tensor([False, False, False, True, False, False]))


@pytest.mark.parametrize("vocabulary", [16, 127, 128, 129, 2048, 5001])
@pytest.mark.parametrize("count", [1, 2, 15, 16])
def test_the_best_tokens_are_those_of_topk(vocabulary: int, count: int) -> None:
    """The search by blocks finds what a search of the whole row finds, also behind the last whole block."""
    for seed in range(10):
        scores = torch.randn(5, vocabulary, generator=torch.Generator().manual_seed(seed))
        scores[0, -3:] += 9
        scores[1, : vocabulary - 3] = -math.inf
        value, token = picking.top(scores, count)
        want = scores.topk(count, dim=-1)
        assert torch.equal(value, want.values)
        assert torch.equal(token[0], want.indices[0])
        assert torch.equal(token[2:], want.indices[2:])
        assert torch.equal(scores.gather(1, token), value)


@pytest.mark.parametrize(
    ("chosen", "warpers"),
    [
        ({"temperature": 0.7, "top_k": 0}, [theirs.TemperatureLogitsWarper(0.7)]),
        ({}, [theirs.TopKLogitsWarper(50)]),
        ({"top_k": 9999}, [theirs.TopKLogitsWarper(9999)]),
        ({"top_k": 0, "top_p": 0.8}, [theirs.TopPLogitsWarper(0.8)]),
        ({"top_k": 0, "top_p": 0.0}, [theirs.TopPLogitsWarper(0.0)]),
        ({"top_k": 0, "typical_p": 0.6}, [theirs.TypicalLogitsWarper(0.6)]),
        (
            {"temperature": 1.5, "top_k": 40, "top_p": 0.9, "typical_p": 0.95},
            [
                theirs.TemperatureLogitsWarper(1.5),
                theirs.TopKLogitsWarper(40),
                theirs.TopPLogitsWarper(0.9),
                theirs.TypicalLogitsWarper(0.95),
            ],
        ),
    ],
)
def test_what_may_be_drawn_is_what_transformers_draws_from(chosen: dict[str, Any], warpers: list[Any]) -> None:
    """The distribution of a drawn token is the same, bit for bit."""
    for seed in range(10):
        scores = torch.randn(3, VOCABULARY, generator=torch.Generator().manual_seed(seed)) * 2
        want = scores.clone()
        for warper in warpers:
            want = warper(torch.zeros(3, 1, dtype=torch.long), want)
        assert torch.equal(picking.warp(scores.clone(), params_of(do_sample=True, **chosen)), want)


def test_drawn_tokens_follow_the_distribution() -> None:
    """Frequencies over many rows are the probabilities, within what chance allows."""
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0, 3.0, 1.5]])
    params = params_of(do_sample=True, top_k=4, temperature=1.3, eos=(), max_new_tokens=4000, seed=11)
    row = make_row(params)
    assert isinstance(row, SampleRow)
    while not row.ended:
        advance([row], logits.clone())
    counts = torch.bincount(torch.tensor(row.tokens), minlength=6) / 4000
    want = torch.softmax(picking.warp(logits, params), dim=-1)[0]
    assert counts[0] == counts[3] == 0
    # Four standard deviations of a share of 4000 draws.
    assert torch.all((counts - want).abs() <= 4 * (want * (1 - want) / 4000).sqrt())


def test_a_seeded_row_draws_the_same_in_any_company() -> None:
    """A row's random numbers are its own."""
    logits = torch.randn(30, VOCABULARY, generator=torch.Generator().manual_seed(1))
    params = params_of(do_sample=True, seed=5, max_new_tokens=10, eos=())
    alone, mate, together = make_row(params), make_row(replace(params, seed=6)), make_row(params)
    for step in range(10):
        advance([alone], logits[step : step + 1].clone())
        advance([mate, together], torch.cat((logits[-1 - step :][:1], logits[step : step + 1])))
    assert alone.best() == together.best() != mate.best()


def test_rows_without_a_seed_differ() -> None:
    """Each takes a fresh seed."""
    params = params_of(do_sample=True, max_new_tokens=12, eos=())
    rows = [make_row(params) for _ in range(3)]
    for _ in range(12):
        advance(rows, torch.zeros(3, VOCABULARY))
    assert len({row.best()[0].tokens for row in rows}) == 3


def test_a_greedy_row_ends_at_its_end_token_or_length() -> None:
    """It tells each token, then ends with the last one kept."""
    scores = torch.zeros(1, VOCABULARY)
    scores[0, 9] = 1.0
    row = make_row(params_of(max_new_tokens=3))
    assert isinstance(row, GreedyRow)
    assert row.feed(scores) == [(0, 9)]
    assert row.feed(scores) == [(0, 9)]
    assert row.tokens == (9, 9)
    assert row.feed(scores) == []
    assert row.ended and row.histories == [] and row.tokens == (9, 9, 9)
    scores[0, 4] = 2.0
    row = make_row(params_of(max_new_tokens=3))
    assert row.feed(scores) == []
    assert row.best()[0].tokens == (4,)
    assert row.best()[0].score is None


def test_half_precision_logits_are_widened() -> None:
    """Choices are made in single precision whatever the model computes in."""
    logits = torch.zeros(4, VOCABULARY, dtype=torch.bfloat16)
    logits[:, 20] = 1.0
    rows = [make_row(params_of()), make_row(params_of(beams=3)), make_row(params_of(no_repeat_ngram_size=1))]
    moves = advance(rows, logits[:3])
    assert moves[0] == [(0, 20)] and moves[1][0] == (0, 20) and moves[2] == [(0, 20)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"beams": 0},
        {"max_new_tokens": 0},
        {"min_new_tokens": -1},
        {"num_return": 2},
        {"length_penalty": math.nan},
        {"early_stopping": "always"},
        {"repetition_penalty": 0.0},
        {"bad_words": ((),)},
        {"do_sample": True, "beams": 2},
        {"forced_bos": 7, "suppress": (6, 7)},
        {"temperature": 0.0},
        {"top_k": -1},
        {"top_p": 1.5},
        {"typical_p": 0.0},
        {"no_repeat_ngram_size": -1},
    ],
)
def test_impossible_params_are_refused(wrong: dict[str, Any]) -> None:
    """Before anything is decoded."""
    with pytest.raises(ValueError, match=r"must|needs"):
        params_of(**wrong)


def test_kinds_of_rows() -> None:
    """The params say which row it is."""
    assert type(make_row(params_of())) is GreedyRow
    assert type(make_row(params_of(do_sample=True))) is SampleRow
    assert type(make_row(params_of(beams=2))) is BeamRow


def test_rows_are_normalized_where_they_lie() -> None:
    """In place, in any selection of rows, with the bits of a fresh log_softmax."""
    scores = torch.randn(9, 5003) * 4
    scores[2, 7:] = -math.inf
    want = scores.clone()
    rows = [0, 2, 3, 4, 8]
    want[rows] = torch.log_softmax(scores[rows], dim=-1)
    assert normalize(scores, rows) is scores
    assert torch.equal(scores, want)
    assert torch.equal(normalize(scores, []), want)
