"""Whole decodes against `generate` of transformers: the same tokens and the same scores."""

from __future__ import annotations

import itertools
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from service.engines.seq2seq.policies import BeamRow, DecodeParams, Hypothesis, advance, make_row

VOCABULARY = 131  # one block of the search and a tail
TIE = 1e-5  # absolute, and relative where a penalty makes scores large
ALLOWED_TIES = 0.005

COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 16,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}
BART_LIKE: dict[str, Any] = {
    **COMMON,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "max_position_embeddings": 64,
    "init_std": 0.6,
}
T5_LIKE: dict[str, Any] = {
    **COMMON,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "d_kv": 8,
    "d_ff": 16,
    "num_layers": 1,
    "num_heads": 2,
    "initializer_factor": 2.0,
}
FAMILIES = ("bart", "m2m100", "marian", "t5")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(threads)


@cache
def model(family: str) -> Any:
    """A tiny model with random weights."""
    torch.manual_seed(sum(map(ord, family)))
    if family == "t5":
        made = transformers.T5ForConditionalGeneration(transformers.T5Config(**T5_LIKE))
    elif family == "bart":
        made = transformers.BartForConditionalGeneration(
            transformers.BartConfig(**BART_LIKE, forced_bos_token_id=None, forced_eos_token_id=None)
        )
    elif family == "m2m100":
        made = transformers.M2M100ForConditionalGeneration(transformers.M2M100Config(**BART_LIKE))
    else:
        made = transformers.MarianMTModel(transformers.MarianConfig(**BART_LIKE, forced_eos_token_id=None))
    made.generation_config.forced_eos_token_id = None
    made.generation_config.forced_bos_token_id = None
    if family in ("bart", "marian"):
        # Random weights seldom end a sequence; a head start for the end token gives outputs of many lengths.
        made.final_logits_bias[0, 2] = 2.0
    return made.eval()


def encode(family: str, seed: int, length: int) -> tuple[Tensor, Any]:
    """A source and what the encoder makes of it."""
    ids = torch.randint(3, VOCABULARY, (1, length), generator=torch.Generator().manual_seed(seed))
    return ids, model(family).get_encoder()(input_ids=ids)


def params_of(family: str, **chosen: Any) -> DecodeParams:
    """Params with the special tokens of a family."""
    own = T5_LIKE if family == "t5" else BART_LIKE
    chosen.setdefault("eos", (own["eos_token_id"],))
    chosen.setdefault("max_new_tokens", 10)
    chosen.setdefault("num_return", chosen.get("beams", 1))
    return DecodeParams(pad=own["pad_token_id"], start=own["decoder_start_token_id"], **chosen)


def reference(family: str, ids: Tensor, params: DecodeParams) -> list[Hypothesis]:
    """What `generate` makes of one source, without padding and start token."""
    asked: dict[str, Any] = {
        "num_beams": params.beams,
        "max_new_tokens": params.max_new_tokens,
        "num_return_sequences": params.num_return,
        "eos_token_id": list(params.eos) or None,
        "no_repeat_ngram_size": params.no_repeat_ngram_size,
        "repetition_penalty": params.repetition_penalty,
        "renormalize_logits": params.renormalize_logits,
        "forced_bos_token_id": params.forced_bos,
        "forced_eos_token_id": params.forced_eos,
        "suppress_tokens": list(params.suppress) or None,
        "begin_suppress_tokens": list(params.begin_suppress) or None,
        "bad_words_ids": [list(word) for word in params.bad_words] or None,
        "do_sample": False,
    }
    if params.min_new_tokens:
        asked["min_new_tokens"] = params.min_new_tokens
    if params.beams > 1:
        asked |= {"length_penalty": params.length_penalty, "early_stopping": params.early_stopping}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = model(family).generate(ids, **asked, return_dict_in_generate=True, output_scores=True)
    scores = out.sequences_scores.tolist() if params.beams > 1 else [None]
    found = []
    for sequence, score in zip(out.sequences.tolist(), scores, strict=True):
        tokens = sequence[1:]
        ends = [i for i, token in enumerate(tokens) if token in params.eos]
        found.append(Hypothesis(tuple(tokens[: ends[0] + 1] if ends else tokens), score))
    return found


@dataclass
class Source:
    """A source in a batch: its encoder state and its row."""

    state: Any
    row: Any


def ours(family: str, sources: list[tuple[Any, DecodeParams]], late: int = 0) -> list[list[Hypothesis]]:
    """Decode sources together, without a cache: each live hypothesis is computed anew.

    The last one joins only after `late` steps, and rows leave as they end.
    """
    everyone = [Source(state, make_row(params)) for state, params in sources]
    waiting = [everyone[-1]] if late else []
    live = everyone[: len(everyone) - len(waiting)]
    step = 0
    while live or waiting:
        if waiting and (step >= late or not live):
            live.append(waiting.pop())
        logits = torch.cat([decode(family, source) for source in live])
        advance([source.row for source in live], logits)
        live = [source for source in live if not source.row.ended]
        step += 1
    return [source.row.best() for source in everyone]


def decode(family: str, source: Source) -> Tensor:
    """Logits after the hypotheses of one source, computed apart from other sources."""
    ids = torch.tensor([list(history.ids) for history in source.row.histories])
    hidden = source.state.last_hidden_state.expand(len(ids), -1, -1)
    return model(family)(encoder_outputs=(hidden,), decoder_input_ids=ids, use_cache=False).logits[:, -1].clone()


@dataclass
class Tally:
    """Sequences compared, and those that differ though their scores tie."""

    compared: int = 0
    ties: int = 0
    wrong: tuple[object, ...] = ()

    def add(self, case: object, got: list[Hypothesis], want: list[Hypothesis]) -> None:
        """Compare the answers to one request."""
        if len(got) != len(want):
            self.wrong += ((case, got, want),)
            return
        for mine, theirs in zip(got, want, strict=True):
            self.compared += 1
            near = mine.score is None or mine.score == pytest.approx(theirs.score, rel=TIE, abs=TIE)
            if mine.tokens == theirs.tokens and near:
                continue
            if near and mine.score is not None:
                self.ties += 1
            else:
                self.wrong += ((case, mine, theirs),)

    def check(self) -> None:
        """Nothing differs but ties, and those are few."""
        assert not self.wrong, f"{len(self.wrong)} of {self.compared} differ, {self.ties} ties; first: {self.wrong[0]}"
        assert self.compared
        assert self.ties <= ALLOWED_TIES * self.compared, f"{self.ties} of {self.compared} sequences differ by ties"


# Each line is laid over the whole grid of beams and families in turn, so that every pair of settings meets somewhere.
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"length_penalty": 2.0, "early_stopping": True},
    {"length_penalty": 0.0, "early_stopping": "never"},
    {"length_penalty": -1.0},
    {"length_penalty": 0.6, "early_stopping": "never", "max_new_tokens": 17},
    {"eos": (5, 9, 17, 60), "early_stopping": True},
    {"eos": (3, 4, 130), "length_penalty": 1.7, "min_new_tokens": 4},
    {"no_repeat_ngram_size": 2},
    {"no_repeat_ngram_size": 1, "min_new_tokens": 5},
    {"no_repeat_ngram_size": 3, "repetition_penalty": 1.3, "max_new_tokens": 14},
    {"repetition_penalty": 0.7},
    {"repetition_penalty": 1.5, "renormalize_logits": True},
    {"renormalize_logits": True, "bad_words": ((1,), (2,), (7,)), "forced_eos": 2},
    {"bad_words": ((8, 9), (10, 11, 12), (20,), (2, 3))},
    {"suppress": tuple(range(40, 80)), "begin_suppress": (2, 3, 4)},
    {"forced_bos": 100, "forced_eos": 2, "begin_suppress": (11, 12)},
    {"forced_bos": 101, "eos": (2, 6), "early_stopping": True, "no_repeat_ngram_size": 2},
    {"max_new_tokens": 1},
    {"max_new_tokens": 2, "forced_eos": 2},
    {"suppress": tuple(i for i in range(VOCABULARY) if i not in (2, 9, 30, 31, 32, 33, 34))},
    {"eos": ()},
)


@pytest.mark.heavy
@pytest.mark.parametrize("family", FAMILIES)
def test_every_setting_gives_what_generate_gives(family: str) -> None:
    """Tokens and sequence scores of n-best beam search and of greedy search, one request at a time."""
    tally = Tally()
    for number, (setting, beams) in enumerate(itertools.product(SETTINGS, (1, 2, 4))):
        ids, state = encode(family, number, 2 + number % 7)
        params = params_of(family, beams=beams, **setting)
        tally.add((family, beams, setting), ours(family, [(state, params)])[0], reference(family, ids, params))
    tally.check()


def test_random_settings_give_what_generate_gives() -> None:
    """Settings drawn at random, all at once."""
    chance = random.Random(7)
    tally = Tally()
    lengths = set()
    for number in range(120):
        family = chance.choice(FAMILIES)
        beams = chance.randint(1, 5)
        chosen = {
            "beams": beams,
            "num_return": chance.randint(1, beams),
            "max_new_tokens": chance.randint(1, 12),
            "min_new_tokens": chance.choice((0, 0, 1, 3, 12)),
            "length_penalty": chance.choice((-0.5, 0.0, 0.6, 1.0, 2.0)),
            "early_stopping": chance.choice((True, False, "never")),
            "no_repeat_ngram_size": chance.choice((0, 0, 1, 2, 3)),
            "repetition_penalty": chance.choice((1.0, 1.0, 0.8, 1.2, 3.0)),
            "renormalize_logits": chance.choice((True, False)),
            "eos": tuple(chance.sample(range(VOCABULARY), chance.randint(1, 6))),
            "bad_words": tuple(
                tuple(chance.choices(range(VOCABULARY), k=chance.randint(1, 3))) for _ in range(chance.randint(0, 30))
            ),
            "suppress": tuple(chance.sample(range(52, VOCABULARY), chance.choice((0, 5, 60)))),
            "begin_suppress": tuple(chance.sample(range(3, VOCABULARY), chance.choice((0, 20)))),
            "forced_bos": chance.choice((None, 50, 51)),
            "forced_eos": chance.choice((None, 2)),
        }
        ids, state = encode(family, number, chance.randint(1, 12))
        params = params_of(family, **chosen)
        got, want = ours(family, [(state, params)])[0], reference(family, ids, params)
        lengths |= {len(hypothesis.tokens) for hypothesis in want}
        if all(hypothesis.score is None or hypothesis.score > -1e6 for hypothesis in want):
            tally.add((family, chosen), got, want)
    tally.check()
    assert tally.compared > 150
    assert lengths == set(range(1, 13))


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_in_one_batch_do_not_disturb_each_other(family: str) -> None:
    """Greedy rows and beams with all kinds of settings together, one joining late, each as `generate` has it alone."""
    tally = Tally()
    for size in (1, 2, 7, 16):
        cases = []
        for number in range(size):
            setting = SETTINGS[(number * 5 + size) % len(SETTINGS)]
            ids, state = encode(family, 1000 + number, 1 + (number * 3) % 11)
            cases.append((ids, state, params_of(family, beams=1 + number % 5, **setting)))
        together = ours(family, [(state, params) for _, state, params in cases], late=3 if size > 1 else 0)
        for (ids, _, params), got in zip(cases, together, strict=True):
            tally.add((family, size, params), got, reference(family, ids, params))
    tally.check()


@pytest.mark.parametrize("ties", [False, True])
def test_a_row_is_bitwise_the_same_in_any_company(ties: bool) -> None:
    """Nothing moves by a bit when other rows share the step, at a vocabulary of real size and where scores tie."""
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(9, 20_011, generator=generator) * 4
    logits = logits.round() if ties else logits
    params = params_of("bart", beams=3, repetition_penalty=1.2, renormalize_logits=True)
    others = [params_of("bart", beams=1), params_of("bart", beams=5, no_repeat_ngram_size=2), params]
    for company in ([], others[:1], others):
        row, mates = BeamRow(params), [make_row(other) for other in company]
        steps = []
        for step in range(3):
            live = len(row.histories)
            shared = [torch.roll(logits, step, 1)[: len(mate.histories)] for mate in mates if not mate.ended]
            own = torch.roll(logits, 77 * step, 1)[:live]
            running = [mate for mate in mates if not mate.ended]
            steps.append(advance([*running, row], torch.cat([*shared, own]))[-1])
            steps.append([list(history.ids) for history in row.histories])
            steps.append([*row._running])
        if not company:
            alone = steps
        assert steps == alone


def test_one_hypothesis_lives_until_hypotheses_differ() -> None:
    """Nothing is computed twice: before a choice is made there is one live hypothesis, forced token or not."""
    params = params_of("bart", beams=4, forced_bos=9)
    row = BeamRow(params)
    assert len(row.histories) == 1
    assert advance([row], torch.randn(1, VOCABULARY)) == [[(0, 9)]]
    assert [list(history.ids) for history in row.histories] == [[2, 9]]
    (steps,) = advance([row], torch.randn(1, VOCABULARY))
    assert len(steps) == len(set(steps)) == len(row.histories) == 4
    assert {source for source, _ in steps} == {0}


def test_steps_say_where_each_hypothesis_comes_from() -> None:
    """Reordering by the answered indices reproduces the histories."""
    row = BeamRow(params_of("bart", beams=4, max_new_tokens=30, eos=(2, 3)))
    mirror = [[2]]
    for step in range(12):
        torch.manual_seed(step)
        (moves,) = advance([row], torch.randn(len(mirror), VOCABULARY) * 0.1)
        mirror = [[*mirror[source], token] for source, token in moves]
        assert mirror == [list(history.ids) for history in row.histories]
    assert not row.ended


def test_scores_that_are_not_numbers_fail_their_row_alone() -> None:
    """A row with NaN ends with a reason, its neighbours go on."""
    good, bad, beam = (make_row(params_of("bart", beams=beams)) for beams in (1, 1, 3))
    logits = torch.randn(3, VOCABULARY)
    logits[1, 5] = logits[2, 6] = float("nan")
    moves = advance([good, bad, beam], logits)
    assert moves[0] and not moves[1] and not moves[2]
    assert not good.failed
    assert bad.ended and bad.failed and bad.best() == []
    assert beam.ended and beam.failed and beam.best() == []


def test_fewer_finished_than_asked_for_are_not_filled_up() -> None:
    """When masks leave two sequences, n-best has two."""
    params = params_of("bart", beams=3, suppress=tuple(i for i in range(VOCABULARY) if i not in (2, 9)))
    row = BeamRow(replace(params, max_new_tokens=1))
    advance([row], torch.zeros(1, VOCABULARY))
    assert row.ended
    assert {hypothesis.tokens for hypothesis in row.best()} >= {(2,), (9,)}
