"""Make `service/data/language_grams.npz`, the table of `service/pipeline/word_grams.py`.

    python -m scripts.language_grams SOURCES

A linear classifier over hashed letter groups and whole words, trained with stochastic gradient descent on words drawn
from the frequencies that scripts/language_words.py reads: every language equally often, one to fourteen words at a
time, some without their accents, some with a foreign word among them, and nonsense as a class of its own. Needs the
packages of the neural engines; about a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from scripts.language_words import fragments, frequencies
from service.pipeline.word_grams import LONGEST_GRAM, NONE, TABLE, code_points, hashes

# Script: bits of a table row, steps of training.
SCRIPTS = {"Latn": (17, 9000), "Cyrl": (16, 3000), "Arab": (15, 1500), "Deva": (15, 1500)}
_KEYS = {
    "Latn": ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    "Cyrl": ("йцукенгшщзх", "фывапролджэ", "ячсмитьбю"),
    "Arab": ("ضصثقفغعهخحج", "شسيبلاتنمك", "ئءؤرىةوزظ"),
    "Deva": ("कखगघचछजझ", "टठडढणतथद", "धनपफबभमयरलवशषसह"),
}
_STEP = 0.25
_SAMPLES = 512
_RATE = 0.5
_LENGTHS = (1, 1, 1, 1, 2, 2, 2, 3, 4, 5, 7, 10, 14)
_UNACCENTED = str.maketrans("đøłı", "doli")


class Draw:
    """Endless words of each language, at three degrees of flattening of their frequencies."""

    def __init__(self, shares: dict[str, dict[str, float]], seed: int) -> None:
        self.languages = sorted(shares)
        self._random = np.random.default_rng(seed)
        self._words = {language: list(shares[language]) for language in self.languages}
        self._sums = {
            language: [np.cumsum(weights**power) for power in (1.0, 0.75, 0.45)]
            for language in self.languages
            for weights in [np.array(list(shares[language].values()))]
        }
        self._waiting: dict[tuple[str, int], Iterator[str]] = {}

    def word(self, language: str, flatness: int) -> str:
        """A word of a language."""
        key = language, flatness
        for word in self._waiting.get(key, ()):
            return word
        sums = self._sums[language][flatness]
        picked = np.searchsorted(sums, self._random.random(4000) * sums[-1])
        self._waiting[key] = iter([self._words[language][min(int(i), len(sums) - 1)] for i in picked])
        return next(self._waiting[key])


def _unaccented(word: str) -> str:
    parts = unicodedata.normalize("NFD", word)
    return "".join(sign for sign in parts if not unicodedata.combining(sign)).translate(_UNACCENTED)


def _nonsense(draw: Draw, script: str) -> str:
    kind, letters = random.random(), "".join(_KEYS[script])
    if kind < 0.25:
        return "".join(random.choices(random.choice(_KEYS[script]), k=random.randint(4, 12)))
    if kind < 0.45:
        word = list(draw.word(random.choice(draw.languages), 1))
        random.shuffle(word)
        if len(word) > 5:
            return "".join(word)
    if kind < 0.55:
        return random.choice(letters) * random.randint(3, 8)
    return "".join(random.choices(letters, k=random.randint(3, 12)))


def _sample(draw: Draw, script: str) -> tuple[list[str], int]:
    """Some words and the number of their language."""
    if random.random() < 0.04:
        return [_nonsense(draw, script) for _ in range(random.choice((1, 1, 2, 3, 5)))], len(draw.languages)
    label = random.randrange(len(draw.languages))
    count = random.choice(_LENGTHS)
    flatness = random.choice((0, 1, 1, 2) if count > 2 else (1, 1, 1, 2))
    words = [draw.word(draw.languages[label], flatness) for _ in range(count)]
    if count > 3 and random.random() < 0.3:
        words[random.randrange(count)] = draw.word(random.choice(draw.languages), 1)
    if script == "Latn" and random.random() < 0.12:
        words = [_unaccented(word) for word in words]
    return words, label


class Batches:
    """Table rows of samples with their labels, a quarter of them fragments of words."""

    def __init__(self, sources: Path, script: str, bits: int) -> None:
        self.draw = Draw(frequencies(sources, script), 1)
        self.script, self.bits = script, bits
        self._random = np.random.default_rng(2)
        parts = fragments(sources, script)
        self._fragments = [
            (self.draw.languages.index(language), points, np.cumsum(shares**0.7))
            for language, (points, shares) in parts.items()
            if language in self.draw.languages
        ]

    def next(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Rows, how many of them each sample has, labels."""
        count = _SAMPLES * 3 // 4 if self._fragments else _SAMPLES
        samples = [_sample(self.draw, self.script) for _ in range(count)]
        texts = [f" {' '.join(words)} " for words, _ in samples]
        rows, places = hashes(code_points("".join(texts)), self.bits)
        owners = np.repeat(np.arange(count), [len(text) for text in texts])[places]
        order = np.argsort(owners, kind="stable")
        rows, sizes = rows[order], np.bincount(owners, minlength=count)
        labels = np.array([label for _, label in samples])
        if self._fragments:
            more, more_labels = self._next_fragments(_SAMPLES - count)
            rows = np.concatenate([rows, more.ravel()])
            sizes = np.concatenate([sizes, np.full(len(more), more.shape[1])])
            labels = np.concatenate([labels, more_labels])
        return rows, sizes, labels

    def _next_fragments(self, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        picked = [self._fragments[i] for i in self._random.integers(0, len(self._fragments), count)]
        letters = np.stack(
            [points[np.searchsorted(sums, self._random.random() * sums[-1])] for _, points, sums in picked]
        )
        # As one row of letters without blanks, cut where one fragment ends: groups across the cut are left out.
        rows, places = hashes(letters.ravel(), self.bits)
        sizes = np.repeat(np.arange(1, LONGEST_GRAM + 1), letters.size - np.arange(LONGEST_GRAM))
        inside = places % LONGEST_GRAM + sizes <= LONGEST_GRAM
        order = np.argsort(places[inside] // LONGEST_GRAM, kind="stable")
        return rows[inside][order].reshape(count, -1), np.array([label for label, _, _ in picked])


def train(batches: Batches, steps: int) -> NDArray[np.float32]:
    """Weights: a row for each hash, a column for each language and one for nonsense; Adagrad, one rate a row."""
    columns = len(batches.draw.languages) + 1
    weights = torch.zeros(1 << batches.bits, columns)
    squares = torch.full((1 << batches.bits,), 1e-2)
    for step in range(steps):
        rate = _RATE * (1 - step / steps) + 0.01
        rows, sizes, labels = (torch.from_numpy(part) for part in batches.next())
        scale = sizes.clamp(min=1).float().rsqrt()
        starts = sizes.cumsum(0) - sizes
        sums = torch.nn.functional.embedding_bag(rows, weights, starts, mode="sum") * scale[:, None]
        error = torch.softmax(sums, 1)
        if step % 200 == 0:
            print(step, round(float((sums.argmax(1) == labels).float().mean()), 3), flush=True)
        error[torch.arange(len(labels)), labels] -= 1
        error *= scale[:, None]
        owners = torch.repeat_interleave(torch.arange(len(labels)), sizes)
        squares.index_add_(0, rows, error.square().sum(1)[owners])
        weights.index_add_(0, rows, error[owners] * (-rate / squares[rows].sqrt())[:, None])
    found: NDArray[np.float32] = weights.numpy()
    return found


def main() -> None:
    """Train a table for each script and write them into one file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, help="the folder that scripts/language_words.py describes")
    parser.add_argument("--output", type=Path, default=TABLE)
    parser.add_argument("--scripts", nargs="*", default=list(SCRIPTS))
    parser.add_argument("--steps", type=int, help="instead of the usual number")
    arguments = parser.parse_args()
    random.seed(1)
    arrays: dict[str, NDArray[np.generic] | np.float32] = {}
    for script in arguments.scripts:
        bits, steps = SCRIPTS[script]
        batches = Batches(arguments.sources, script, bits)
        weights = train(batches, arguments.steps or steps)
        weights -= weights.mean(axis=1, keepdims=True)
        arrays[script] = np.clip(np.round(weights / _STEP), -127, 127).astype(np.int8)
        arrays[f"{script}-labels"] = np.array([*batches.draw.languages, NONE])
        arrays[f"{script}-step"] = np.float32(_STEP)
    np.savez_compressed(arguments.output, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
