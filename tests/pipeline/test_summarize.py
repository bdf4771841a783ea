"""Which way an article takes to its summary, and what the reply says of it."""

from __future__ import annotations

import pytest

from service.errors import EngineFailed, Overloaded, UnsupportedLanguage
from service.pipeline.requests import SummarizeReply, SummarizeRequest, TranslateRequest
from service.records import Check, Job, Result, Task, TranslateResult
from tests.pipeline.scripted import Scripted, chunked, context, extractive, summarizer, tagging, translator

ARTICLE = (
    "Die alte Fähre fährt seit Montag wieder zu den Inseln im Norden. "
    "Zwei Jahre lang lag sie im Hafen, weil ein Sturm den Steg zerstört hatte. "
    "Die Stadt hat den größten Teil der Kosten bezahlt."
)
BOTH_WAYS = (("de", "en"), ("en", "de"), ("en", "fr"), ("de", "fr"))
ENGLISH = summarizer("english", 100, "en")
EXTRACTIVE = summarizer("extractive", 900, "*", quality="extractive")
NEURAL = translator("neural", 300, *BOTH_WAYS)
ROUGH = translator("rough", 900, *BOTH_WAYS, quality="gist")


def summarized(backend: Scripted, **fields: object) -> SummarizeReply:
    """The reply for ARTICLE."""
    request = SummarizeRequest(**{"text": ARTICLE, "language": "de", **fields})  # type: ignore[arg-type]
    return backend.pipeline().summarize(request, context())


def backend(*models: object, **answers: object) -> Scripted:
    """A backend with the usual answers."""
    usual = {"english": chunked(100, each=2), "extractive": extractive, "neural": tagging, "rough": tagging}
    return Scripted(models, {**usual, **answers})  # type: ignore[arg-type]


def test_a_better_summarizer_is_reached_through_a_translator() -> None:
    """German goes to English, is summarized, and comes back; the reply says so and sources stay in the article."""
    used = backend(ENGLISH, EXTRACTIVE, NEURAL)
    reply = summarized(used, translate_to=("fr", "en"))
    summary = reply.summary
    assert (summary.engine, summary.route) == ("neural+english+neural", ("de", "en", "de"))
    assert (summary.language, summary.degraded) == ("de", None)
    assert summary.text.startswith("<de> <en> Die alte Fähre")
    quoted = [reply.source[one.sources[0].start : one.sources[0].end] for one in summary.sentences]
    assert quoted == [f"{part}." for part in ARTICLE.split(". ")[:2]]
    assert [(job.task, job.source, job.target) for job in used.jobs[:3]] == [
        (Task.TRANSLATE, "de", "en"),
        (Task.SUMMARIZE, "en", ""),
        (Task.TRANSLATE, "en", "de"),
    ]
    french, english = reply.translations
    assert (french.route, english.engine) == (("en", "fr"), "none")
    # What looks like a tag at the start of a sentence stays there.
    assert french.text.startswith("<en> <fr> Die alte")
    assert reply.coverage.used_characters == len(ARTICLE) - 2
    assert not reply.coverage.truncated
    assert {model.id for model in reply.provenance.models} == {"english", "neural"}


def test_a_summary_in_the_pivot_language_is_not_translated_back() -> None:
    """The way ends where the caller wants it."""
    reply = summarized(backend(ENGLISH, EXTRACTIVE, NEURAL), summary_language="en")
    assert (reply.summary.engine, reply.summary.route) == ("neural+english", ("de", "en"))
    reply = summarized(backend(ENGLISH, EXTRACTIVE, NEURAL), summary_language="fr")
    assert reply.summary.route == ("de", "en", "fr")


def test_a_rough_translator_is_not_put_before_a_good_summarizer() -> None:
    """The way round is as good as its worst model."""
    reply = summarized(backend(ENGLISH, EXTRACTIVE, ROUGH))
    assert (reply.summary.engine, reply.summary.route) == ("extractive", ("de",))
    assert reply.summary.degraded is None
    reply = summarized(backend(ENGLISH, EXTRACTIVE, ROUGH, NEURAL), translate_engine="rough")
    assert reply.summary.engine == "extractive"


def test_a_named_engine_is_reached_through_any_translator() -> None:
    """Whoever names the model gets it; without a way to it the language is not supported."""
    reply = summarized(backend(ENGLISH, EXTRACTIVE, ROUGH), engine="english")
    assert reply.summary.engine == "rough+english+rough"
    with pytest.raises(UnsupportedLanguage):
        summarized(backend(ENGLISH, EXTRACTIVE), engine="english")
    one_way = translator("one-way", 300, ("de", "en"))
    with pytest.raises(UnsupportedLanguage):
        summarized(backend(ENGLISH, EXTRACTIVE, one_way), engine="english")


def test_languages_list_what_reaches_them() -> None:
    """Models that need a translator are listed where there is one, as good as the worst on the way."""
    listed = {
        entry.code: entry.engines for entry in backend(ENGLISH, EXTRACTIVE, NEURAL).pipeline().languages().languages
    }
    assert listed["en"] == ("english", "extractive")
    assert listed["de"] == ("english", "extractive")
    assert listed["fr"] == ("extractive",)
    rough = {
        entry.code: entry.engines for entry in backend(ENGLISH, EXTRACTIVE, ROUGH).pipeline().languages().languages
    }
    assert rough["de"] == ("extractive", "english")


def test_a_way_round_that_fails_degrades_to_the_direct_model() -> None:
    """The reply names what it was degraded to."""

    def broken(job: Job) -> Result:
        raise EngineFailed("no")

    reply = summarized(backend(ENGLISH, EXTRACTIVE, NEURAL, neural=broken))
    assert (reply.summary.engine, reply.summary.degraded) == ("extractive", "extractive")
    assert [warning.code for warning in reply.warnings] == ["degraded"]
    with pytest.raises(EngineFailed):
        summarized(backend(ENGLISH, EXTRACTIVE, NEURAL, neural=broken), engine="english")


def test_load_does_not_change_the_engine() -> None:
    """A full queue on the way round is a full queue for the caller."""

    def full(job: Job) -> Result:
        raise Overloaded("full", retry_after_s=1)

    with pytest.raises(Overloaded):
        summarized(backend(ENGLISH, EXTRACTIVE, NEURAL, neural=full))


def test_a_long_article_is_not_translated_to_be_summarized() -> None:
    """It is read directly, and the reply says why."""
    reply = summarized(backend(ENGLISH, EXTRACTIVE, NEURAL), text="\n\n".join([ARTICLE] * 150))
    assert reply.summary.engine == "extractive"
    assert [warning.code for warning in reply.warnings] == ["read_directly"]


def test_doubts_of_every_step_are_told() -> None:
    """A doubted translation on the way is reported as one."""

    def doubted(job: Job) -> Result:
        made = tagging(job)
        return TranslateResult(made.segments, made.route, 0, (Check(0, "too_short", "flagged"),))

    reply = summarized(backend(ENGLISH, EXTRACTIVE, NEURAL, neural=doubted), translate_to=("fr",))
    assert [(one.task, one.check) for one in reply.summary.checks] == [(Task.TRANSLATE, "too_short")]
    (french,) = reply.translations
    (check,) = french.checks
    assert (check.check, check.action, check.segment) == ("too_short", "flagged", 0)
    # What looks like a tag before a sentence is no part of it.
    assert french.text[check.start : check.end].startswith("<fr> Die alte Fähre")


def test_checks_of_a_translation_name_their_segment_and_its_place() -> None:
    """Over paragraphs, with what stands between them kept."""

    def doubted(job: Job) -> Result:
        made = tagging(job)
        return TranslateResult(made.segments, made.route, 0, (Check(2, "loop", "redecoded"),))

    used = backend(NEURAL, neural=doubted)
    request = TranslateRequest(("Das ist gut. Es regnet.\n\n  Wir gehen nach Hause.",), ("en",), "de")
    reply = used.pipeline().translate(request, context())
    (made,) = reply.translations
    (check,) = made.checks
    assert made.text[check.start : check.end] == "<en> Wir gehen nach Hause."
    assert made.text == "<en> Das ist gut. <en> Es regnet.\n\n  <en> Wir gehen nach Hause."
