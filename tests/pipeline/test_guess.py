"""Guesses of the language of words that are too short to tell."""

from __future__ import annotations

import pytest

from service.pipeline.guess import likeliest
from service.pipeline.requests import TranslateRequest
from service.records import Candidate, Detection
from tests.pipeline.scripted import Scripted, context, tagging, translator

NOTHING = Detection("und", 0.0, (Candidate("hu", 0.2), Candidate("pl", 0.4), Candidate("sk", 0.35)))


@pytest.mark.parametrize(
    ("text", "usable", "language", "confidence"),
    [
        ("OK", {"hu", "pl", "sk"}, "pl", 0.4),
        ("OK", {"hu", "sk"}, "sk", 0.35),
        ("OK", {"hu"}, "en", 0.0),
        ("Oké", {"hu"}, "hu", 0.2),
        ("Oké", set(), "en", 0.0),
    ],
)
def test_the_likeliest_that_can_be_used(text: str, usable: set[str], language: str, confidence: float) -> None:
    """In plain letters a weak guess gives way to English, and so does what nothing can be done with."""
    assert likeliest(NOTHING, text, usable.__contains__) == Detection(language, confidence)


def test_a_translation_guesses_only_where_it_is_asked_to_and_in_one_go() -> None:
    """What is told stays; the guess is in the reply with its confidence, and the warning that nothing was told."""
    backend = Scripted((translator("any", 1, ("en", "es"), ("de", "es")),), {"any": tagging})
    texts = ("OK", "Guten Morgen, liebe Leserinnen und Leser", "42")
    plain = backend.pipeline().translate(TranslateRequest(texts, ("es",)), context())
    assert [one.language for one in plain.languages] == ["und", "de", "und"]
    assert plain.translations[0].error is not None
    backend.jobs.clear()
    reply = backend.pipeline().translate(TranslateRequest(texts, ("es",), guess=True), context())
    assert [one.language for one in reply.languages] == ["en", "de", "und"]
    assert [one.error for one in reply.translations] == [None] * 3
    assert [job.source for job in backend.jobs] == ["en", "de"]
    assert reply.warnings == plain.warnings
