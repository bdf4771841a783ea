"""What the runner tells of requests while they run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from service.engines.seq2seq.decoding import params_for
from service.engines.seq2seq.model import Seq2SeqModel, load_model
from service.engines.seq2seq.runner import Budget, Runner
from tests.engines.seq2seq import tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seq2SeqModel]:
    """A random model of the BART family."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_model(tiny.save(tiny.make("bart"), tmp_path_factory.mktemp("bart")))
    torch.set_num_threads(threads)


def test_greedy_requests_show_what_they_write(model: Seq2SeqModel) -> None:
    """Tokens seen one step after another are those of the end; a beam search shows none before it ends."""
    generation = model.spec.generation
    runner = Runner(model, Budget(rows=20))
    rows = tiny.sources(4, 3)
    for key, row in enumerate(rows):
        runner.add(key, row, params_for(generation, max_new_tokens=12, beams=3 if key == 3 else 1))
    seen: dict[int, list[int]] = {key: [] for key in range(len(rows))}
    ended: dict[int, tuple[int, ...]] = {}
    shown = 0
    while runner.busy:
        ended.update({one.key: one.hypotheses[0].tokens for one in runner.step()})
        for key, tokens in seen.items():
            fresh = runner.written(key, len(tokens))
            assert len(fresh) <= 1
            shown += len(fresh)
            tokens += fresh
    assert shown > 6
    assert seen[3] == []
    for key in range(3):
        assert tuple(seen[key]) == ended[key][:-1]
    assert runner.written(99) == ()
