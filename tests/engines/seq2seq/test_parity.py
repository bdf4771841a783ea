"""Token ids against `generate` of transformers, over every family, in float32."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch

from service.engines.seq2seq.decoding import params_for
from service.engines.seq2seq.model import Seq2SeqModel, load_model
from service.engines.seq2seq.policies import DecodeParams
from service.engines.seq2seq.runner import Budget, Runner
from tests.engines.seq2seq import tiny

NEW_TOKENS = 16
_counts = {"rows": 0, "ties": 0}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", autouse=True)
def _ties_stay_rare() -> Iterator[None]:
    """Ties are allowed, not hidden: they are counted over the module and printed."""
    yield
    print(f"\n{_counts['rows']} rows compared, {_counts['ties']} parted at a tie")
    assert _counts["ties"] <= _counts["rows"] // 100


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Reference and own model of a family, made once."""

    @cache
    def made(name: str) -> tuple[Any, Seq2SeqModel]:
        model = tiny.make(name)
        return model, load_model(tiny.save(model, tmp_path_factory.mktemp("model")))

    return made


def check(model: Any, rows: list[list[int]], found: list[tuple[int, ...]], **options: Any) -> list[tuple[int, ...]]:
    """Compare with `generate` on each row alone; a row may part where two scores tie. Returns the reference."""
    wanted = [tiny.theirs(model, row, max_new_tokens=NEW_TOKENS, do_sample=False, **options) for row in rows]
    for row, one, other in zip(rows, found, wanted, strict=True):
        _counts["rows"] += 1
        if one != other:
            assert options["num_beams"] == 1 and tiny.tied(model, row, one, other), (one, other)
            _counts["ties"] += 1
    return wanted


@pytest.mark.parametrize("name", tiny.FAMILIES)
def test_greedy_tokens_are_those_of_generate(name: str, pair: Any) -> None:
    """Sixteen ragged rows in one batch write what `generate` writes for each alone, and do not all write the same."""
    model, own = pair(name)
    rows = tiny.sources(16, seed=3)
    found = tiny.ours(own, rows, params_for(own.spec.generation, max_new_tokens=NEW_TOKENS))
    wanted = check(model, rows, found, num_beams=1)
    assert len(set(wanted)) > 3
    assert len({len(row) for row in wanted}) > 1


@pytest.mark.parametrize("beams", [2, 5])
@pytest.mark.parametrize("name", ["m2m100", "marian", "bart", "t5", "umt5"])
def test_beam_search_is_that_of_generate(name: str, beams: int, pair: Any) -> None:
    """Rows of beam search share caches and reorder them without mixing anything up."""
    model, own = pair(name)
    rows = tiny.sources(5, seed=beams)
    params = params_for(own.spec.generation, max_new_tokens=NEW_TOKENS, beams=beams)
    check(model, rows, tiny.ours(own, rows, params), num_beams=beams)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["nllb", "mbart", "flan-t5"])
def test_company_changes_nothing(name: str, seed: int, pair: Any) -> None:
    """Rows that join at any time, greedy beside beams, long beside short, some dropped, end as they do alone."""
    model, own = pair(name)
    chooser = random.Random(seed)
    rows = tiny.sources(chooser.randint(1, 16), seed=seed + 50, longest=90)
    greedy = params_for(own.spec.generation, max_new_tokens=NEW_TOKENS, beams=1)
    beamed = params_for(own.spec.generation, max_new_tokens=NEW_TOKENS, beams=3)
    chosen = [chooser.choice((greedy, greedy, beamed)) for _ in rows]
    found, dropped = _in_waves(own, rows, chosen, chooser)
    for key, params in enumerate(chosen):
        if key not in dropped:
            check(model, [rows[key]], [found[key]], num_beams=params.beams)


def _in_waves(
    own: Seq2SeqModel, rows: list[list[int]], params: list[DecodeParams], chooser: random.Random
) -> tuple[dict[int, tuple[int, ...]], set[int]]:
    runner = Runner(own, Budget(rows=1000, batch_tokens=chooser.choice((1, 64, 512)), step_tokens=32))
    left, found, dropped = list(range(len(rows))), {}, set()
    while left or runner.busy:
        for _ in range(min(len(left), chooser.randint(0, 3))):
            key = left.pop()
            runner.add(key, rows[key], params[key])
        if chooser.random() < 0.03 and len(found) < len(rows) - 2:
            key = chooser.randrange(len(rows))
            if key not in left and key not in found:
                runner.drop(key)
                dropped.add(key)
        for done in runner.step():
            found[done.key] = done.hypotheses[0].tokens
    return found, dropped


def test_a_runner_gives_everything_back(pair: Any) -> None:
    """When the last row has ended or been dropped, no row, lane or cache is left."""
    _, own = pair("bart")
    runner = Runner(own, Budget(rows=8))
    params = params_for(own.spec.generation, max_new_tokens=NEW_TOKENS, beams=2)
    for key, row in enumerate(tiny.sources(4, seed=9)):
        runner.add(key, row, params)
    assert runner.free_rows() == 0
    runner.step()
    runner.drop(2)
    runner.drop(2)
    assert runner.free_rows() == 2
    while runner.busy:
        runner.step()
    assert runner.free_rows() == 8
    assert not runner._lanes and not runner._live


def test_long_sources_are_encoded_in_slices(pair: Any) -> None:
    """While a row decodes, a source over the budget takes a step per layer, and the row moves on in each."""
    _, own = pair("m2m100")
    runner = Runner(own, Budget(rows=8, batch_tokens=64, step_tokens=16))
    params = params_for(own.spec.generation, max_new_tokens=NEW_TOKENS)
    runner.add(1, [5, 6, 2], params)
    runner.step()
    runner.add(2, [9] * 80 + [2], params)
    runner.step()
    assert set(runner._live) == {1}
    runner.step()
    assert set(runner._live) >= {2}


def test_a_key_names_one_request(pair: Any) -> None:
    """A key in use and an empty source are refused."""
    _, own = pair("m2m100")
    runner = Runner(own)
    params = params_for(own.spec.generation)
    runner.add(1, [5, 2], params)
    with pytest.raises(ValueError, match="in use"):
        runner.add(1, [5, 2], params)
    with pytest.raises(ValueError, match="at least one token"):
        runner.add(2, [], params)
