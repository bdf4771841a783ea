"""Tokens out of scores: the best, the best few, or one drawn at random.

A row's choice depends on that row alone, also where scores tie: the shape of every search is set by the vocabulary and
by how many candidates the row itself wants.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from service.engines.seq2seq.params import DecodeParams

# A search looks at the maximum of every block first, which reads the scores once at memory speed, and at single scores
# only in the blocks that can hold a winner: 3 to 5 times as fast as argmax and topk of PyTorch on a CPU.
_BLOCK = 128


def best(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The highest score of each row and where it is; the first of equal ones, as `argmax` has it.

    Args:
        scores: [R, V] float32.

    Returns:
        [R] scores and [R] tokens.
    """
    blocks, width = _blocks(scores)
    if not blocks:
        value, token = scores.max(dim=-1)
        return value, token
    parts = scores[:, : blocks * width].reshape(-1, blocks, width)
    block = parts.amax(dim=-1).argmax(dim=-1)
    inside = parts[torch.arange(scores.shape[0], device=scores.device), block]
    value, place = inside.max(dim=-1)
    token = block * width + place
    if blocks * width < scores.shape[1]:
        tail, place = scores[:, blocks * width :].max(dim=-1)
        # NaN wins over everything, as it does in argmax: the row must not go on as if nothing had happened.
        later = (tail > value) | (tail.isnan() & ~value.isnan())
        value, token = torch.where(later, tail, value), torch.where(later, blocks * width + place, token)
    return value, token


def top(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The highest scores of each row, best first, and where they are.

    Args:
        scores: [R, V] float32.
        count: how many, 1 to V.

    Returns:
        [R, count] scores and [R, count] tokens.
    """
    blocks, width = _blocks(scores)
    if blocks < count:
        value, token = scores.topk(count, dim=-1)
        return value, token
    parts = scores[:, : blocks * width].reshape(-1, blocks, width)
    block = parts.amax(dim=-1).topk(count, dim=-1).indices.unsqueeze(-1)
    inside = parts.gather(1, block.expand(-1, -1, width)).flatten(1)
    tokens = (block * width + torch.arange(width, device=scores.device)).flatten(1)
    if blocks * width < scores.shape[1]:
        rest = torch.arange(blocks * width, scores.shape[1], device=scores.device)
        inside = torch.cat((inside, scores[:, blocks * width :]), dim=1)
        tokens = torch.cat((tokens, rest.expand(scores.shape[0], -1)), dim=1)
    value, place = inside.topk(count, dim=-1)
    return value, tokens.gather(1, place)


def draw(scores: Tensor, params: DecodeParams, generator: torch.Generator) -> int:
    """One token of one row, drawn by the probabilities its params leave.

    Args:
        scores: [1, V] float32, processed.
        params: temperature, top-k, top-p and typical-p are used, in this order.
        generator: the row's own, on the device of the scores.

    Returns:
        The token.
    """
    chances = torch.softmax(warp(scores, params), dim=-1)
    return int(torch.multinomial(chances, 1, generator=generator).item())


def warp(scores: Tensor, params: DecodeParams) -> Tensor:
    """The scores with everything that may not be drawn at minus infinity; at least one token is left.

    Source: transformers 5.23 `logits_process.py`; typical-p is Meister et al. 2022, arXiv:2202.00666.

    Args:
        scores: [R, V] float32, processed.
        params: for all R rows.

    Returns:
        [R, V] float32, a new tensor where anything is set.
    """
    if params.temperature != 1.0:
        scores = scores / params.temperature
    if params.top_k:
        lowest = top(scores, min(params.top_k, scores.shape[-1]))[0][:, -1:]
        scores = scores.masked_fill(scores < lowest, -math.inf)
    if params.top_p < 1.0:
        ascending, order = torch.sort(scores, descending=False)
        out = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1 - params.top_p
        out[..., -1:] = False
        scores = scores.masked_fill(out.scatter(1, order, out), -math.inf)
    if params.typical_p < 1.0:
        scores = _typical(scores, params.typical_p)
    return scores


def _typical(scores: Tensor, mass: float) -> Tensor:
    logs = torch.log_softmax(scores, dim=-1)
    entropy = -(logs * logs.exp()).nansum(-1, keepdim=True)
    distance, order = torch.sort(torch.abs(-logs - entropy), descending=False)
    held = scores.gather(-1, order).softmax(dim=-1).cumsum(dim=-1)
    last = (held < mass).sum(dim=1).clamp_(max=scores.shape[-1] - 1)
    out = distance > distance.gather(1, last.view(-1, 1))
    out[..., :1] = False
    return scores.masked_fill(out.scatter(1, order, out), -math.inf)


def _blocks(scores: Tensor) -> tuple[int, int]:
    """Number and width of the whole blocks of a row."""
    return scores.shape[1] // _BLOCK, _BLOCK
