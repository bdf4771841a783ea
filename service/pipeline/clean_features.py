"""What the lines of a text look like, as numbers: the facts that the cleaning model weighs.

Structure comes first: how long a line is, how it ends, what stands around it, how often it is repeated, how many of its
words are those that glue this text's own sentences. Only the cues of `clean_cues` know any language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.pipeline.clean_chars import count_signs
from service.pipeline.clean_lines import Line

Floats = NDArray[np.float32]
Column = NDArray[Any]
Mask = NDArray[np.bool_]

DATE = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[:.h]\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|年\d+月|년 ?\d+월")
_OPENING_QUOTES = frozenset("\"“”„«»「『‘'")
_COLONS = frozenset(":：")
_CUT_OFF = frozenset(",;-–—(،、，")
_ASKS = frozenset("?!？！؟")
_TRAILS = ("...", "…", "»", ">")
CUES = (
    "related_links", "trending", "timestamp", "byline", "caption", "share_bar", "newsletter", "cookie_notice",
    "advertisement", "copyright", "comments", "footer", "call_to_follow", "ornament",
)  # fmt: skip
_SEEN = (
    "comments", "copyright", "related_links", "trending", "footer", "byline", "timestamp", "share_bar", "caption",
    "newsletter",
)  # fmt: skip
# Lower bounds of the classes of length, in words.
_SIZES = (1, 2, 4, 7, 11, 17, 26, 46)
_SHARES = (0.001, 0.05, 0.2)
_WINDOWS = (6, 15)
_WIDE = ("prose", "loose", "words", "cue", "glue", "like", "date", "capitals", "item", "links")
_BESIDE = 2
_NEAR = 5
# A word glues a text when at least this many of its sentences, and a sixth of them, have it.
_GLUE_LINES = 3
_GLUE_SHARE = 6
# What a line adds to a stretch of running text.
_CUE_WEIGHT, _COMMENTS_WEIGHT, _LOOSE_WEIGHT, _OPEN_SHARE = -12.0, -60.0, -6.0, 0.4
_LONG, _MOST_WORDS = 25, 50
_BAG_CHARACTERS = 400


class _Table:
    """Columns under their names, added one by one or several at once."""

    def __init__(self, rows: int) -> None:
        self.names: list[str] = []
        self._columns: list[Column] = []
        self._rows = rows

    def add(self, name: str, column: Column | float) -> None:
        self.names.append(name)
        self._columns.append(column if isinstance(column, np.ndarray) else np.full(self._rows, column))

    def add_block(self, names: Iterable[str], block: Column) -> None:
        """Add the columns of a matrix."""
        self.names.extend(names)
        self._columns.append(block)

    def matrix(self) -> Floats:
        result = np.empty((self._rows, len(self.names)), dtype=np.float32)
        at = 0
        for column in self._columns:
            if column.ndim == 1:
                result[:, at] = column
                at += 1
            else:
                result[:, at : at + column.shape[1]] = column
                at += column.shape[1]
        return result


def features(text: str, lines: Sequence[Line]) -> tuple[list[str], Floats]:
    """Return what the model weighs.

    Args:
        text: what the lines index.
        lines: at least one; `rule` says which cue, if any, each falls under on its own.

    Returns:
        The names of the features, and their values, one row a line.
    """
    table = _Table(len(lines))
    table.add("bias", 1.0)
    near = _own(table, text, lines)
    _whole_text(table, near)
    _around(table, near)
    return table.names, table.matrix()


def _own(table: _Table, text: str, lines: Sequence[Line]) -> dict[str, Floats]:
    """Add what a line shows itself and in its text; return the columns that neighbours look at."""
    words = np.array([line.words for line in lines], dtype=np.float32)
    closed = np.array([line.closed for line in lines])
    item = np.array([line.item for line in lines])
    signs = count_signs(text, lines)
    table.add("closed", closed)
    table.add("item", item)
    tails = [line.text[-1] for line in lines]
    heads = [line.text[0] for line in lines]
    colon = np.array([c in _COLONS for c in tails])
    lower = np.array([c.islower() for c in heads])
    table.add("colon", colon)
    table.add("cut_off", np.array([c in _CUT_OFF for c in tails]))
    table.add("asks", np.array([c in _ASKS for c in tails]))
    table.add("trails", np.array([line.text.endswith(_TRAILS) for line in lines]))
    table.add("lower_start", lower)
    table.add("odd_start", np.array([not (c.isalnum() or c in _OPENING_QUOTES) for c in heads]))
    table.add("digit_start", np.array([c.isdigit() for c in heads]))
    capitals = signs.capitals / np.maximum(signs.pieces, 1)
    table.add("capitals", capitals)
    table.add("shouts", (signs.upper > 1) & (signs.lower == 0))
    digits = signs.digits / signs.length
    table.add("digits", np.minimum(digits * 2, 1))
    date = np.array([d > 0 and DATE.search(line.text) is not None for d, line in zip(digits, lines, strict=True)])
    table.add("date", date)
    table.add("divider", signs.dividers > 0)
    table.add("address", signs.addresses > 0)
    links = np.minimum(1.0, signs.links * 4 / words)
    table.add("link_marks", links)
    table.add("quotes", signs.quotes > 0)
    table.add("stops_inside", np.log1p(np.minimum(signs.stops, 19)))
    table.add("commas", np.minimum(1.0, signs.commas * 5 / words))
    table.add("signs", 1 - signs.letters / signs.length)
    bucket = np.searchsorted(np.array(_SIZES), words, side="right")
    sizes = bucket[:, None] == np.arange(1, len(_SIZES) + 1)
    table.add_block((f"words_{least}" for least in _SIZES), sizes)
    table.add_block((f"closed_{least}" for least in _SIZES[1:]), sizes[:, 1:] & closed[:, None])
    prose = closed & (words >= 8) | (words >= _LONG)
    near: dict[str, Column] = {
        "prose": prose, "closed": closed, "loose": ~closed & ~item & (words < 16),
        "words": np.minimum(words, _MOST_WORDS) / _MOST_WORDS, "date": date, "capitals": capitals, "links": links,
        "item": item, "colon": colon, "lower": lower,
    }  # fmt: skip
    near |= _in_company(table, lines, words, closed, prose)
    return {name: np.asarray(column, dtype=np.float32) for name, column in near.items()}


def _in_company(table: _Table, lines: Sequence[Line], words: Floats, closed: Mask, prose: Mask) -> dict[str, Column]:
    """Add what shows only beside the other lines: cues, repetition, words shared, the place in the running text."""
    number = {name: i for i, name in enumerate(CUES)}
    cues = np.array([number.get(line.rule or "", -1) for line in lines])
    cue = cues >= 0
    table.add_block((f"cue_{name}" for name in CUES), cues[:, None] == np.arange(len(CUES)))
    count = Counter(line.text for line in lines)
    repeated = np.array([count[line.text] > 1 for line in lines])
    table.add("repeated", repeated)
    bags = [_bag(line) for line in lines]
    glue = _glue(bags, prose)
    glued = np.array([len(bag & glue) / (len(bag) or 1) for bag in bags], dtype=np.float32)
    table.add("glue", glued)
    table.add("glue_open", glued * ~closed)
    running = np.where(closed, np.minimum(words, _MOST_WORDS) + _LOOSE_WEIGHT, _LOOSE_WEIGHT)
    running = np.where(~closed & (words >= _LONG), _OPEN_SHARE * np.minimum(words, _MOST_WORDS), running)
    running = np.where(cue, np.where(cues == number["comments"], _COMMENTS_WEIGHT, _CUE_WEIGHT), running)
    first, last = best_stretch(running)
    index = np.arange(len(lines))
    before, after = np.maximum(first - index, 0), np.maximum(index - last, 0)
    table.add("inside", (before == 0) & (after == 0))
    table.add("before", np.log1p(before) / 3)
    table.add("after", np.log1p(after) / 3)
    table.add("just_before", (before > 0) & (before <= 3))
    table.add("just_after", (after > 0) & (after <= 3))
    like = _likeness(bags, glue, prose, first, last)
    table.add("like", like)
    mass = np.where(prose & ~cue, words, 0.0)
    total = max(1.0, float(mass.sum()))
    left = (np.cumsum(mass) - mass) / total
    for name, share in (("left", left), ("right", 1 - left - mass / total)):
        table.add(name, share)
        for limit in _SHARES:
            table.add(f"{name}_under_{limit}", share < limit)
    hits = cues[:, None] == np.array([number[name] for name in _SEEN])
    table.add_block((f"seen_{name}" for name in _SEEN), np.cumsum(hits, axis=0) > 0)
    table.add_block((f"above_{name}" for name in _SEEN), _past(hits, _NEAR) > 0)
    table.add_block((f"below_{name}" for name in _SEEN), _past(hits[::-1], _NEAR)[::-1] > 0)
    table.add("text_prose", float(mass.sum()) / max(1.0, float(words.sum())))
    return {"cue": cue, "glue": glued, "like": like, "repeated": repeated}


def _whole_text(table: _Table, near: dict[str, Floats]) -> None:
    """Add what holds for the text as a whole, and where in it a line stands."""
    lines = len(near["prose"])
    index = np.arange(lines)
    table.add("text_loose", float(near["loose"].mean()))
    table.add("text_long", min(float(np.log1p(lines)) / 6, 2.0))
    table.add("text_cues", min(1.0, 4 * float(near["cue"].mean())))
    table.add("text_item", float(near["item"].mean()))
    table.add("text_links", float(near["links"].mean()))
    table.add("text_lower", float(near["lower"].mean()))
    table.add("place", index / max(1, lines - 1))
    table.add("from_top", np.minimum(index, 30) / 30)
    table.add("from_end", np.minimum(lines - 1 - index, 30) / 30)
    table.add("first", index == 0)
    table.add("end", index == lines - 1)


def _around(table: _Table, near: dict[str, Floats]) -> None:
    """Add what the lines around show."""
    block = np.stack(list(near.values()), axis=1)
    lines, columns = block.shape
    margin = np.zeros((_BESIDE, columns), dtype=np.float32)
    padded = np.concatenate([margin, block, margin])
    for offset in (-2, -1, 1, 2):
        table.add_block((f"{name}{offset:+d}" for name in near), padded[_BESIDE + offset : _BESIDE + offset + lines])
    wide = np.stack([near[name] for name in _WIDE], axis=1)
    for width in _WINDOWS:
        table.add_block((f"{name}_above_{width}" for name in _WIDE), _past(wide, width) / width)
        table.add_block((f"{name}_below_{width}" for name in _WIDE), _past(wide[::-1], width)[::-1] / width)
    run = run_lengths(near["prose"] == 0)
    table.add("run", np.minimum(run, 20) / 20)
    table.add("run_1", run == 1)
    table.add("run_2", run == 2)


def _bag(line: Line) -> frozenset[str]:
    """The words of a line; pairs of characters where words are not spaced."""
    text = line.text.casefold()
    pieces = text.split()
    if line.words > 2 * len(pieces):
        return frozenset(text[i : i + 2] for i in range(min(len(text) - 1, _BAG_CHARACTERS)))
    return frozenset(pieces)


def _glue(bags: Sequence[frozenset[str]], prose: Mask) -> frozenset[str]:
    """The words that recur in the sentences of this text, whatever its language: "the", "of", "said"."""
    frequent: Counter[str] = Counter()
    sentences = np.flatnonzero(prose)
    for i in sentences:
        frequent.update(bags[int(i)])
    least = max(_GLUE_LINES, len(sentences) // _GLUE_SHARE)
    return frozenset(word for word, count in frequent.items() if count >= least)


def _likeness(bags: Sequence[frozenset[str]], glue: frozenset[str], prose: Mask, first: int, last: int) -> Floats:
    """How much of each line's other words the running text has as well, itself not counted."""
    core: Counter[str] = Counter()
    rests = [[word for word in bag if word not in glue and len(word) > 1] for bag in bags]
    for i in range(first, last + 1):
        if prose[i]:
            core.update(rests[i])
    like = np.zeros(len(bags), dtype=np.float32)
    for i, rest in enumerate(rests):
        own = 1 if first <= i <= last and prose[i] else 0
        like[i] = sum(1 for word in rest if core[word] > own) / (len(rest) + 1)
    return like


def best_stretch(weight: NDArray[np.float64]) -> tuple[int, int]:
    """Return the first and the last index of the stretch with the largest sum."""
    total = np.concatenate([[0.0], np.cumsum(weight)])
    last = int(np.argmax(total[1:] - np.minimum.accumulate(total[:-1])))
    return int(np.argmin(total[: last + 1])), last


def run_lengths(mask: Mask) -> NDArray[np.int64]:
    """Return the length of the run of true values that each place stands in, 0 where it is false."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    run = np.zeros(len(mask), dtype=np.int64)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        run[start:end] = end - start
    return run


def _past(values: Column, width: int) -> NDArray[np.float64]:
    """Sums of the `width` rows before each row."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    index = np.arange(len(values))
    result: NDArray[np.float64] = total[index] - total[np.maximum(index - width, 0)]
    return result
