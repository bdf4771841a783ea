"""The language of a text, with an honest `und` where there is none to be told.

The script decides first: most scripts are used by one language of the table, the others narrow the choice. What is left
goes to py3langid's model (byte n-grams, naive Bayes), restricted to the languages of the table.
"""

from __future__ import annotations

import io
import lzma
import math
import re
import threading
import unicodedata
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import py3langid
from numpy.typing import NDArray
from py3langid.langid import visit_counts

from service import languages
from service.pipeline.close_languages import Evidence
from service.pipeline.script import OTHER, count_scripts, han_kinds, script_of
from service.records import Candidate, Detection

UNDETERMINED = "und"

_MODEL_FILE = Path(py3langid.__file__).parent / "data" / "model.npz.xz"

# The walk over the model costs about 0.13 µs a byte; beyond this much text the answer does not change any more.
_SAMPLE_CHARACTERS = 800
_SAMPLE_PIECES = 4
_SAMPLE_BYTES = 1600

# Fitted on short texts, see bench/quality/langid.py: the model's own probabilities are too low.
_TEMPERATURE = 0.75
_RARE_PENALTY = 1.0
_LEAST_CONFIDENCE = 0.35
_LEAST_CONFIDENCE_SHORT = 0.7
_SHORT_LETTERS = 20

_NOISE = re.compile(
    r"\b(?:https?://|www\.)\S+"
    r"|[\w.+-]{1,64}@[\w.-]{1,64}"
    r"|[@#]\w{1,64}"
    r"|[\d_<>|*=~^\\/\[\]{}]"
    r"|[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]"
)
_BLANKS = re.compile(r"\s+")

# Languages with little text in the world: without strong evidence a short text is more likely in a neighbour.
_RARE = frozenset(
    [
        "as",
        "ba",
        "br",
        "ckb",
        "fo",
        "fy",
        "gd",
        "gl",
        "gn",
        "ha",
        "ht",
        "ig",
        "jv",
        "ku",
        "ky",
        "lb",
        "ln",
        "mg",
        "mt",
        "ne",
        "nso",
        "oc",
        "om",
        "ps",
        "qu",
        "rw",
        "sa",
        "se",
        "tg",
        "tk",
        "tt",
        "ug",
        "uz",
        "wa",
    ]
)


class _Candidates:
    """The languages that share a script, and the columns of the model that tell them apart."""

    def __init__(self, script: str, rows: list[languages.Language], labels: list[str], table: NDArray[Any]) -> None:
        columns = [(index, column) for index, row in enumerate(rows) for column in _columns(row, labels)]
        self.codes = [row.code for row in rows]
        self.group = np.array([index for index, _ in columns], dtype=np.intp)
        self.table = np.ascontiguousarray(table[:, [column for _, column in columns]])
        self.columns = np.array([column for _, column in columns], dtype=np.intp)
        self.penalty = np.array([_RARE_PENALTY * (code in _RARE) for code in self.codes], dtype=np.float32)
        self.evidence = Evidence(self.codes, script)


def _columns(row: languages.Language, labels: list[str]) -> list[int]:
    return [column for column, label in enumerate(labels) if label in row.labels]


def _read_model(path: Path) -> tuple[NDArray[Any], NDArray[Any], list[str], array[int], list[int], list[int]]:
    """The arrays of the model file: weights, prior, labels, moves, row of each state, feature of each state.

    py3langid's own reader unpacks them, 68 MB, into a temporary file. A container's `/tmp` is often smaller than that.
    """
    with lzma.open(path) as packed:
        unpacked = io.BytesIO(packed.read())
    with np.load(unpacked, allow_pickle=False) as data:
        moves = array(data["nextmove"].dtype.char)
        moves.frombytes(data["nextmove"].tobytes())
        labels, rows, features = (data[name].tolist() for name in ("classes", "nextmove_row", "out_feat"))
        return data["ptc"], data["pc"], labels, moves, rows, features


class _Model:
    """The model's tables, cut to the languages of the table, in arrays that stay shared after a fork."""

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
            script: _Candidates(script, found, labels, table) for script, found in scripts.items() if len(found) > 1
        }

    def chances(self, text: str, among: _Candidates) -> NDArray[np.float32] | None:
        """The probability of each candidate, None when the text has no known n-gram."""
        # Blanks around the text let n-grams that start or end a word count at its edges too.
        data = unicodedata.normalize("NFC", f" {text} ").encode("utf-8", "surrogatepass")[:_SAMPLE_BYTES]
        visits = visit_counts(self.moves, self.rows, self.features, data)
        if not visits:
            return None
        index = np.fromiter(visits.keys(), dtype=np.intp, count=len(visits))
        counts = np.fromiter(visits.values(), dtype=np.float32, count=len(visits))
        scores = np.log1p(counts) @ among.table[index].astype(np.float32) + self.prior[among.columns]
        best = np.full(len(among.codes), -np.inf, dtype=np.float32)
        np.maximum.at(best, among.group, scores)
        best = best / np.float32(_TEMPERATURE * math.sqrt(len(data))) - among.penalty + among.evidence.scores(text)
        chances = np.exp(best - best.max())
        normal: NDArray[np.float32] = chances / chances.sum()
        return normal


_lock = threading.Lock()
_loaded: list[_Model] = []


def load() -> None:
    """Read the model, once; about a second. Done before a fork, its tables are shared by the children."""
    with _lock:
        if not _loaded:
            _loaded.append(_Model())


def warm() -> None:
    """Load the model and run it once."""
    load()
    detect("A short text that runs through every step once.")


def detect(text: str, top: int = 3) -> Detection:
    """The language of a text.

    Args:
        text: any string; only a few samples of a long one are read.
        top: most candidates wanted, at least 0.
    Returns:
        A tag of the table and its probability, 0 to 1, or (`und`, 0.0) when nothing can be told or no candidate is
        probable enough. `alternatives` holds up to `top` candidates, best first, the answer itself included; they are
        listed for `und` too unless the text has no letters.
    """
    cleaned = _sample(text)
    letters = Counter(cleaned)
    scripts = count_scripts(letters)
    if not scripts:
        return Detection(UNDETERMINED, 0.0)
    ranked = _rank(cleaned, letters, scripts, max(top, 1))
    if not ranked:
        return Detection(UNDETERMINED, 0.0)
    candidates = tuple(Candidate(code, confidence) for code, confidence in ranked[:top])
    code, confidence = ranked[0]
    least = _LEAST_CONFIDENCE_SHORT if scripts.total() < _SHORT_LETTERS else _LEAST_CONFIDENCE
    if confidence < least:
        return Detection(UNDETERMINED, 0.0, candidates)
    return Detection(code, confidence, candidates)


def _sample(text: str) -> str:
    """Stretches from the start to the end of a text, free of what is in no language."""
    cleaned = _clean(_pieces(text, _SAMPLE_CHARACTERS))
    if len(text) > _SAMPLE_CHARACTERS and len(cleaned) < _SAMPLE_CHARACTERS // 4:
        # Mostly links or figures: look at more of it once, still bounded.
        cleaned = _clean(_pieces(text, 16 * _SAMPLE_CHARACTERS))[:_SAMPLE_CHARACTERS]
    return cleaned.lower() if cleaned.isupper() else cleaned


def _pieces(text: str, characters: int) -> str:
    if len(text) <= characters:
        return text
    size = characters // _SAMPLE_PIECES
    stride = (len(text) - size) // (_SAMPLE_PIECES - 1)
    return " ".join(text[start : start + size] for start in range(0, stride * _SAMPLE_PIECES, stride))


def _clean(text: str) -> str:
    return _BLANKS.sub(" ", _NOISE.sub(" ", text)).strip()


def _rank(text: str, letters: Counter[str], scripts: Counter[str], top: int) -> list[tuple[str, float]]:
    """Candidates with their probabilities, best first."""
    # A Han character carries about as much as a short word.
    weight = {script: times * (3 if script == "Hani" else 1) for script, times in scripts.items() if script != OTHER}
    if not weight:
        return []
    script = max(weight, key=lambda name: weight[name])
    share = weight[script] / sum(weight.values())
    if script in ("Hani", "Kana", "Hang"):
        return _rank_east_asian(letters, scripts)
    if not _loaded:
        load()
    model = _loaded[0]
    if script in model.alone:
        # A lone letter is more often a sign (π, µ) than a word.
        return [(model.alone[script], share if scripts[script] > 1 else 0.3)]
    among = model.shared.get(script)
    if among is None:
        return []
    foreign = {ord(letter): " " for letter in letters if script_of(letter) not in ("", script)}
    chances = model.chances(text.translate(foreign) if foreign else text, among)
    if chances is None:
        return []
    order = np.argsort(-chances, kind="stable")[:top]
    return [(among.codes[i], float(chances[i]) * share) for i in order]


def _rank_east_asian(letters: Counter[str], scripts: Counter[str]) -> list[tuple[str, float]]:
    """Chinese, Japanese or Korean, told by their characters alone."""
    kana, hangul, han = scripts["Kana"], scripts["Hang"], scripts["Hani"]
    kinds = han_kinds(letters)
    if hangul >= kana and hangul > han / 4:
        return [("ko", hangul / (hangul + kana) * 0.99)]
    if kana > (kana + han) / 20:
        return [("ja", 0.99)]
    if kinds["Jpan"] > (kinds["Hans"] + kinds["Hant"]) / 10:
        return [("ja", 0.9), ("zh-Hans", 0.05), ("zh-Hant", 0.05)]
    simplified, traditional = kinds["Hans"], kinds["Hant"]
    japanese = 0.3 / (1 + han / 4)
    # Without a distinguishing character both forms are right, and the commoner one is answered.
    hans = (1 - japanese) * (simplified + 0.05) / (simplified + traditional + 0.05) if traditional else 1 - japanese
    hant = 1 - japanese - hans
    return sorted([("zh-Hans", hans), ("zh-Hant", hant), ("ja", japanese)], key=lambda pair: -pair[1])
