"""How a checkpoint wants its rows decoded, as parameters of a row."""

from __future__ import annotations

from dataclasses import replace

from service.engines.seq2seq.configuration import GenerationDefaults
from service.engines.seq2seq.params import DecodeParams

_BEAMS = 4
_NGRAM = 3
_PENALTY = 1.1


def params_for(
    defaults: GenerationDefaults,
    *,
    max_new_tokens: int | None = None,
    beams: int | None = None,
    forced_bos: int | None = None,
) -> DecodeParams:
    """Return the checkpoint's own way of decoding with a few things chosen.

    Args:
        defaults: of the checkpoint.
        max_new_tokens: at least 1; the checkpoint's bound unless given.
        beams: at least 1; the checkpoint's number unless given.
        forced_bos: first token, such as the target language; the checkpoint's unless given.
    """
    bound = defaults.max_new_tokens or defaults.max_length - 1
    bound = max_new_tokens or max(1, bound)
    return DecodeParams(
        beams=beams or defaults.beams,
        # A bound shorter than the wanted minimum wins: the row has to end.
        min_new_tokens=min(bound - 1, defaults.min_new_tokens or max(0, defaults.min_length - 1)),
        max_new_tokens=bound,
        length_penalty=defaults.length_penalty,
        early_stopping=defaults.early_stopping,
        no_repeat_ngram_size=defaults.no_repeat_ngram_size,
        repetition_penalty=defaults.repetition_penalty,
        bad_words=defaults.bad_words,
        suppress=defaults.suppress,
        begin_suppress=defaults.begin_suppress,
        forced_bos=defaults.forced_bos if forced_bos is None else forced_bos,
        forced_eos=defaults.forced_eos,
        renormalize_logits=defaults.renormalize_logits,
        eos=defaults.eos,
        pad=defaults.pad,
        start=defaults.start,
    )


def another_way(params: DecodeParams, rows: int) -> DecodeParams:
    """Return how to decode a source once more so that another text may come: beams for greedy search and the reverse.

    Args:
        params: of the first time.
        rows: bound on the beams, at least 1.
    """
    return replace(
        params,
        beams=1 if params.beams > 1 else max(1, min(rows, _BEAMS)),
        no_repeat_ngram_size=params.no_repeat_ngram_size or _NGRAM,
        repetition_penalty=max(params.repetition_penalty, _PENALTY),
    )
