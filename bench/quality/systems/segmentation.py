"""Sentence segmenters. A row is `{"text", "language"}`; an output is where its sentences end, blanks left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bench.quality.worker import Run, System

Row = dict[str, Any]


def ends(text: str, pieces: Iterable[str]) -> list[int]:
    """Return where the pieces of a text end, in code points; pieces may have lost blanks around them."""
    found, at = [], 0
    for piece in pieces:
        shown = piece.strip()
        start = text.find(shown, at) if shown else -1
        if start >= 0:
            at = start + len(shown)
            found.append(at)
    return found


def _by_pieces(split: Callable[[str, str], Iterable[str]]) -> Run:
    return lambda row: ends(row["text"], split(row["text"], row["language"].split("-")[0]))


def _own() -> Run:
    from service.pipeline.segment import sentences
    from service.records import Block

    def run(row: Row) -> list[int]:
        text = row["text"]
        return [one.end for one in sentences(text, [Block(0, len(text))], row["language"])]

    run({"text": "One. Two.", "language": "en"})
    return run


def _sentencex() -> Run:
    import sentencex

    def split(text: str, language: str) -> list[str]:
        try:
            return list(sentencex.segment(language, text))
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # not an Exception, and one row is not the end of the run
                raise RuntimeError("panic") from error
            raise

    return _by_pieces(split)


def _icu() -> Run:
    from icu4py.breakers import SentenceBreaker

    return _by_pieces(lambda text, language: SentenceBreaker(text, language))


def _pysbd() -> Run:
    import pysbd
    from pysbd.languages import LANGUAGE_CODES

    made: dict[str, Any] = {}

    def split(text: str, language: str) -> list[str]:
        code = language if language in LANGUAGE_CODES else "en"
        if code not in made:
            made[code] = pysbd.Segmenter(language=code, clean=False)
        return list(made[code].segment(text))

    return _by_pieces(split)


def _syntok() -> Run:
    from syntok import segmenter

    def run(row: Row) -> list[int]:
        found = []
        for paragraph in segmenter.analyze(row["text"]):
            for sentence in paragraph:
                last = list(sentence)[-1]
                found.append(last.offset + len(last.value))
        return found

    return run


def _punkt() -> Run:
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    tokenizer = PunktSentenceTokenizer()
    return _by_pieces(lambda text, _: tokenizer.tokenize(text))


SYSTEMS = {
    "precis": System("Précis", _own, own=True),
    "sentencex": System("sentencex", _sentencex, package="sentencex"),
    "icu": System("ICU", _icu, package="icu4py"),
    "pysbd": System("pysbd", _pysbd, group="pysbd", package="pysbd"),
    "syntok": System("syntok", _syntok, group="syntok", package="syntok"),
    "punkt": System("nltk punkt, untrained", _punkt, group="nltk", package="nltk"),
}
