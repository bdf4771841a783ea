"""Several model processes behind one API: an even share each, and no request lost when one dies, hangs or goes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.process.cluster import GO_ON, KILL, STOP, TERM, Cluster, Load, Replica, cluster
from tests.process.service import LONG_S, Reply, Service, wait_until

pytestmark = pytest.mark.process

ROWS = {"fake_script": "rows=32"}


@pytest.fixture(scope="module")
def pair() -> Iterator[Cluster]:
    """Two model processes that every test leaves running and ready."""
    with cluster(model=ROWS) as made:
        yield made


@pytest.fixture
def fresh() -> Iterator[Cluster]:
    """Two model processes of a test's own."""
    with cluster(model=ROWS) as made:
        yield made


def ask(service: Service, index: int, ms: int = 20) -> Reply:
    """Summarize a text that nobody else sends, which takes about so many milliseconds in the model."""
    return service.post("/v1/summarize", {"text": f"Text {index} fake:steps={ms} fake:step_ms=1 goes on. The end."})


def used(service: Service, replica: Replica, first: int) -> bool:
    """Whether a request of a few ends up at this replica."""
    before = replica.ended()
    for index in range(4):
        ask(service, first + index, 1)
    return replica.ended() > before


def test_requests_are_shared_evenly(pair: Cluster) -> None:
    """Of two replicas each has half of the requests, within a fifth."""
    before = [replica.ended() for replica in pair.replicas]
    with ThreadPoolExecutor(8) as pool:
        assert {reply.status for reply in pool.map(lambda n: ask(pair.api, n), range(200))} == {200}
    shares = [replica.ended() - count for replica, count in zip(pair.replicas, before, strict=True)]
    assert sum(shares) >= 200
    assert all(80 <= share <= 120 for share in shares), shares


def test_no_request_is_lost_when_a_replica_is_killed_and_started_again(fresh: Cluster) -> None:
    """What a killed one held is done by the other, and a new one in its place has its share within ten seconds."""
    dying, lasting = fresh.replicas
    with Load(lambda n: ask(fresh.api, 10_000 + n, 200), 16).running() as load:
        wait_until(lambda: dying.running() >= 4, "the one to be killed holds requests")
        dying.send(KILL)
        dying.wait()
        done = len(load.replies)
        wait_until(lambda: len(load.replies) >= done + 48, "the others go on")
        dying.start()
        wait_until(lambda: dying.ended() > 0, "the new one is used", 10)
    assert load.statuses() == {200: len(load.replies)}
    assert lasting.page("/readyz")[0] == 200


@pytest.mark.heavy
def test_a_replica_that_hangs_holds_requests_for_seconds_only(pair: Cluster) -> None:
    """What a stopped process held is done by the other within the time of a ping; it is used again when it goes on."""
    hung, lasting = pair.replicas
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(ask, pair.api, 20_000 + n, 1000) for n in range(8)]
        wait_until(lambda: hung.running() >= 3 and lasting.running() >= 3, "both hold requests")
        hung.send(STOP)
        try:
            replies = [call.result(LONG_S) for call in calls]
            assert {reply.status for reply in replies} == {200}
            assert max(reply.took_s for reply in replies) < 20
            later = list(pool.map(lambda n: ask(pair.api, 21_000 + n), range(40)))
            assert {reply.status for reply in later} == {200}
            assert max(reply.took_s for reply in later) < 5
        finally:
            hung.send(GO_ON)
        wait_until(lambda: used(pair.api, hung, 22_000), "it is used again", 10)


@pytest.mark.heavy
def test_a_rolling_restart_loses_nothing(fresh: Cluster) -> None:
    """Each replica in turn is told to end under load, finishes its work and is started again: no request fails."""
    with Load(lambda n: ask(fresh.api, 30_000 + n, 30), 12).running() as load:
        for number, replica in enumerate(fresh.replicas):
            wait_until(lambda count=250 * number: len(load.replies) > count, "there is load")  # type: ignore[misc]
            replica.send(TERM)
            assert replica.wait() == 0
            replica.start()
            wait_until(lambda one=replica: one.ended() > 0, "it has a share again", 10)  # type: ignore[misc]
        wait_until(lambda: len(load.replies) >= 500, "500 replies")
    assert load.statuses() == {200: len(load.replies)}


@pytest.mark.heavy
def test_overload_is_told_only_when_one_other_is_full_too() -> None:
    """With a row and a waiting place in each of two, four requests are taken and all others refused at once."""
    with cluster(model={"fake_script": "rows=1", "max_queued_rows": 1}) as made, ThreadPoolExecutor(4) as pool:
        calls = []
        for index in range(4):  # one by one: each finds the place that is left
            calls.append(pool.submit(ask, made.api, index, 1500))
            wait_until(
                lambda count=index + 1: sum(map(_held, made.replicas)) >= count,  # type: ignore[misc]
                "the request is admitted",
            )
        refused = [ask(made.api, 100 + index) for index in range(5)]
        assert {(reply.status, reply.json["code"]) for reply in refused} == {(429, "overloaded")}
        assert max(reply.took_s for reply in refused) < 2
        assert [call.result(LONG_S).status for call in calls] == [200] * 4


def _held(replica: Replica) -> int:
    return replica.running() + replica.series("precis_queue_rows")
