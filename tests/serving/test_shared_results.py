"""Results in a real Redis: found by other model processes, and no harm when it breaks or lies."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from service.config import Settings, SettingsError
from service.engines.fake import FakeEngine
from service.records import Job, Outcome, Segment, SummaryResult, SummarySentence, Task, TranslateResult
from service.redis_link import RedisLink
from service.serving import codec
from service.serving.shared_results import MOST_BYTES, MOST_PLAIN_BYTES, SharedResults, open_store, stamp_of
from tests.process.cluster import cluster
from tests.process.service import wait_until
from tests.redis_server import Server, redis_server

pytestmark = pytest.mark.heavy

KEY = b"k" * 16
JOB = Job(Task.TRANSLATE, "fake-translation", "en", "es", (Segment("One."), Segment("Two.")))
DONE = Outcome(result=TranslateResult(("Uno.", "Dos."), ("en", "es")))


@pytest.fixture
def redis() -> Iterator[Server]:
    """A running server."""
    with redis_server() as server:
        yield server


@contextmanager
def store(url: str, *, stamp: bytes = b"s", secret: bytes = b"", wait_s: float = 0.5) -> Iterator[SharedResults]:
    """What one model process uses."""
    link = RedisLink(url, timeout_s=wait_s)
    made = SharedResults(link, prefix="t:", ttl_s=60, wait_s=wait_s, stamp=stamp, secret=secret)
    try:
        yield made
    finally:
        made.close()


def find(results: SharedResults, job: Job = JOB, key: bytes = KEY) -> Outcome | None:
    """The outcome under a key, if it is found."""
    return asyncio.run(results.find({key: job})).get(key)


def kept(results: SharedResults, outcome: Outcome = DONE, job: Job = JOB) -> Outcome:
    """Keep an outcome and wait until it is found."""
    seen: list[Outcome | None] = []

    def there() -> bool:
        results.keep(KEY, outcome)
        seen.append(find(results, job))
        return seen[-1] is not None

    wait_until(there, "the result is found")
    assert seen[-1] is not None
    return seen[-1]


def test_another_process_finds_what_one_has_finished(redis: Server) -> None:
    """Results cross as they are; another stamp, secret or key finds none."""
    with store(redis.url) as one, store(redis.url) as two:
        assert kept(one) == DONE
        wait_until(lambda: find(two) == DONE, "the other finds it")
        assert find(two, key=b"other") is None
    for other in ({"stamp": b"x"}, {"secret": b"x"}):
        with store(redis.url, **other) as three:  # type: ignore[arg-type]
            wait_until(lambda results=three: results._link.up or bool(find(results)), "connected")  # type: ignore[misc]
            assert find(three) is None


def connected(results: SharedResults) -> Callable[..., object]:
    """Commands for the store, over the connection of `results`."""
    wait_until(lambda: bool(find(results)) or results._link.up, "connected")
    return lambda *command: results._link.call(lambda client: client.execute_command(*command))


def values(results: SharedResults) -> Iterator[bytes]:
    """Values that are no result of this job, the better half of them with a good checksum."""
    yield from (b"x", os.urandom(15), os.urandom(16), os.urandom(5000), b"\0" * 100_000)

    def signed(packed: bytes) -> bytes:
        return results._mac(KEY, packed) + packed

    whole = zlib.compress(codec.outcome_to_message(DONE).SerializeToString())
    yield signed(b"")
    yield signed(os.urandom(100))
    yield signed(zlib.compress(os.urandom(100)))
    yield signed(whole[:-3])
    yield signed(zlib.compress(bytes(MOST_PLAIN_BYTES + 10)))
    yield signed(zlib.compress(b""))
    yield results._mac(b"of another", whole) + whole
    for result in (
        TranslateResult(("One only.",), ("en", "es")),
        SummaryResult((SummarySentence("A summary.", (0,), 1.0),)),
    ):
        yield signed(zlib.compress(codec.outcome_to_message(Outcome(result=result)).SerializeToString()))
    yield signed(os.urandom(MOST_BYTES + 1))


def test_what_is_no_result_of_this_job_is_not_used(redis: Server) -> None:
    """Garbage, cut values, bombs, results of other jobs and values of other types are as if nothing were there."""
    with store(redis.url, wait_s=2.0) as results:
        command, name = connected(results), results._name(KEY)
        for value in values(results):
            command("SET", name, value)
            assert find(results) is None
        for other in (("LPUSH", name, "x"), ("HSET", name, "a", "b"), ("SADD", name, "x")):
            command("DEL", name)
            command(*other)
            assert find(results) is None
            assert results._link.up
        assert kept(results) == DONE  # a wrong type is overwritten too


def test_sentences_that_point_nowhere_are_not_used(redis: Server) -> None:
    """A summary's sources lie within the job, or it is not this job's."""
    job = Job(Task.SUMMARIZE, "fake-summary", "en", "", (Segment("One."), Segment("Two.")))
    with store(redis.url, wait_s=2.0) as results:
        command, name = connected(results), results._name(KEY)
        for sentence in (
            SummarySentence(None, (2,), 1.0),
            SummarySentence(None, (), 1.0),
            SummarySentence("A.", (7,), 1),
        ):
            value = results._pack(KEY, Outcome(result=SummaryResult((sentence,))))
            assert value is not None
            command("SET", name, value)
            assert find(results, job) is None
        good = Outcome(result=SummaryResult((SummarySentence(None, (1,), 1.0),)))
        assert kept(results, good, job) == good


def test_a_large_result_is_not_kept(redis: Server) -> None:
    """Nor is one without a result."""
    large = replace(DONE, result=TranslateResult((os.urandom(MOST_BYTES).hex(), ""), ("en", "es")))
    with store(redis.url) as results:
        connected(results)
        results.keep(KEY, large)
        results.keep(KEY, Outcome())
        wait_until(lambda: results._waiting == 0, "done")
        assert find(results) is None


def slow(results: SharedResults, count: int = 40) -> list[float]:
    """Seconds that each of so many calls took."""
    took = []
    for number in range(count):
        started_s = time.monotonic()
        find(results, key=str(number).encode())
        results.keep(KEY, DONE)
        took.append(time.monotonic() - started_s)
    return took


def test_a_store_that_dies_or_hangs_holds_up_one_call(redis: Server) -> None:
    """One caller waits within the bound, the others not at all; when it is back it is used again."""
    with store(redis.url, wait_s=0.2) as results:
        for breaking in (redis.stop, redis.freeze):
            kept(results)
            breaking()
            took = slow(results)
            assert sum(seconds > 0.15 for seconds in took) <= 1
            assert max(took) < 1.0
            if breaking == redis.stop:
                redis.start()
            else:
                redis.freeze(signal.SIGCONT)


@pytest.mark.parametrize(
    "answer", [b"", b"\r\n", b"$-7\r\n", b"*9999999999\r\n", b"HTTP/1.1 400 Bad\r\n\r\n", b"+OK\r\n" * 50, bytes(1000)]
)
def test_a_store_that_speaks_something_else_is_left_alone(answer: bytes) -> None:
    """Whatever a stranger at the store's address says, calls go on without it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                client, _ = listening.accept()
                with client:
                    if client.recv(1000) == b"end":
                        return
                    client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            port = listening.getsockname()[1]
            with store(f"redis://127.0.0.1:{port}/0", wait_s=0.2) as results:
                assert sum(slow(results)) < 4
        finally:
            with socket.create_connection(("127.0.0.1", port)) as last:
                last.sendall(b"end")
            thread.join()


def test_the_stamp_is_of_everything_that_decides() -> None:
    """Another digest, revision or way of running is another stamp; the order of models is not."""
    models = FakeEngine().models()
    assert stamp_of(models) == stamp_of(models[::-1])
    others = [replace(models[0], digest="1" * 64), replace(models[0], revision="2"), replace(models[0], id="x")]
    assert (
        len({stamp_of(models), stamp_of(models, ("int8",)), *(stamp_of([other, models[1]]) for other in others)}) == 5
    )


def test_without_a_store_the_start_is_refused() -> None:
    """The message names both settings."""
    with pytest.raises(SettingsError, match=r"PRECIS_CACHE_REDIS.*PRECIS_REDIS_URL"):
        open_store(Settings(cache_redis=True), [])


def test_replicas_share_results(redis: Server) -> None:
    """Two model processes: what one has computed the other does not compute, also after both were started anew."""
    given = {"redis_url": redis.url, "cache_redis": "true", "redis_timeout_s": 2}
    body = {"text": "The bridge is open. fake:steps=50 fake:step_ms=1 It was closed."}
    with cluster(model=given) as made:
        first = made.api.post("/v1/summarize", body)
        for _ in range(6):
            again = made.api.post("/v1/summarize", body)
            assert again.json["summary"] == first.json["summary"]
        assert sum(replica.ended() for replica in made.replicas) == 1
        assert sum(replica.series("precis_cache_hits_total") for replica in made.replicas) == 6
        redis.stop()
        assert all(made.api.post("/v1/summarize", {"text": f"Text {n}. The end."}).status == 200 for n in range(20))
