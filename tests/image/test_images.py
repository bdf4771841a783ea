"""The images are built for real and run as hardened as they are meant to be."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.images import Builder
from service.version import VERSION
from tests.image.containers import OFFLINE, USER, Container, answers, job, once, running, saved
from tests.image.inside import DIGESTS, SCAN
from tests.process.service import LONG_S, ROOT, wait_until

pytestmark = [pytest.mark.image, pytest.mark.timeout(2400)]

ARTICLE = "The bridge opened on Monday. It had been closed since March. Engineers replaced all of its cables."
Images = Callable[[str], str]
# Compressed, as it is pulled.
API_MB = 250
# The aim is 3 s on two idle cores; this is what must hold on busy ones, in the quickest round.
API_READY_S = 6.0
ROUNDS = 5
IN_FLIGHT = 30


@pytest.fixture(scope="module")
def service(builder: Builder, image: Images) -> Iterator[Container]:
    """The default image, without network."""
    with running(builder, image("all")) as container:
        container.wait_ready(8080, "/v1/models")
        yield container


def test_it_answers_with_nothing_but_itself(service: Container) -> None:
    """An article comes back summarized and translated from a container without network, volume or capabilities."""
    reply = service.ask("/v1/summarize", {"text": ARTICLE, "translate_to": ["es"]})
    assert reply.status == 200, reply.body
    assert reply.json["summary"]["text"]
    (translation,) = reply.json["translations"]
    assert (translation["status"], translation["language"]) == ("ok", "es")
    assert "puente" in translation["text"].casefold()


def test_its_processes_have_no_rights(service: Container) -> None:
    """Every process runs as the user without a name of its own, without capabilities, and cannot get new ones."""
    script = "import pathlib; print(*(p.read_text() for p in pathlib.Path('/proc').glob('[0-9]*/status')), sep='|')"
    found = [dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
             for text in service.run("python", "-c", script).stdout.split("|")]  # fmt: skip
    assert len(found) >= 5, "tini, supervisor, model process, gunicorn and its workers"
    for status in found:
        assert status["Uid"].split() == [str(USER)] * 4
        assert status["Gid"].split() == [str(USER)] * 4
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
        assert status["NoNewPrivs"] == "1"
    assert service.run("cat", "/proc/1/comm").stdout.strip() == "tini"


def test_only_tmp_can_be_written(service: Container) -> None:
    """The root file system is read-only, and no socket for gunicorn's control lies about."""
    for folder in ("/", "/app", "/models", "/var/tmp", "/usr/local/lib/python3.11"):
        assert service.run("sh", "-c", f"touch {folder}/x", check=False).returncode != 0, folder
    assert service.run("sh", "-c", "touch /tmp/x && rm /tmp/x").returncode == 0
    assert service.run("find", "/tmp", "/run", "-name", "*.ctl").stdout == ""


def test_it_becomes_healthy(service: Container) -> None:
    """The image's own health check says so, and finds the port it is to ask."""
    assert service.inspect("{{json .Config.Healthcheck.Test}}").startswith('["CMD"')
    if service.builder.command == "podman":  # without systemd nobody runs it there but us
        assert service.builder.run("healthcheck", "run", service.name).returncode == 0
    else:
        wait_until(lambda: service.inspect("{{.State.Health.Status}}") == "healthy", "healthy", LONG_S)


def test_the_command_is_there(service: Container) -> None:
    """`docker exec` finds `precis`."""
    assert service.run("precis", "--version").stdout.strip() == f"precis {VERSION}"


def test_sigterm_answers_what_was_admitted(builder: Builder, image: Images) -> None:
    """Told to stop in the middle of thirty requests, it answers all of them and ends with 0 within its grace."""
    with running(builder, image("all")) as container:
        container.wait_ready(8080, "/v1/models")
        sentence = "The council of town {} said on Monday that bridge {} would be opened for {} cars in May. "
        texts = ["".join(sentence.format(at, row, at * row) for at in range(400)) for row in range(IN_FLIGHT)]
        client = container.client(
            [job("/v1/summarize", {"text": text, "translate_to": ["es", "fr"], "length": "long"}) for text in texts]
        )
        wait_until(lambda: _in_flight(container) >= IN_FLIGHT, "all requests are in flight", LONG_S)
        status = container.stop(60)
        found = answers(client)
    assert [answer.status for answer in found] == [200] * IN_FLIGHT, [answer.body[:200] for answer in found]
    assert status == 0


def _in_flight(container: Container) -> int:
    connections = Path(f"/proc/{container.pid}/net/tcp").read_text("ascii").splitlines()[1:]
    # Server's side of connections to port 8080 (1F90) that are established (01).
    return sum(fields[1].endswith(":1F90") and fields[3] == "01" for fields in map(str.split, connections))


def test_api_is_ready_soon(builder: Builder, image: Images, record_property: Callable[[str, object], None]) -> None:
    """The thin image answers its probe soon after `run`; each round is printed."""
    tag = image("api")
    took_s = []
    for _ in range(ROUNDS):
        with running(builder, tag) as container:
            took_s.append(container.wait_ready())
            assert container.stop() == 0
    record_property("api_ready_s", took_s)
    print(f"api ready after {min(took_s):.2f}-{max(took_s):.2f} s, median {statistics.median(took_s):.2f} s")
    assert min(took_s) <= API_READY_S, took_s


def test_api_is_small(builder: Builder, image: Images, tmp_path: Path) -> None:
    """What is pulled is within its bound; the bytes on disk are printed beside it."""
    tag = image("api")
    size = int(builder.run("image", "inspect", tag, "--format", "{{.Size}}").stdout)
    if builder.command == "podman":
        packed = sum(path.stat().st_size for path in saved(builder, tag, tmp_path / "image"))
        print(f"api: {packed / 1e6:.0f} MB compressed, {size / 1e6:.0f} MB on disk, stand-in: {builder.stand_in}")
        assert packed <= API_MB * 1e6
    else:
        assert size <= 2 * API_MB * 1e6


@pytest.mark.parametrize(
    ("target", "without"),
    [
        (
            "api",
            ("pip", "setuptools", "torch", "transformers", "huggingface_hub", "grpc_health", "pytest"),
        ),
        ("all", ("pip", "setuptools", "ensurepip", "torch", "transformers", "huggingface_hub", "pytest")),
        ("model", ("pip", "ensurepip", "pytest", "triton", "nvidia")),
    ],
)
def test_what_is_in_it(builder: Builder, image: Images, target: str, without: tuple[str, ...]) -> None:
    """No pip, no compiler, no file that changes its user or that everybody may write, nothing of the repository."""
    words = ("--rm", "--user", "0", *OFFLINE, "--entrypoint", "python", image(target), "-c", SCAN, *without)
    found = json.loads(builder.run("run", *words).stdout)
    assert found == {"setuid": [], "writable": [], "stray": [], "ours": ["/models"], "tools": [], "modules": []}


@pytest.mark.parametrize("target", ["api", "all", "model"])
def test_it_says_what_it_is(builder: Builder, image: Images, target: str) -> None:
    """Labels of the Open Container Initiative, the user, the signal and the ports."""
    (said,) = json.loads(builder.run("image", "inspect", image(target)).stdout)
    config = said["Config"]
    labels = {name.rpartition(".")[2]: text for name, text in config["Labels"].items() if "opencontainers" in name}
    assert (labels["version"], labels["licenses"]) == (VERSION, "Apache-2.0")
    assert config["User"] == f"{USER}:{USER}"
    assert config.get("StopSignal", "SIGTERM") in ("SIGTERM", "15")
    assert {"8080/tcp", "8081/tcp"} <= config["ExposedPorts"].keys()
    assert config["Entrypoint"] == ["tini", "--", "python", "-m", "service.cli"]


def test_two_builds_hold_the_same(builder: Builder, image: Images) -> None:
    """Built again without any cache, the thin image has the same files with the same content, and labels as given."""
    given = ("--build-arg", "REVISION=0123abc", "--build-arg", "SOURCE=here")
    again = builder.build("api", "--no-cache", *given, tag="precis-api:again")
    first, second = (_contents(builder, tag) for tag in (image("api"), again))
    labels = json.loads(builder.run("image", "inspect", again, "--format", "{{json .Config.Labels}}").stdout)
    assert labels["org.opencontainers.image.revision"] == "0123abc"
    assert labels["org.opencontainers.image.source"] == "here"
    builder.run("rmi", again)
    differing = sorted(path for path in first.keys() | second.keys() if first.get(path) != second.get(path))
    print(f"{len(first)} files, {len(differing)} differ: {differing[:20]}")
    assert differing == []


# Written by the container engine itself.
_ENGINES_OWN = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv")


def _contents(builder: Builder, tag: str) -> dict[str, list[object]]:
    words = ("--rm", "--user", "0", *OFFLINE, "--entrypoint", "python", tag, "-c", DIGESTS)
    found: dict[str, list[object]] = json.loads(builder.run("run", *words).stdout)
    return {path: entry for path, entry in found.items() if path not in _ENGINES_OWN}


def test_the_default_target_is_the_whole_service() -> None:
    """`docker build .` without a target makes what `docker run` shows in the README."""
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("FROM ")][-1] == "all"


def test_a_wrong_word_ends_it(builder: Builder, image: Images) -> None:
    """The command's own exit status comes through."""
    assert once(builder, image("api"), "serve", "--role", "nobody").returncode == 2
