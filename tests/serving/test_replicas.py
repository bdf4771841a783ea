"""Several replicas behind one client: names that grow, catalogues that differ, refusals by one of them."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from service.engines.fake import FakeEngine
from service.errors import BadRequest, Draining, Overloaded, PrecisError, Unavailable
from service.records import Catalogue, ModelInfo, Task
from service.serving import server
from service.serving.replicas import FORGET_S, MOST_PICKS, Attempts, Failed, Replicas
from tests.serving.test_grpc import client, context, running, translation, wait_until


@dataclass
class Names:
    """A name server that knows one name."""

    port: int
    addresses: list[str]


@contextmanager
def name_server(*addresses: str) -> Iterator[Names]:
    """Answers every question for an IPv4 address with those of `addresses`, which may be changed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        names = Names(listening.getsockname()[1], list(addresses))

        def serve() -> None:
            while True:
                question, asker = listening.recvfrom(512)
                if question == b"end":
                    return
                listening.sendto(_answer(question, names.addresses), asker)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield names
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"end", ("127.0.0.1", names.port))
            thread.join()


def _answer(question: bytes, addresses: Sequence[str]) -> bytes:
    """A reply with one question; records point back to the name in it."""
    end = question.index(b"\0", 12) + 5
    (kind,) = struct.unpack("!H", question[end - 4 : end - 2])
    told = addresses if kind == 1 else ()
    head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(told), 0, 0)
    records = (b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton(address) for address in told)
    return head + question[12:end] + b"".join(records)


def test_a_replica_added_to_a_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections end after a while, and with the next look-up new addresses of the name have their share."""
    ages = [("grpc.max_connection_age_ms", 300), ("grpc.max_connection_age_grace_ms", 60_000)]
    kept = [option for option in server.OPTIONS if not option[0].startswith("grpc.max_connection_age")]
    monkeypatch.setattr(server, "OPTIONS", kept + ages)
    sooner = "service.serving.channel._OPTIONS"
    monkeypatch.setattr(sooner, [*_client_options(), ("grpc.dns_min_time_between_resolutions_ms", 200)])
    with name_server("127.0.0.1") as names, running("127.0.0.1:0") as first:
        with running(f"127.0.0.2:{first.port}") as second:
            with client(f"dns://127.0.0.1:{names.port}/model.test:{first.port}") as caller:
                for index in range(4):
                    caller.run([translation(f"text {index}")], context())
                assert len(first.engine.widths) == 4
                names.addresses.append("127.0.0.2")
                wait_until(lambda: _answered(caller.run, second.engine))


def _client_options() -> list[tuple[str, object]]:
    from service.serving import channel

    return [option for option in channel._OPTIONS if "dns_min" not in option[0]]


def _answered(run: Callable[..., object], engine: FakeEngine) -> bool:
    (outcome,) = run([translation(f"at {time.monotonic()}")], context())  # type: ignore[misc,attr-defined]
    assert outcome.error is None
    return bool(engine.widths)


class OtherEngine(FakeEngine):
    """As the fake one, of a later revision, and with one more model."""

    def models(self) -> tuple[ModelInfo, ...]:
        first, *rest = super().models()
        return (replace(first, revision="2", digest="2" * 64), *rest, replace(first, id="new-summary"))


def test_replicas_that_differ_have_one_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that asked at other times show the same models: those that every replica has."""
    monkeypatch.setattr("service.serving.client.CATALOGUE_TTL_S", 0.0)
    with running("127.0.0.1:0") as old, running("127.0.0.1:0", OtherEngine()) as new:
        target = f"ipv4:127.0.0.1:{old.port},127.0.0.1:{new.port}"
        with client(target) as one, client(target) as two:
            wait_until(lambda: len(one._replicas) == 2 if one.catalogue() else False)
            wait_until(lambda: len(two._replicas) == 2 if two.catalogue() else False)
            seen = [caller.catalogue() for caller in (one, two) for _ in range(10)]
    assert all(catalogue is seen[0] for catalogue in seen[:10])
    assert all(catalogue == seen[0] for catalogue in seen)
    assert [model.id for model in seen[0].models] == ["fake-summary", "fake-translation"]


def test_an_outcome_names_the_revision_that_made_it() -> None:
    """What a reply is stamped with comes from the replica that did the work, not from the catalogue."""
    from service.records import Job, Segment

    job = Job(Task.SUMMARIZE, "fake-summary", "en", "", (Segment("One."),))
    with running("127.0.0.1:0", OtherEngine()) as new, client(f"127.0.0.1:{new.port}") as caller:
        (outcome,) = caller.run([job], context())
    assert outcome.model == ("2", "2" * 64)


def model(name: str, revision: str = "1", task: Task = Task.SUMMARIZE) -> ModelInfo:
    """A model."""
    return ModelInfo(name, task, revision, revision * 64, "fake", 1, "Apache-2.0")


def test_what_most_replicas_say_of_a_model_is_shown() -> None:
    """In the middle of a rollout the view does not depend on the order in which replicas were heard of."""
    old, new = Catalogue((model("a"),), "1"), Catalogue((model("a", "2"),), "2")
    first, second = Replicas(), Replicas()
    for number, catalogue in enumerate([old, new, new]):
        first.note(str(number), catalogue, 0.0)
    for number, catalogue in reversed(list(enumerate([old, new, new]))):
        second.note(str(number), catalogue, 0.0)
    assert first.view(1.0) == second.view(1.0) == new


def test_a_task_is_kept_where_replicas_share_no_model_for_it() -> None:
    """When a rollout replaces the only translator, translations go on with what most replicas have."""
    replicas = Replicas()
    for number, name in enumerate(["old", "old", "new"]):
        replicas.note(str(number), Catalogue((model("s"), model(name, task=Task.TRANSLATE))), 0.0)
    assert [one.id for one in replicas.view(0.0).models] == ["old", "s"]


def test_a_replica_that_is_gone_is_forgotten() -> None:
    """Its catalogue counts for a while, and the last one heard of counts for ever."""
    replicas = Replicas()
    replicas.note("gone", Catalogue((model("a"),)), 0.0)
    replicas.note("here", Catalogue((model("b"),)), 1.0)
    assert replicas.view(FORGET_S + 0.5) == Catalogue((model("b"),))
    assert len(replicas) == 1
    assert replicas.view(1000.0) == Catalogue((model("b"),))


FULL, LOST = Overloaded("full"), Unavailable("lost")


@pytest.mark.parametrize(
    ("failures", "tries"),
    [
        ([Failed(FULL, "a"), Failed(FULL, "b")], 2),
        ([Failed(FULL, "a"), Failed(FULL, "a"), Failed(FULL, "b")], 3),
        ([Failed(FULL, "a")] * 9, MOST_PICKS),
        ([Failed(LOST), Failed(LOST)], 2),
        ([Failed(Draining("ends"), "a"), Failed(LOST), Failed(LOST)], 3),
        ([Failed(BadRequest("no"), "a")], 1),
    ],
)
def test_a_call_is_made_again_within_bounds(failures: list[Failed], tries: int) -> None:
    """A refusal is taken to one other replica, a lost connection costs one more call, and other failures stand."""
    attempts = Attempts(several=True)
    made = next(number for number, failed in enumerate(failures, 1) if not attempts.again(failed))
    assert made == tries


def test_a_single_process_is_asked_once() -> None:
    """Where there is no other replica nothing is tried again."""
    errors: list[PrecisError] = [FULL, LOST]
    assert not any(Attempts(several=False).again(Failed(error)) for error in errors)
