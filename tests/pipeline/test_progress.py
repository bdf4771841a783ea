"""What a request tells of itself while it is worked on, and that telling changes nothing of its reply."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from service.errors import Cancelled, EngineFailed
from service.events import Ended, Event
from service.pipeline.progress import Progress
from service.pipeline.requests import (
    Provenance,
    SummarizeReply,
    SummarizeRequest,
    Summary,
    TimingTotals,
    TranslateReply,
    TranslateRequest,
    Translation,
)
from service.records import CallContext, Detection, Job, TranslateResult
from tests.pipeline.scripted import Answer, Scripted, context, extractive, tagging, translator
from tests.pipeline.test_faithful import ARTICLE, EXTRACTIVE, FALSE, TRUE, WRITER, writer, written

TWO_WAYS = translator("translator", 300, ("en", "es"), ("en", "fr"), ("en", "de"))


@dataclass
class Follower(Progress):
    """Keeps all it is told; raises at the first word of a name."""

    follows = True
    raises: str = ""
    words: list[tuple[str, object]] = field(default_factory=list)

    def _told(self, name: str, what: object) -> None:
        self.words.append((name, what))
        if name == self.raises:
            raise Cancelled("the caller has gone")

    def language(self, index: int, found: Detection, *, detected: bool) -> None:
        self._told("language", (index, found.language, detected))

    def written(self, summary: Summary) -> None:
        self._told("written", summary.text)

    def summary(self, summary: Summary, source: str) -> None:
        self._told("summary", summary)

    def translation(self, number: int, translation: Translation) -> None:
        self._told("translation", (number, translation))

    def names(self) -> list[str]:
        """What was told, in order."""
        return [name for name, _ in self.words]


class Backwards(Scripted):
    """Ends the jobs of a stream in the reverse order; remembers how jobs came and whether a stream was left."""

    ways: list[str]
    left: int

    def __init__(self, answers: dict[str, Answer], models: tuple = (WRITER, EXTRACTIVE, TWO_WAYS)) -> None:  # type: ignore[type-arg]
        super().__init__(models, {"extractive": extractive, "translator": tagging, **answers})
        self.ways, self.left = [], 0

    def run(self, jobs: Sequence[Job], context: CallContext) -> list:  # type: ignore[type-arg]
        self.ways.append("run")
        return super().run(jobs, context)

    def stream(self, jobs: Sequence[Job], context: CallContext) -> Generator[Event]:
        outcomes = super().run(jobs, context)
        self.ways.append("stream")
        try:
            for index in reversed(range(len(jobs))):
                yield Ended(index, outcomes[index])
        except GeneratorExit:
            self.left += 1
            raise


def timeless(reply: SummarizeReply | TranslateReply) -> str:
    """A reply without its times, as text: two errors are never equal."""
    return repr(replace(reply, timing=TimingTotals(0, 0, 0), provenance=Provenance("", (), "")))


@pytest.mark.parametrize("faithfulness", ["flag", "off", "strict"])
def test_a_summary_is_told_in_order(faithfulness: str) -> None:
    """Language, text, summary, then each translation as it ends; the reply is that of a request nobody follows."""
    request = SummarizeRequest(
        text=ARTICLE, faithfulness=faithfulness, translate_to=("es", "xx", "fr", "en")  # type: ignore[arg-type]
    )  # fmt: skip
    backend, follower = Backwards({"writer": writer(written(TRUE))}), Follower()
    reply = backend.pipeline().summarize(request, context(), follower)
    assert follower.names() == ["language", "written", "summary"] + ["translation"] * 4
    assert follower.words[0][1] == (0, "en", True)
    assert follower.words[1][1] == reply.summary.text
    assert follower.words[2][1] == reply.summary
    told = [what for name, what in follower.words if name == "translation"]
    # What needs no model comes first, then each as it ends.
    assert [number for number, _ in told] == [1, 3, 2, 0]  # type: ignore[misc]
    assert [one for _, one in sorted(told)] == list(reply.translations)  # type: ignore[misc]
    assert backend.ways == ["stream", "stream"]
    plain = Backwards({"writer": writer(written(TRUE))})
    assert timeless(plain.pipeline().summarize(request, context())) == timeless(reply)
    assert plain.ways == ["run", "run"]


def test_strict_tells_no_text_that_was_not_verified() -> None:
    """Neither a doubted first attempt nor a second is ever told."""
    for attempts, text in (((FALSE, TRUE), TRUE), ((FALSE, FALSE), ARTICLE.split(" Ferries")[0])):
        follower = Follower()
        backend = Backwards({"writer": writer(*(written(one) for one in attempts))})
        reply = backend.pipeline().summarize(
            SummarizeRequest(text=ARTICLE, language="en", faithfulness="strict"), context(), follower
        )
        assert reply.summary.text.startswith(text)
        assert [what for name, what in follower.words if name == "written"] == [reply.summary.text]
        assert FALSE not in str(follower.words)


def test_with_flag_the_text_comes_before_its_check() -> None:
    """What is doubted is told with the summary."""
    follower = Follower()
    Backwards({"writer": writer(written(FALSE))}).pipeline().summarize(
        SummarizeRequest(text=ARTICLE, language="en"), context(), follower
    )
    assert follower.words[1] == ("written", FALSE)
    summary = follower.words[2][1]
    assert isinstance(summary, Summary)
    assert summary.faithfulness is not None
    assert summary.faithfulness.verdict == "unsupported"


def test_translations_of_texts_are_told_as_they_end() -> None:
    """The languages first; a text that has to be asked for again comes after the others; failures are told too."""

    def losing(job: Job) -> TranslateResult:
        """Loses stand-ins, fails in one language."""
        if job.target == "fr":
            raise EngineFailed("no")
        texts = tuple(one.text.replace("X", "").upper() for one in job.segments)
        return TranslateResult(texts, (job.source, job.target))

    request = TranslateRequest(("Mail {name} now.", "Good morning."), ("es", "fr", "de"), "en")
    backend, follower = Backwards({"translator": losing}), Follower()
    reply = backend.pipeline().translate(request, context(), follower)
    assert follower.names() == ["language"] * 2 + ["translation"] * 6
    assert [what for name, what in follower.words if name == "language"] == [(0, "en", False), (1, "en", False)]
    told = [what for name, what in follower.words if name == "translation"]
    assert sorted(number for number, _ in told) == list(range(6))  # type: ignore[misc]
    assert [one for _, one in sorted(told, key=lambda one: one[0])] == list(reply.translations)  # type: ignore[misc, index]
    assert [one.error is None for one in reply.translations] == [True, False, True] * 2
    assert timeless(Backwards({"translator": losing}).pipeline().translate(request, context())) == timeless(reply)


@pytest.mark.parametrize("name", ["language", "written", "summary", "translation"])
def test_a_follower_that_leaves_ends_the_request(name: str) -> None:
    """What it raises comes out, and jobs that still run are let go."""
    backend, follower = Backwards({"writer": writer(written(TRUE))}), Follower(raises=name)
    request = SummarizeRequest(text=ARTICLE, language="en", translate_to=("es", "fr", "de"))
    with pytest.raises(Cancelled):
        backend.pipeline().summarize(request, context(), follower)
    assert follower.names()[-1] == name
    assert follower.names().count(name) == 1
    assert backend.left == (1 if name == "translation" else 0)


def test_following_costs_nothing_where_nobody_does() -> None:
    """The progress that tells nobody takes every word, and has told none."""
    silent = Progress()
    silent.language(0, Detection("en", 1.0), detected=True)
    silent.translation(0, Translation(0, "en", "es", "x"))
    assert not silent.follows
    assert not silent.told
