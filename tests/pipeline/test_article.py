"""The language of an article: what decides it and when it is called a guess."""

from __future__ import annotations

from service.pipeline import article
from service.pipeline.requests import SummarizeRequest

GERMAN = (
    "Der Fluss stieg in der Nacht wieder an, und am Morgen wurde die alte Brücke gesperrt. Niemand wurde verletzt, "
    "doch der Weg zur Schule ist nun doppelt so lang. Die Stadt will bis zum Herbst entscheiden, ob man sie neu baut."
)
ENGLISH = (
    "The river rose again during the night, and the old bridge was closed in the morning. Nobody was hurt, but the way "
    "to school is now twice as long. The town wants to decide by autumn whether it will be built anew."
)


def read(*paragraphs: str) -> article.Read:
    """The article of these paragraphs."""
    return article.read(SummarizeRequest(text="\n\n".join(paragraphs), clean=False), 100_000)


def test_the_body_decides_not_what_comes_first() -> None:
    """A paragraph in another language before or after the story changes neither the language nor its sentences."""
    for paragraphs in ([ENGLISH, *[GERMAN] * 4], [*[GERMAN] * 4, ENGLISH]):
        found = read(*paragraphs)
        assert found.language == "de"
        assert found.warnings == ()


def test_an_article_in_two_languages_is_called_a_guess() -> None:
    """Half and half is answered with one of them, the other listed, and a warning."""
    found = read(GERMAN, ENGLISH, GERMAN, ENGLISH)
    assert {candidate.language for candidate in found.detection.alternatives[:2]} == {"de", "en"}
    assert [warning.code for warning in found.warnings] == ["language_uncertain"]


def test_blocks_from_all_over_are_read() -> None:
    """A long foreign list at the start of a long article does not hide the story."""
    found = read(*["Read more about the weather here"] * 12, *[GERMAN] * 30)
    assert found.language == "de"
