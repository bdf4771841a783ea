"""Jobs as the contract has them, over real sockets."""

from __future__ import annotations

import pytest

from precis_client import Client, DeadlineExceeded, NotFound
from precis_client.replies_about import Job
from tests.clients.python.callers import Ask, loop, threads
from tests.clients.python.scripted import Script, problem, reply, scripted

both = pytest.mark.parametrize("ask", [threads, loop])


def job(state: str, done: int = 0, **more: object) -> dict[str, object]:
    """A job as the service writes it."""
    return {"id": "j1", "state": state, "progress": {"done": done, "failed": 0, "total": 3},
            "created_at": "2026-11-25T12:00:00.5Z", "started_at": None, "finished_at": None, "expires_at": None,
            "results_url": "/v1/jobs/j1/results", "webhook": None, "error": None, **more}  # fmt: skip


def result(index: int) -> dict[str, object]:
    """A result of an item."""
    if index == 1:
        return {"index": 1, "id": None, "status": "error", "error": {"code": "no_text", "detail": "empty"}}
    found = {"results": [{"index": 0, "language": "de", "confidence": 1.0, "alternatives": []}]}
    return {"index": index, "id": f"n{index}", "status": "ok", "result": found}


ITEM = {"task": "detect", "request": {"text": "Guten Tag"}}


@both
def test_a_job_is_begun(ask: Ask) -> None:
    """Of one item or of several, with a webhook and the time its results are kept; under a key that makes it safe."""
    hook = {"url": "https://x/y", "state": "pending", "attempts": 0}
    with scripted(reply(202, job("queued", webhook=hook), Location="/v1/jobs/j1")) as server:
        made = ask(server.url, "jobs.create", ITEM)
        ask(server.url, "jobs.create", [{**ITEM, "id": "a"}], webhook="https://x/y", retain_s=60)
    one, many = server.asked
    assert (one.method, one.target, one.json) == ("POST", "/v1/jobs", ITEM)
    assert many.json == {"items": [{**ITEM, "id": "a"}], "webhook": {"url": "https://x/y"}, "retain_s": 60}
    assert all("idempotency-key" in asked.headers for asked in server.asked)
    assert (made.id, made.state, made.ended, made.progress.total) == ("j1", "queued", False, 3)
    assert made.created_at.microsecond == 500_000
    assert made.webhook.state == "pending"


@both
def test_a_job_is_waited_for(ask: Ask) -> None:
    """With a word at each step, whatever its end."""
    seen: list[int] = []

    def note(one: Job) -> None:
        seen.append(one.progress.done)

    for end in ("succeeded", "failed", "cancelled"):
        states: list[Script] = [reply(200, job("queued")), reply(200, job("running", 2)), reply(200, job(end, 3))]
        with scripted(*states) as server:
            ended = ask(server.url, "jobs.wait", "j1", on_progress=note, timeout=20)
        assert (ended.state, ended.ended) == (end, True)
        assert [one.target for one in server.asked] == ["/v1/jobs/j1"] * 3
    assert seen == [0, 2, 3] * 3


@both
def test_waiting_ends_in_time(ask: Ask) -> None:
    """The job goes on, and the error says how far it was."""
    with scripted(reply(200, job("running", 2))) as server, pytest.raises(DeadlineExceeded, match="2 of 3"):
        ask(server.url, "jobs.wait", "j1", timeout=0.3)


def test_results_come_in_pages() -> None:
    """Fetched as they are gone through, each once and in order, failures among them."""
    pages = [
        reply(200, {"results": [result(0), result(1)], "next": 1, "complete": False}),
        reply(200, {"results": [result(2)], "next": None, "complete": True}),
    ]
    for ask in (threads, None):
        with scripted(*pages) as server:
            if ask:
                with Client(server.url) as client:
                    found = list(client.jobs.results("j1", limit=2))
            else:
                found = loop_results(server.url)
        assert [one.target for one in server.asked] == [
            "/v1/jobs/j1/results?limit=2",
            "/v1/jobs/j1/results?after=1&limit=2",
        ]
        assert [(one.index, one.id, one.ok) for one in found] == [(0, "n0", True), (1, None, False), (2, "n2", True)]
        assert found[0].detection.language == "de"
        with pytest.raises(Exception, match="empty"):
            _ = found[1].summary
        with pytest.raises(TypeError):
            _ = found[0].summary


def loop_results(url: str) -> list[object]:
    """The same by the other client."""
    import asyncio

    from precis_client import AsyncClient

    async def ask() -> list[object]:
        async with AsyncClient(url) as client:
            return [one async for one in client.jobs.results("j1", limit=2)]

    return asyncio.run(ask())


@both
def test_results_that_are_not_all_there_yet(ask: Ask) -> None:
    """A page says whether more will come; going through them does not wait."""
    page = {"results": [], "next": None, "complete": False}
    with scripted(reply(200, page)) as server:
        assert ask(server.url, "jobs.results_page", "j1", after=7).complete is False
    assert server.asked[0].target == "/v1/jobs/j1/results?after=7"


@both
def test_jobs_are_listed_and_ended(ask: Ask) -> None:
    """Newest first; what exists no more is a NotFound."""
    with scripted(reply(200, {"jobs": [job("running")], "next": "j0"})) as server:
        listed = ask(server.url, "jobs.list", limit=1, before="j9")
    assert server.asked[0].target == "/v1/jobs?limit=1&before=j9"
    assert (listed.jobs[0].id, listed.next) == ("j1", "j0")
    with scripted(reply(202, job("cancelled")), problem(404, "not_found")) as server:
        assert ask(server.url, "jobs.cancel", "j1").state == "cancelled"
        with pytest.raises(NotFound):
            ask(server.url, "jobs.get", "j1")
    assert [one.method for one in server.asked] == ["DELETE", "GET"]


def test_no_id_leads_elsewhere() -> None:
    """An empty id would be the list of all jobs."""
    for wrong in ("", ".", ".."):
        with pytest.raises(ValueError, match="no id"):
            threads("http://127.0.0.1:1", "jobs.cancel", wrong)
        with pytest.raises(ValueError, match="no id"):
            loop("http://127.0.0.1:1", "jobs.get", wrong)
