"""What is known of each sentence of a text before any is chosen, as one row of numbers.

Which weight each number has is in `service/data/extractive.toml`. All are of the order of one, and differences between
the sentences of one text are what counts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from service.engines.extractive.matrix import Flags, Floats, Matrix

NAMES = (
    "mass",
    "cluster",
    "first",
    "second",
    "near",
    "early",
    "full",
    "long",
    "title",
    "question",
    "unfinished",
    "tiny",
    "mass_many",
    "mass_share",
    "full_many",
    "full_share",
    "length_share",
    "second_of_two",
)

_FULL = 130.0  # characters from which a sentence is not too short to say something
_LONG = 250.0  # and from which it is longer than readers like
_NEAR, _EARLY, _EARLY_SHARE = 2.0, 2.0, 0.1  # reach of the two position priors: sentences, or a share of them
# What most summaries are like: the weights of products are those of a departure from it.
_USUAL_SHARE, _USUAL_MANY = 0.3, 0.4
_SIGNIFICANT_SHARE, _SIGNIFICANT_LEAST = 0.1, 5
ENOUGH = 7.0  # sentences; in fewer, what comes back is more and more chance
_GAP = 4  # words between two significant ones that still belong together

_TERMINAL = ".!?…。！？．｡।॥؟۔؛።፧៕។៖։;:»”’\"'」』)）"
QUESTION = ("?", "？", "؟", "፧", "՞")
_DENSE = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_MARKS = r"\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_WORD = re.compile(rf"[{_DENSE}]|(?:[^\W_{_DENSE}]|[{_MARKS}])+")


def features(texts: Sequence[str], matrix: Matrix, titled: bool, count: int) -> Floats:
    """Return one row a sentence, with the columns of `NAMES`.

    Args:
        texts: distinct, without outer blanks, not empty; at least one.
        matrix: of the texts, and after them of the title.
        titled: whether the last row of the matrix is a title.
        count: how many sentences the summary will likely have, at least 1.
    """
    size = len(texts)
    index = np.arange(size)
    spaced = _spaced(texts)
    # A character of a script without blanks says about as much as two of any other.
    lengths = np.fromiter(map(len, texts), dtype=np.float64, count=size) * (1.0 if spaced else 2.0)
    evidence = min(1.0, size / ENOUGH)
    mass = evidence * _mass(matrix, size)
    full = np.minimum(lengths / _FULL, 1.0)
    relative = np.log((lengths + 10.0) / (lengths.mean() + 10.0))
    share = min(count / size, 1.0) - _USUAL_SHARE
    many = 1.0 - 1.0 / count - _USUAL_MANY
    ended = np.fromiter((text[-1] in _TERMINAL for text in texts), dtype=bool, count=size)
    columns = (
        mass,
        evidence * _clusters(texts),
        index == 0,
        index == 1,
        np.exp(-index / _NEAR),
        np.exp(-index / max(_EARLY, _EARLY_SHARE * size)),
        full,
        np.maximum(0.0, np.log(lengths / _LONG)),
        matrix.similarity_to(size)[:size] if titled else np.zeros(size),
        np.fromiter((text.endswith(QUESTION) for text in texts), dtype=bool, count=size),
        ~ended & (2 * int(ended.sum()) > size),
        _tiny(texts, spaced),
        mass * many,
        mass * share,
        full * many,
        full * share,
        relative * share,
        (index == 1) & (count == 2),
    )
    return np.stack(columns, axis=1).astype(np.float64, copy=False)


def _spaced(texts: Sequence[str]) -> bool:
    """Tell whether blanks part the words of a text."""
    return sum(text.count(" ") for text in texts) * 12 >= sum(map(len, texts))


def _mass(matrix: Matrix, size: int) -> Floats:
    """Return how much of what the text comes back to each sentence holds, as the log of its ratio to the mean."""
    own = matrix.row < size
    row, col = matrix.row[own], matrix.col[own]
    spread = np.bincount(col, minlength=matrix.columns)
    said = np.log(np.maximum(spread, 1.0))[col]
    held = np.bincount(row, said, minlength=size).astype(np.float64, copy=False)
    result: Floats = np.log1p(held) - math.log1p(held.mean())
    return result


def _tiny(texts: Sequence[str], spaced: bool) -> Flags:
    """Return which sentences have fewer than four words."""
    few = (len(text.split(maxsplit=4)) < 4 if spaced else len(text) < 8 for text in texts)
    return np.fromiter(few, dtype=bool, count=len(texts))


def _clusters(texts: Sequence[str]) -> Floats:
    """Return how close together each sentence holds significant words, as the log of its ratio to the mean.

    Source: Luhn, The automatic creation of literature abstracts (1958).
    """
    words = [_WORD.findall(text.lower()) for text in texts]
    spread = Counter(word for found in words for word in set(found))
    # The order of words that are equally common must not hang on that of a set.
    common = sorted(spread.items(), key=lambda entry: (-entry[1], entry[0]))
    most = max(_SIGNIFICANT_LEAST, int(_SIGNIFICANT_SHARE * len(spread)))
    significant = frozenset(word for word, count in common[:most] if count > 1)
    best = np.fromiter((_densest(found, significant) for found in words), dtype=np.float64, count=len(texts))
    result: Floats = np.log1p(best) - math.log1p(best.mean())
    return result


def _densest(words: Sequence[str], significant: frozenset[str]) -> float:
    """Return the squared count of significant words in a stretch, by its length, for the stretch where that is most."""
    best = 0.0
    first = last = -1
    held = 0
    for place, word in enumerate(words):
        if word not in significant:
            continue
        if held and place - last <= _GAP:
            held += 1
        else:
            first, held = place, 1
        last = place
        best = max(best, held * held / (last - first + 1))
    return best
