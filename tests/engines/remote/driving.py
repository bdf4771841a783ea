"""Jobs through a remote engine, without the rest of the service."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from service.engines.remote.client import Server
from service.engines.remote.engine import RemoteEngine
from service.errors import PrecisError
from service.records import Job, Result, Segment, SummaryParams, SummaryResult, Task, TranslateResult, Usage

GUARD_S = 20.0
STORY = (
    "The harbour town of Lindvik will replace its three diesel ferries with electric ones by 2031.",
    "The council voted 14 to 3 for the plan on Tuesday after a debate of two hours.",
    "Mayor Ingrid Solberg said the ferries will cut the noise along the quay and save fuel.",
    "Critics say that the batteries are expensive and that the winter is hard on them.",
    "The first vessel is to be delivered by a shipyard in Gdansk in the spring of 2028.",
    "Ticket prices stay as they are until then, according to the transport office.",
)
SUMMARY = (
    "Lindvik will replace its three diesel ferries with electric ones by 2031.\n"
    "The council voted 14 to 3 for the plan on Tuesday.\n"
    "The first vessel is to be delivered by a shipyard in Gdansk in 2028."
)


def engine(url: str, **changes: Any) -> RemoteEngine:
    """An engine that is not started."""
    chunk_characters = changes.pop("chunk_characters", 12_000)
    return RemoteEngine(
        Server(url, "tiny", **changes),
        summarized=("*",),
        translated=("de", "en", "fr", "ja", "nb", "da", "ru"),
        rank=1,
        licence="unknown",
        chunk_characters=chunk_characters,
    )


def summary_job(*texts: str, source: str = "en", title: str = "", sentences: int = 3) -> Job:
    """A summary of segments in one paragraph."""
    segments = tuple(Segment(text) for text in texts or STORY)
    return Job(Task.SUMMARIZE, "remote-summary", source, "", segments, SummaryParams(title, sentences))


def translation_job(*texts: str, source: str = "en", target: str = "de") -> Job:
    """A translation of segments."""
    return Job(Task.TRANSLATE, "remote-translation", source, target, tuple(Segment(text) for text in texts))


def run(made: RemoteEngine, job: Job) -> tuple[Result, Usage]:
    """Run one job; raises the error of its first row that fails."""
    works = made.prepare(job)
    ids = list(range(id(job), id(job) + len(works)))
    outputs: dict[int, object] = {}
    waiting = list(zip(ids, works, strict=True))
    end = time.monotonic() + GUARD_S
    while len(outputs) < len(ids):
        assert time.monotonic() < end
        free = made.free_rows()
        taken, waiting = waiting[:free], waiting[free:]
        made.admit(taken)
        for done in made.step():
            if done.error is not None:
                made.evict(ids)
                raise done.error
            outputs[done.row_id] = done.output
    return made.finish(job, [outputs[row_id] for row_id in ids])


def summarize(made: RemoteEngine, job: Job) -> SummaryResult:
    """The summary of a job."""
    result, _ = run(made, job)
    assert isinstance(result, SummaryResult)
    return result


def translate(made: RemoteEngine, job: Job) -> tuple[str, ...]:
    """The translations of a job's segments."""
    result, _ = run(made, job)
    assert isinstance(result, TranslateResult)
    return result.segments


def error_of(work: Callable[[], object]) -> PrecisError:
    """The typed error a call ends with."""
    try:
        work()
    except PrecisError as error:
        return error
    raise AssertionError("no error")
