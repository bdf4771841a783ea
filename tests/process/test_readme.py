"""Every command of the README is run, or named here with the reason why not; what it shows is what comes back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scripts.settings_table import embedded
from tests.process.comparing import differences
from tests.process.service import LONG_S, ROOT, Service, serving

pytestmark = pytest.mark.process

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)\n```$", README, re.M | re.S)
# One command a block or a line; a command may go on over lines inside quotes.
COMMANDS = [command for block in BLOCKS for command in re.findall(r"(?:[^\n']|'[^']*')+", block)]
RUN_ELSEWHERE = {
    "make run": "tests/test_make.py, marked heavy: a fresh copy in an empty folder",
    "make test": "this is it",
    "docker build -t precis .": "tests/image: `make test-image`",
    "docker run --rm -p 8080:8080 --read-only --tmpfs /tmp --cap-drop ALL precis": "tests/image",
    "kubectl apply -k k8s/overlays/embedded": "tests/k8s: a cluster is not at hand",
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """The embedded default, as `make run` starts it."""
    with serving(engines="extractive apertium", jobs_database="") as running:
        yield running


def run(command: str, service: Service) -> str:
    """Run a command from the README against this service."""
    command = command.replace("localhost:8080", f"127.0.0.1:{service.port}")
    # The environment's interpreter may lie elsewhere when the tests do.
    command = command.replace(".venv/bin/precis", f'"{sys.executable}" -m service.cli')
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_is_run_or_named() -> None:
    """A new command in the README needs a test."""
    for command in COMMANDS:
        known = command in RUN_ELSEWHERE or command.startswith(
            ("curl -s localhost:8080/", "curl -sN localhost:8080/", ".venv/bin/precis ")
        )
        assert known, command
    assert set(RUN_ELSEWHERE) <= set(COMMANDS)


@pytest.mark.apertium
def test_the_reply_shown_is_the_real_one(service: Service) -> None:
    """All of it but ids, times and versions."""
    (request,) = [command for command in COMMANDS if command.startswith("curl -s localhost:8080/v1/summarize")]
    (shown,) = re.findall(r"^```json\n(.*?)\n```$", README, re.M | re.S)
    assert differences(json.loads(shown), json.loads(run(request, service))) == []


@pytest.mark.apertium
def test_the_stream_shown_is_the_real_one(service: Service) -> None:
    """Line by line, where a line is cut up to there."""
    (request,) = [command for command in COMMANDS if command.startswith("curl -sN")]
    (shown,) = re.findall(r"^```text\n(id: 0\n.*?)\n```$", README, re.M | re.S)
    wanted, got = shown.split("\n"), run(request, service).rstrip("\n").split("\n")
    assert len(wanted) == len(got)
    for one, other in zip(wanted, got, strict=True):
        begin, cut, _ = one.partition("…")
        assert other.startswith(begin) if cut else other == one


@pytest.mark.apertium
@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("curl") and "summarize" not in one])
def test_requests_of_the_readme_are_answered(command: str, service: Service) -> None:
    """JSON without an error."""
    reply = json.loads(run(command, service))
    assert "code" not in reply
    assert all(item["status"] == "ok" for item in reply.get("translations", []))


@pytest.mark.apertium
@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith(".venv/bin/precis")])
def test_the_command_line_of_the_readme_works(command: str, service: Service) -> None:
    """Each prints what it is for."""
    assert len(run(command, service).strip()) > 50


def test_the_table_of_settings_is_current() -> None:
    """`python -m scripts.settings_table --write` makes it."""
    assert embedded(README) == README
