"""What becomes of summaries and translations that say more than the article."""

from __future__ import annotations

import pytest

from service.errors import DeadlineExceeded, EngineFailed
from service.pipeline.requests import SummarizeReply, SummarizeRequest
from service.records import Job, SummaryResult, SummarySentence, TranslateResult
from tests.pipeline.scripted import Answer, Scripted, context, extractive, summarizer, tagging, translator

ARTICLE = (
    "Mayor Anna Lindqvist opened the new harbour of Eastbrook on Monday. "
    "Ferries of the Nordline company had waited two years for it. "
    "The town paid for most of the work."
)
TRUE = "Anna Lindqvist opened a harbour in Eastbrook."
FALSE = "The harbour was opened by Boris Feldmann."
EXTRACTIVE = summarizer("extractive", 900, "*", quality="extractive")
WRITER = summarizer("writer", 100, "en")
TRANSLATOR = translator("translator", 300, ("en", "es"), ("en", "fr"))


def written(*texts: str) -> SummaryResult:
    """Sentences of an engine's own."""
    return SummaryResult(tuple(SummarySentence(text, (0,), 1 - place / 10) for place, text in enumerate(texts)))


def writer(*attempts: SummaryResult) -> Answer:
    """A model that writes something else at each attempt."""
    return lambda job: attempts[min(job.summary.attempt, len(attempts) - 1)]


def asked(answer: Answer, faithfulness: str, **fields: object) -> tuple[SummarizeReply, Scripted]:
    """The reply for ARTICLE, and the backend that was used."""
    used = Scripted(
        (WRITER, EXTRACTIVE, TRANSLATOR), {"writer": answer, "extractive": extractive, "translator": tagging}
    )
    request = SummarizeRequest(**{"text": ARTICLE, "language": "en", "faithfulness": faithfulness, **fields})  # type: ignore[arg-type]
    return used.pipeline().summarize(request, context()), used


def test_a_summary_is_flagged_and_left_as_it_is() -> None:
    """With `flag` the text stays, and what the article does not say is named with its place."""
    reply, used = asked(writer(written(TRUE, FALSE)), "flag")
    found = reply.summary.faithfulness
    assert found is not None
    assert reply.summary.text == f"{TRUE} {FALSE}"
    assert [(item.kind, item.text) for item in found.unsupported] == [("name", "Boris Feldmann")]
    (item,) = found.unsupported
    assert reply.summary.text[item.start : item.end] == item.text
    assert (found.verdict, len(used.jobs), reply.summary.checks, reply.warnings) == ("unsupported", 1, (), ())


def test_nothing_is_checked_when_turned_off() -> None:
    """With `off` neither the summary nor its translations carry a verdict."""
    reply, _ = asked(writer(written(FALSE)), "off", translate_to=("es",))
    assert reply.summary.faithfulness is None
    assert reply.translations[0].faithfulness is None


def test_an_article_s_own_sentences_are_supported() -> None:
    """Extractive summaries are checked without a doubt, in a language of any script."""
    reply, _ = asked(writer(written(TRUE)), "strict", engine="extractive")
    assert reply.summary.faithfulness is not None
    assert reply.summary.faithfulness.verdict == "supported"
    assert (reply.summary.engine, reply.summary.degraded) == ("extractive", None)


def test_strict_asks_for_another_summary() -> None:
    """The model is asked once more for something else, and its second answer is the summary."""
    reply, used = asked(writer(written(FALSE), written(TRUE)), "strict")
    assert reply.summary.text == TRUE
    assert [job.summary.attempt for job in used.jobs] == [0, 1]
    assert [(one.check, one.action) for one in reply.summary.checks] == [("unsupported", "redecoded")]
    assert (reply.summary.degraded, reply.warnings) == (None, ())


def test_strict_keeps_what_is_true_of_a_second_answer() -> None:
    """A model that writes the same again loses the sentences that are doubted."""
    reply, _ = asked(writer(written(FALSE, TRUE)), "strict")
    assert reply.summary.text == TRUE
    assert reply.summary.engine == "writer"


def test_strict_falls_back_to_the_article_s_sentences() -> None:
    """When nothing that the model writes is supported, the summary is extractive and says so."""
    reply, _ = asked(writer(written(FALSE)), "strict")
    assert reply.summary.text.startswith("Mayor Anna Lindqvist")
    assert (reply.summary.engine, reply.summary.degraded) == ("extractive", "extractive")
    assert [warning.code for warning in reply.warnings] == ["degraded"]
    assert reply.summary.faithfulness is not None
    assert reply.summary.faithfulness.verdict == "supported"


def test_strict_falls_back_when_asking_again_fails() -> None:
    """An error of the second attempt is no error of the request."""

    def answer(job: Job) -> SummaryResult:
        if job.summary.attempt:
            raise EngineFailed("no")
        return written(FALSE)

    assert asked(answer, "strict")[0].summary.degraded == "extractive"


def test_strict_does_not_outlive_the_deadline() -> None:
    """When there is no time left nothing else is tried."""

    def answer(job: Job) -> SummaryResult:
        if job.summary.attempt:
            raise DeadlineExceeded("late")
        return written(FALSE)

    with pytest.raises(DeadlineExceeded):
        asked(answer, "strict")


def test_strict_without_anything_better_says_so() -> None:
    """Without an extractive engine the doubted text is delivered with its verdict and a warning."""
    used = Scripted((WRITER,), {"writer": writer(written(FALSE))})
    request = SummarizeRequest(text=ARTICLE, language="en", faithfulness="strict")
    reply = used.pipeline().summarize(request, context())
    assert reply.summary.text == FALSE
    assert [warning.code for warning in reply.warnings] == ["unsupported"]
    assert [(one.check, one.action) for one in reply.summary.checks] == [("unsupported", "flagged")]


def test_what_cleaning_dropped_is_still_said() -> None:
    """A name in a line that is no part of the story is supported all the same."""
    text = f"{ARTICLE}\n\nRead more: Boris Feldmann leaves the council"
    reply, _ = asked(writer(written(FALSE)), "flag", text=text)
    assert reply.summary.faithfulness is not None
    assert reply.summary.faithfulness.verdict == "supported"


def test_translations_are_checked_against_the_summary() -> None:
    """Each translation has its own verdict, with places in its own text; in strict it is kept with a warning."""

    def translate(job: Job) -> TranslateResult:
        if job.target == "fr":
            return TranslateResult(("Boris Feldmann a ouvert un port à Eastbrook.",), ("en", "fr"))
        return TranslateResult(("Anna Lindqvist inauguró un puerto en Eastbrook.",), ("en", "es"))

    used = Scripted((WRITER, TRANSLATOR), {"writer": writer(written(TRUE)), "translator": translate})
    request = SummarizeRequest(text=ARTICLE, language="en", translate_to=("es", "fr"), faithfulness="strict")
    reply = used.pipeline().summarize(request, context())
    spanish, french = (one.faithfulness for one in reply.translations)
    assert spanish is not None and french is not None
    assert spanish.verdict == "supported"
    (item,) = french.unsupported
    assert (item.kind, reply.translations[1].text[item.start : item.end]) == ("name", "Boris Feldmann")
    assert [warning.code for warning in reply.warnings] == ["unsupported"]
    assert reply.translations[1].error is None
