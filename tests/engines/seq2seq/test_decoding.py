"""How a row is decoded, from what its folder wants and how often it was asked for."""

from __future__ import annotations

import pytest

from service.engines.seq2seq.configuration import GenerationDefaults
from service.engines.seq2seq.decoding import another_way, params_for


@pytest.mark.parametrize(("beams", "rows", "then"), [(1, 32, 4), (1, 2, 2), (4, 32, 1), (1, 1, 1)])
def test_another_way_is_another_search(beams: int, rows: int, then: int) -> None:
    """Greedy search becomes beam search within the rows there are, and beam search becomes greedy."""
    first = params_for(GenerationDefaults(start=0, pad=1, eos=(2,), beams=beams))
    again = another_way(first, rows)
    assert again.beams == then
    assert (again.no_repeat_ngram_size, again.repetition_penalty) == (3, 1.1)
    assert (again.max_new_tokens, again.eos) == (first.max_new_tokens, first.eos)


def test_another_way_keeps_stronger_wishes() -> None:
    """What the folder wants against repetition is not made weaker."""
    wishes = GenerationDefaults(start=0, pad=1, eos=(2,), no_repeat_ngram_size=2, repetition_penalty=1.5)
    again = another_way(params_for(wishes), 8)
    assert (again.no_repeat_ngram_size, again.repetition_penalty) == (2, 1.5)
