"""`Idempotency-Key`: done once, told again."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.api.kept_replies import FileStore, Kept, Wait
from service.errors import Cancelled, DeadlineExceeded, EngineFailed, IdempotencyConflict, PrecisError, Unavailable
from service.records import never_gone
from tests.api.callers import BEARER, GOOD, OTHER, Guarded, making, table

NAME, BODY, ELSE = b"n" * 32, b"b" * 32, b"e" * 32
REPLY = Kept(200, "application/json", b'{"a": 1}')


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Guarded]:
    """An app with two keys."""
    with making(tmp_path) as make:
        yield make(table("news") + table("other", OTHER))


def ask(app: Guarded, key: str = "k-1", body: object = None, **more: Any) -> Any:
    """One request with a key of idempotency."""
    headers = {**BEARER, "Idempotency-Key": key, **more.pop("headers", {})}
    return app.ask(body=body, headers=headers, **more)


# ---- over HTTP ------------------------------------------------------------------------------------------------------


def test_the_same_request_is_answered_once(app: Guarded) -> None:
    """Sent again, with the key in quotes or without, a request gets the very same body and is marked."""
    first, second, third = ask(app), ask(app), ask(app, '"k-1"')
    assert first.status_code == second.status_code == third.status_code == 200
    assert first.data == second.data == third.data
    assert "Idempotent-Replay" not in first.headers
    assert second.headers["Idempotent-Replay"] == "true"
    assert second.content_type == "application/json"
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert len(app.pipeline.requests) == 1


def test_the_same_key_for_something_else_is_a_conflict(app: Guarded) -> None:
    """Another body, and another path, under a key that was used are refused and not done."""
    ask(app)
    for reply in (ask(app, body={"text": "else"}), ask(app, path="/v1/detect")):
        assert (reply.status_code, reply.json["code"]) == (409, "idempotency_conflict")
    assert len(app.pipeline.requests) == 1


def test_callers_have_keys_of_their_own(app: Guarded) -> None:
    """Two callers may use the same word without seeing one another."""
    ask(app)
    reply = ask(app, body={"text": "else"}, headers={"Authorization": f"Bearer {OTHER}"})
    assert reply.status_code == 200
    assert "Idempotent-Replay" not in reply.headers


def test_replays_cost_no_characters(app: Guarded) -> None:
    """What is told again was paid once."""
    for _ in range(3):
        ask(app)
    usage = app.ask("GET", "/v1/usage").json
    assert (usage["requests"]["day"], usage["characters"]["day"]) == (3, len(GOOD["text"]))


@pytest.mark.parametrize("failure", [EngineFailed("no"), ValueError("no")])
def test_a_failure_is_not_kept(app: Guarded, failure: Exception) -> None:
    """After a failure the same request is done again, and a mended one too."""
    app.pipeline.error = failure
    assert ask(app).status_code == 500
    assert ask(app, body={"nothing": 1}).status_code == 400
    app.pipeline.error = None
    assert ask(app).status_code == 200


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, '"', 'a"b', "ü"])
def test_a_malformed_key_is_refused_by_name(app: Guarded, key: str) -> None:
    """The header must be 1 to 255 visible characters."""
    reply = app.client.post("/v1/summarize", json=GOOD, headers=BEARER, environ_overrides={"HTTP_IDEMPOTENCY_KEY": key})
    assert (reply.status_code, reply.json["field"]) == (400, "Idempotency-Key")


def test_it_means_nothing_on_get(app: Guarded) -> None:
    """Reading is always done anew."""
    for _ in range(2):
        reply = app.ask("GET", "/v1/models", headers={**BEARER, "Idempotency-Key": "k"})
        assert "Idempotent-Replay" not in reply.headers


def test_strangers_reach_no_reply(app: Guarded) -> None:
    """A kept reply is only told to who has the caller's key."""
    ask(app)
    assert app.ask(headers={"Idempotency-Key": "k-1"}).status_code == 401


def test_where_nothing_can_be_kept_requests_are_answered(app: Guarded, tmp_path: Path) -> None:
    """A full or broken disk costs the promise, not the reply."""
    (tmp_path / "8080").mkdir(exist_ok=True)
    (tmp_path / "8080" / "replies").write_bytes(b"no folder")
    for _ in range(2):
        reply = ask(app)
        assert reply.status_code == 200
        assert "Idempotent-Replay" not in reply.headers


def test_requests_at_the_same_time_share_one_run(tmp_path: Path) -> None:
    """Those that come while the first is running wait for it and get its reply."""
    with making(tmp_path) as make:
        app = make()
        started, may_end = threading.Event(), threading.Event()
        summarize = app.pipeline.summarize

        def slow(*given: Any) -> Any:
            started.set()
            assert may_end.wait(20)
            return summarize(*given)

        app.pipeline.summarize = slow  # type: ignore[method-assign]
        replies: list[Any] = []
        threads = [threading.Thread(target=lambda: replies.append(ask(app))) for _ in range(4)]
        threads[0].start()
        assert started.wait(20)
        assert ask(app, body={"text": "else"}).status_code == 409  # told at once, not after the first
        for thread in threads[1:]:
            thread.start()
        late = ask(app, headers={"X-Deadline-Ms": "50"})
        assert (late.status_code, late.json["code"]) == (504, "deadline")
        may_end.set()
        for thread in threads:
            thread.join(20)
        assert [reply.status_code for reply in replies] == [200] * 4
        assert len({reply.data for reply in replies}) == 1
        assert sum("Idempotent-Replay" in reply.headers for reply in replies) == 3
        assert len(app.pipeline.requests) == 1


# ---- the store ------------------------------------------------------------------------------------------------------


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = time.time()

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Time of the store."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> FileStore:
    """A store that keeps a megabyte for a minute."""
    return FileStore(tmp_path / "replies", ttl_s=60, max_bytes=1024 * 1024, wall=clock)


def soon(seconds: float = 20.0) -> Wait:
    """Patience for so many seconds."""
    return Wait(time.monotonic() + seconds, never_gone)


def kept(store: FileStore, name: bytes = NAME, reply: Kept = REPLY) -> None:
    """Keep a reply under a name."""
    claim = store.begin(name, BODY, soon())
    assert not isinstance(claim, Kept)
    claim.keep(reply)


def test_a_reply_comes_back_whole(store: FileStore) -> None:
    """Status, type and every byte are those that were kept."""
    reply = Kept(202, "text/plain; charset=utf-8", os.urandom(300_000))
    kept(store, reply=reply)
    assert store.begin(NAME, BODY, soon()) == reply
    with pytest.raises(IdempotencyConflict):
        store.begin(NAME, ELSE, soon())


def test_a_reply_is_kept_for_its_time(store: FileStore, clock: Clock) -> None:
    """After it a name is free, for another body too."""
    kept(store)
    clock.now_s += 59
    assert store.begin(NAME, BODY, soon()) == REPLY
    clock.now_s += 2
    claim = store.begin(NAME, ELSE, soon())
    assert not isinstance(claim, Kept)
    claim.drop()


def test_a_waiting_caller_may_leave(store: FileStore) -> None:
    """Who hangs up or runs out of time waits no longer."""
    claim = store.begin(NAME, BODY, soon())
    assert not isinstance(claim, Kept)
    with pytest.raises(DeadlineExceeded):
        store.begin(NAME, BODY, soon(0.01))
    with pytest.raises(Cancelled):
        store.begin(NAME, BODY, Wait(time.monotonic() + 20, lambda: True))
    claim.drop()


def test_a_dropped_claim_passes_to_one_that_waits(store: FileStore) -> None:
    """When the first fails exactly one of those that wait takes its place; the others get its reply."""
    claim = store.begin(NAME, BODY, soon())
    assert not isinstance(claim, Kept)
    outcomes: list[str] = []

    def wait() -> None:
        found = store.begin(NAME, BODY, soon())
        outcomes.append("told" if isinstance(found, Kept) else "claimed")
        if not isinstance(found, Kept):
            found.keep(REPLY)

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    claim.drop()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["claimed", "told", "told", "told"]


def test_a_claim_dies_with_its_process(store: FileStore) -> None:
    """Nobody waits for a worker that was killed in the middle, whatever it had written."""
    child = os.fork()
    if child == 0:
        store.begin(NAME, ELSE, soon())
        os._exit(0)
    os.waitpid(child, 0)
    claim = store.begin(NAME, BODY, soon(5))
    assert not isinstance(claim, Kept)
    claim.drop()


def test_a_store_stays_within_its_bound(store: FileStore, tmp_path: Path) -> None:
    """The oldest replies make room, and the newest stays."""
    for number in range(5):
        kept(store, number.to_bytes(32, "big"), Kept(200, "a/b", bytes(300_000)))
        path = tmp_path / "replies" / number.to_bytes(32, "big").hex()
        os.utime(path, (time.time() - 50 + number,) * 2)
    store.sweep()
    left = sorted(path.name for path in (tmp_path / "replies").iterdir())
    assert left == [number.to_bytes(32, "big").hex() for number in (2, 3, 4)]


def test_a_sweep_removes_what_is_old(store: FileStore, clock: Clock, tmp_path: Path) -> None:
    """Replies past their time are removed without being asked for."""
    kept(store)
    clock.now_s += 100
    store.sweep()
    assert list((tmp_path / "replies").iterdir()) == []


def test_a_reply_that_cannot_be_written_frees_its_name(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full leaves no half of a reply behind."""
    claim = store.begin(NAME, BODY, soon())
    assert not isinstance(claim, Kept)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", _full)
        with pytest.raises(Unavailable):
            claim.keep(REPLY)
    again = store.begin(NAME, ELSE, soon())
    assert not isinstance(again, Kept)
    again.drop()


def _full(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_failures_of_the_store_are_typed() -> None:
    """A folder that cannot be made is an `unavailable`, which the API answers by doing without."""
    store = FileStore(Path("/proc/nothing/replies"), ttl_s=1, max_bytes=1)
    with pytest.raises(PrecisError) as caught:
        store.begin(NAME, BODY, soon())
    assert caught.value.code == "unavailable"
