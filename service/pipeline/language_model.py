"""How probable each language of one script is: three opinions on a text, added up as log odds.

py3langid's model (byte n-grams, naive Bayes) reads the whole text; the table of word_grams.py knows single words; the
rows of close_languages.toml know what tells neighbours apart.
"""

from __future__ import annotations

import io
import lzma
import unicodedata
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import py3langid
from numpy.typing import NDArray
from py3langid.langid import visit_counts

from service import languages
from service.pipeline.close_languages import Evidence
from service.pipeline.word_grams import WordGrams

_MODEL_FILE = Path(py3langid.__file__).parent / "data" / "model.npz.xz"
_SAMPLE_BYTES = 1600

# Fitted on one half of the samples of bench/quality/langid.py, measured on the other; the results are flat around them.
_TEMPERATURE = 2.2
_LENGTH_POWER = 0.35
_WORDS_WEIGHT = 0.9
_EVIDENCE_WEIGHT = 0.6
_RARE_PENALTY = 1.5

# Languages with little text in the world: without strong evidence a short text is more likely in a neighbour.
_RARE = frozenset([
    "as", "ba", "br", "ckb", "fo", "fy", "gd", "gl", "gn", "ha", "ht", "ig",
    "jv", "ku", "ky", "lb", "ln", "mg", "mt", "ne", "nso", "oc", "om", "ps",
    "qu", "rw", "sa", "se", "tg", "tk", "tt", "ug", "uz", "wa",
])  # fmt: skip


class Candidates:
    """The languages that share a script, and what tells them apart."""

    def __init__(self, script: str, rows: list[languages.Language], labels: list[str], table: NDArray[Any]) -> None:
        columns = [(index, column) for index, row in enumerate(rows) for column in _columns(row, labels)]
        self.codes = [row.code for row in rows]
        self.group = np.array([index for index, _ in columns], dtype=np.intp)
        self.columns = np.array([column for _, column in columns], dtype=np.intp)
        self.table = np.take(table, self.columns, axis=1)
        self.penalty = np.array([_RARE_PENALTY * (code in _RARE) for code in self.codes], dtype=np.float32)
        self.evidence = Evidence(self.codes, script)
        self.words = WordGrams(script, self.codes)


def _columns(row: languages.Language, labels: list[str]) -> list[int]:
    return [column for column, label in enumerate(labels) if label in row.labels]


def _read_model(path: Path) -> tuple[NDArray[Any], NDArray[Any], list[str], array[int], list[int], list[int]]:
    """The arrays of the model file: weights, prior, labels, moves, row of each state, feature of each state.

    py3langid's own reader unpacks them, 68 MB, into a temporary file. A container's `/tmp` is often smaller than that.
    """
    # In one call, which lets other threads run meanwhile; a file object would ask for the lock at every few kilobytes.
    with np.load(io.BytesIO(lzma.decompress(path.read_bytes())), allow_pickle=False) as data:
        next_moves = data["nextmove"]
        moves = array(next_moves.dtype.char)
        moves.frombytes(memoryview(next_moves).cast("B"))
        labels, rows, features = (data[name].tolist() for name in ("classes", "nextmove_row", "out_feat"))
        return data["ptc"], data["pc"], labels, moves, rows, features


class Model:
    """All tables, cut to the languages of the table, in arrays that stay shared after a fork."""

    def __init__(self) -> None:
        table, prior, labels, moves, rows, features = _read_model(_MODEL_FILE)
        self.prior = prior.astype(np.float32)
        self.moves = moves
        self.rows = array("I", (row << 8 for row in rows))
        self.features = array("i", features)
        scripts: dict[str, list[languages.Language]] = {}
        for language in languages.all_languages():
            if language.detect:
                scripts.setdefault(language.script, []).append(language)
        self.alone = {script: found[0].code for script, found in scripts.items() if len(found) == 1}
        self.shared = {
            script: Candidates(script, found, labels, table) for script, found in scripts.items() if len(found) > 1
        }

    def chances(self, text: str, among: Candidates, *, quick: bool) -> tuple[NDArray[np.float32], float] | None:
        """The probability of each candidate, and that the text is no language; None when nothing in it is known.

        Args:
            text: letters of one script, a few hundred; its case is kept.
            among: the candidates.
            quick: by the first opinion alone; enough to notice a language that is no neighbour.
        """
        # Blanks around the text let n-grams that start or end a word count at its edges too.
        data = unicodedata.normalize("NFC", f" {text} ").encode("utf-8", "surrogatepass")[:_SAMPLE_BYTES]
        visits = visit_counts(self.moves, self.rows, self.features, data)
        words = None if quick else among.words.scores(text)
        if not visits and words is None:
            return None
        best = -among.penalty
        if not quick:
            best += among.evidence.scores(text) * np.float32(_EVIDENCE_WEIGHT)
        if visits:
            index = np.fromiter(visits.keys(), dtype=np.intp, count=len(visits))
            counts = np.fromiter(visits.values(), dtype=np.float32, count=len(visits))
            scores = np.log1p(counts) @ among.table[index].astype(np.float32) + self.prior[among.columns]
            highest = np.full(len(among.codes), -np.inf, dtype=np.float32)
            np.maximum.at(highest, among.group, scores)
            best += highest / np.float32(_TEMPERATURE * len(data) ** _LENGTH_POWER)
        none = 0.0
        if words is not None:
            best += words[0] * np.float32(_WORDS_WEIGHT)
            none = words[1]
        chances = np.exp(best - best.max())
        normal: NDArray[np.float32] = chances / chances.sum()
        return normal, none
