"""Limits and kept replies in a real Redis, and without it when it breaks."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.api.kept_redis import RedisStore
from service.api.kept_replies import FileStore, Kept, Wait
from service.api.keys import Key, Limits
from service.api.limits import Used
from service.api.limits_local import LocalLimiter
from service.api.limits_redis import SharedLimiter
from service.errors import IdempotencyConflict
from service.records import never_gone
from service.redis_link import LinkDown, RedisLink
from tests.api.callers import GOOD, KEY, making, table
from tests.process.service import serving, wait_until
from tests.redis_server import Server, redis_server

pytestmark = pytest.mark.heavy

REPLY = Kept(200, "application/json", b'{"a": 1}')
NAME, BODY, ELSE = b"n" * 32, b"b" * 32, b"e" * 32


@pytest.fixture
def redis() -> Iterator[Server]:
    """A running server."""
    with redis_server() as server:
        yield server


@dataclass
class Instance:
    """What one instance of the service has of the store."""

    link: RedisLink
    limiter: SharedLimiter
    replies: RedisStore

    def close(self) -> None:
        """Give all back."""
        self.limiter.close()
        self.replies.close()
        self.link.close()


@pytest.fixture
def instances(redis: Server, tmp_path: Path) -> Iterator[list[Instance]]:
    """Two instances on one server."""
    made = []
    for name in ("one", "two"):
        link = RedisLink(redis.url, timeout_s=1.0)
        local = LocalLimiter(tmp_path / name / "limits")
        files = FileStore(tmp_path / name / "replies", ttl_s=60, max_bytes=10**6)
        made.append(
            Instance(
                link,
                SharedLimiter(link, local, prefix="t:", lease_s=30),
                RedisStore(link, files, prefix="t:", ttl_s=60, claim_s=30),
            )
        )
    yield made
    for instance in made:
        instance.close()


def soon(seconds: float = 20.0) -> Wait:
    """Patience for so many seconds."""
    return Wait(time.monotonic() + seconds, never_gone)


def admitted(instances: list[Instance], key: Key, tries: int) -> int:
    """How many of so many requests at a time are let in, over all instances."""

    def one(number: int) -> bool:
        instance = instances[number % len(instances)]
        verdict = instance.limiter.admit(key)
        instance.limiter.release(key.id, verdict.lease)
        return not verdict.refused

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(one, range(tries)))


def test_limits_hold_over_instances(instances: list[Instance]) -> None:
    """Two instances let one quota in, one number at a time, and one day's characters."""
    assert admitted(instances, Key("a", Limits(requests_per_minute=20)), 60) == 20
    one, two = instances[0].limiter, instances[1].limiter
    key = Key("b", Limits(concurrency=2, characters_per_day=100, characters_per_month=1000))
    first, second, third = one.admit(key), two.admit(key), one.admit(key)
    assert [verdict.refused is None for verdict in (first, second, third)] == [True, True, False]
    assert two.used("b").running == 2
    two.release("b", second.lease)
    assert one.admit(key).refused is None
    assert one.charge(key, 60).refused is None
    refused = two.charge(key, 41)
    assert refused.refused is not None
    assert (refused.refused.name, refused.refused.left) == ("day", 40)
    one.refund("b", 20)
    assert two.charge(key, 60).refused is None
    assert one.used("b") == Used(3, 100, 3, 100, 2)
    standings = {
        standing.name: standing.left for standing in one.admit(Key("a", Limits(requests_per_minute=20))).standings
    }
    assert standings == {"minute": 0}


def test_replies_are_shared_by_instances(instances: list[Instance]) -> None:
    """One answers, another tells it again; another body is a conflict; a dropped name is free."""
    one, two = instances[0].replies, instances[1].replies
    claim = one.begin(NAME, BODY, soon())
    assert not isinstance(claim, Kept)
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(two.begin(NAME, BODY, soon())))
    thread.start()
    with pytest.raises(IdempotencyConflict):
        two.begin(NAME, ELSE, soon())
    claim.keep(REPLY)
    thread.join(20)
    assert found == [REPLY]
    other = one.begin(ELSE, BODY, soon())
    assert not isinstance(other, Kept)
    other.drop()
    again = two.begin(ELSE, ELSE, soon())
    assert not isinstance(again, Kept)
    again.drop()


def test_a_dead_store_costs_nothing_and_comes_back(redis: Server, tmp_path: Path) -> None:
    """When it is killed or stands still, at most one call a thread waits, within its bound; then all count here."""
    link = RedisLink(redis.url, timeout_s=0.2)
    limiter = SharedLimiter(link, LocalLimiter(tmp_path / "limits"), prefix="t:", lease_s=30)
    key = Key("a", Limits(requests_per_minute=10_000))
    try:
        wait_until(lambda: bool(limiter.admit(key)) and link.up, "connected")
        for breaking in (redis.stop, redis.freeze):
            breaking()
            times = []
            for _ in range(50):
                started_s = time.monotonic()
                assert limiter.admit(key).refused is None
                times.append(time.monotonic() - started_s)
            assert sum(seconds > 0.15 for seconds in times) <= 1
            assert max(times) < 1.5
            assert not link.up
            if breaking == redis.stop:
                redis.start()
            else:
                redis.freeze(signal.SIGCONT)
            wait_until(lambda: bool(limiter.admit(key)) and link.up, "connected again")
    finally:
        limiter.close()
        link.close()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://name.invalid:6379/0"])
def test_a_store_that_is_not_there_is_not_waited_for(url: str) -> None:
    """Only the first caller waits for a moment; names that cannot be looked up hold up nobody."""
    link = RedisLink(url, timeout_s=0.1)
    try:
        started_s = time.monotonic()
        for _ in range(100):
            with pytest.raises(LinkDown):
                link.call(lambda client: client.ping())
        assert time.monotonic() - started_s < 1.0
    finally:
        link.close()


def test_a_password_and_a_socket(tmp_path: Path) -> None:
    """A password comes from its file, which is read again; a Unix socket works as a port does."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with tempfile.TemporaryDirectory(prefix="precis-redis-") as folder:
        path, secret = f"{folder}/s", Path(folder) / "password"
        secret.write_text("wrong\n")
        command = [
            "redis-server",
            "--port",
            "0",
            "--unixsocket",
            path,
            "--requirepass",
            "right",
            "--save",
            "",
            "--dir",
            folder,
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        link = RedisLink(f"unix://{path}", secret, timeout_s=1)
        try:
            wait_until(lambda: Path(path).exists(), "redis listens")
            with pytest.raises(LinkDown):
                link.call(lambda client: client.ping())
            secret.write_text("right\n")
            wait_until(lambda: _answers(link), "the link is up")
        finally:
            link.close()
            process.kill()
            process.wait()


def _answers(link: RedisLink) -> bool:
    try:
        return bool(link.call(lambda client: client.ping()))
    except LinkDown:
        return False


def test_an_app_on_the_store(redis: Server, tmp_path: Path) -> None:
    """Over HTTP: limits, usage and replays work as without it, and go on when it dies."""
    with making(tmp_path) as make:
        app = make(table("news", more="requests_per_minute = 1000"), redis_url=redis.url, redis_timeout_s=1)
        headers = {"X-API-Key": KEY, "Idempotency-Key": "k"}
        first, second = app.ask(headers=headers), app.ask(headers=headers)
        assert second.headers["Idempotent-Replay"] == "true"
        assert first.data == second.data
        assert app.ask("GET", "/v1/usage").json["requests"]["day"] == 2
        redis.stop()
        for _ in range(3):
            assert app.ask(headers={"X-API-Key": KEY}).status_code == 200
        assert app.ask("GET", "/v1/usage").json["requests"]["day"] == 3
        assert "precis_redis_up 0.0" in app.ask("GET", "/metrics").text


def test_two_services_share_a_quota(redis: Server, tmp_path: Path) -> None:
    """Two whole services with two workers each let one quota in between them."""
    file = tmp_path / "keys.toml"
    file.write_text(table("news", more="characters_per_day = 1000"))
    given = {"keys_file": file, "redis_url": redis.url, "redis_timeout_s": 2}
    size = len(GOOD["text"])
    with serving(**given) as one, serving(**given) as two, ThreadPoolExecutor(4) as pool:
        replies = list(
            pool.map(lambda n: (one, two)[n % 2].post("/v1/summarize", GOOD, X_API_Key=KEY).status, range(60))
        )
        assert replies.count(200) == 1000 // size
        assert replies.count(429) == 60 - 1000 // size
