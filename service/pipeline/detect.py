"""The language of a text, with an honest `und` where there is none to be told.

The script decides first: most scripts are used by one language of the table, the others narrow the choice. What is left
goes to language_model.py. A text whose paragraphs are in several languages is told by paragraph.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from typing import NamedTuple

import numpy as np

from service.pipeline.language_model import Model
from service.pipeline.script import OTHER, count_scripts, han_kinds, script_of
from service.records import Candidate, Detection

UNDETERMINED = "und"

# The walk over the model costs about 0.13 µs a byte; beyond this much text the answer does not change any more.
_SAMPLE_CHARACTERS = 800
_SAMPLE_PIECES = 4

# Answered only above this confidence, by how many letters there are; see bench/quality/langid.py.
_LEAST_CONFIDENCE = 0.4
_LEAST_CONFIDENCE_SHORT = ((12, 0.71), (20, 0.62))
# A second script with this share of the letters is answered as an alternative.
_SECOND_SCRIPT = 0.15

# Paragraphs are looked at in pieces of about this size, so many of them.
_PIECE_CHARACTERS = 200
_PIECES = 6
# A piece counts as in another language only when it is that sure, and such pieces are that much of the text.
_SURE = 0.85
_OTHER_SHARE = 0.12

# Markup in what should be plain text.
_MARKUP = re.compile(r"<[/!a-zA-Z][^<>]{0,200}>|&#?\w{2,8};")
_NOISE = re.compile(
    r"\b(?:https?://|www\.)\S+"
    r"|[\w.+-]{1,64}@[\w.-]{1,64}"
    r"|[@#]\w{1,64}"
    r"|[\d_<>|*=~^\\/\[\]{}]"
    r"|[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]"
)
_BLANKS = re.compile(r"\s+")
# Laughter and keys held down.
_REPEATED = re.compile(r"(?:(\w{1,3})\1{2,}\w{0,2}\W*)+")
_REPEATED_CHARACTERS = 40
_PARAGRAPH = re.compile(r"\n+")
# Source code: its signs are that much of what is written.
_CODE = re.compile(r"[{}();=<>\[\]&|+*\\$_]|->|::|//|[\w\]]\.[a-z]\w*\(")
_CODE_SHARE = 0.07

_lock = threading.Lock()
_loaded: list[Model] = []
_loaders: list[threading.Thread] = []

_Ranked = list[tuple[str, float]]


class _Lettered(NamedTuple):
    """A cleaned text, the characters in it, and whether a quick look at it is enough."""

    text: str
    letters: Counter[str]
    quick: bool


def load() -> None:
    """Read the model, once; about a second. Done before a fork, its tables are shared by the children."""
    with _lock:
        if not _loaded:
            _loaded.append(Model())


def begin_loading() -> None:
    """Read the model in a thread, so that a process can import the rest of itself meanwhile; `warm` waits for it.

    Unpacking takes half of the time, and does not hold the interpreter's lock.
    """
    loader = threading.Thread(target=load, name="language model")
    _loaders.append(loader)
    loader.start()


def warm() -> None:
    """Load the model and run it once. No thread of this is left then: a fork is safe."""
    while _loaders:
        _loaders.pop().join()
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
        listed for `und` too unless the text has no letters. Of a text whose paragraphs are in several languages, each
        language's figure is about its share.
    """
    cleaned = _sample(text)
    letters = Counter(cleaned)
    scripts = count_scripts(letters)
    if not scripts:
        return Detection(UNDETERMINED, 0.0)
    ranked = _by_paragraph(text) or _rank(cleaned, letters, scripts)
    if not ranked:
        return Detection(UNDETERMINED, 0.0)
    candidates = tuple(Candidate(code, confidence) for code, confidence in ranked[:top])
    code, confidence = ranked[0]
    # A Han character or two make a word.
    if confidence < _least_confidence(scripts.total() + 5 * scripts["Hani"]) or _is_no_language(text, cleaned):
        return Detection(UNDETERMINED, 0.0, candidates)
    return Detection(code, confidence, candidates)


def _least_confidence(letters: int) -> float:
    return next((least for below, least in _LEAST_CONFIDENCE_SHORT if letters < below), _LEAST_CONFIDENCE)


def _is_no_language(text: str, cleaned: str) -> bool:
    """Whether a text is source code or mere noise rather than language."""
    if len(cleaned) <= _REPEATED_CHARACTERS and _REPEATED.fullmatch(cleaned):
        return True
    piece = _pieces(text, _SAMPLE_CHARACTERS)
    signs = _CODE.findall(_MARKUP.sub(" ", piece))
    return len(set(signs)) > 3 and len(signs) > _CODE_SHARE * len(piece)


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
    return _BLANKS.sub(" ", _NOISE.sub(" ", _MARKUP.sub(" ", text) if "<" in text or "&" in text else text)).strip()


def _by_paragraph(text: str) -> _Ranked:
    """Languages by their share of the paragraphs, where these are in several; else nothing."""
    if "\n" not in text:
        return []
    pieces = _paragraphs(text)
    # Most texts are in one language, which a quick look at a few pieces is enough to see.
    if len(pieces) < 2 or not _shares([pieces[0], *pieces[len(pieces) // 2 : -1][:1], pieces[-1]], quick=True):
        return []
    return _shares(pieces, quick=False)


def _shares(pieces: list[str], *, quick: bool) -> _Ranked:
    """Languages of the pieces by their share; nothing unless two of them are sure and long enough."""
    shares: dict[str, float] = {}
    sure: Counter[str] = Counter()
    for piece in pieces:
        cleaned = _sample(piece)
        letters = Counter(cleaned)
        scripts = count_scripts(letters)
        ranked = _rank(cleaned, letters, scripts, quick=quick) if scripts else []
        for code, confidence in ranked:
            shares[code] = shares.get(code, 0.0) + confidence * scripts.total()
        if ranked and ranked[0][1] >= _SURE:
            sure[ranked[0][0]] += scripts.total()
    total = sum(shares.values())
    if sum(count >= _OTHER_SHARE * total for count in sure.values()) < 2:
        return []
    return sorted(((code, share / total) for code, share in shares.items()), key=lambda pair: -pair[1])


def _paragraphs(text: str) -> list[str]:
    """The starts of some paragraphs from all over a text, short ones gathered up."""
    span = 64 * _PIECES * _PIECE_CHARACTERS
    gathered: list[str] = []
    for part in _PARAGRAPH.split(text[:span]):
        if gathered and len(gathered[-1]) < _PIECE_CHARACTERS // 2:
            gathered[-1] += f" {part}"
        else:
            gathered.append(part)
    if len(gathered) > _PIECES:
        last = len(gathered) - 1
        gathered = [gathered[round(number * last / (_PIECES - 1))] for number in range(_PIECES)]
    return [part[:_PIECE_CHARACTERS] for part in gathered]


def _rank(text: str, letters: Counter[str], scripts: Counter[str], *, quick: bool = False) -> _Ranked:
    """Candidates with their probabilities, best first."""
    # A Han character carries about as much as a short word.
    weight = {script: times * (3 if script == "Hani" else 1) for script, times in scripts.items() if script != OTHER}
    if not weight:
        return []
    first, *others = sorted(weight, key=lambda name: -weight[name])
    total = sum(weight.values())
    if first in ("Hani", "Kana", "Hang"):
        return _rank_east_asian(letters, scripts)
    lettered = _Lettered(text, letters, quick)
    ranked = _rank_script(lettered, first, weight[first] / total, scripts[first])
    for script in others[:1]:
        share = weight[script] / total
        if share >= _SECOND_SCRIPT and scripts[script] > 3 and script not in ("Hani", "Kana", "Hang"):
            ranked += _rank_script(lettered, script, share, scripts[script])
            ranked.sort(key=lambda pair: -pair[1])
    return ranked


def _rank_script(given: _Lettered, script: str, share: float, count: int) -> _Ranked:
    """Candidates written in one script, their probabilities multiplied by its share of the text."""
    if not _loaded:
        load()
    model = _loaded[0]
    if script in model.alone:
        # A lone letter is more often a sign (π, µ) than a word.
        return [(model.alone[script], share if count > 1 else 0.3)]
    among = model.shared.get(script)
    if among is None:
        return []
    foreign = {ord(letter): " " for letter in given.letters if script_of(letter) not in ("", script)}
    found = model.chances(given.text.translate(foreign) if foreign else given.text, among, quick=given.quick)
    if found is None:
        return []
    chances, none = found
    weight = share * (1 - none)
    return [(among.codes[i], float(chances[i]) * weight) for i in np.argsort(-chances, kind="stable")]


def _rank_east_asian(letters: Counter[str], scripts: Counter[str]) -> _Ranked:
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
