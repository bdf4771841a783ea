"""Every snippet of the client's README is run against a real service, as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.config import Settings
from tests.process.service import LONG_S, ROOT, Service, serving

pytestmark = pytest.mark.process

README = (ROOT / "clients/python/README.md").read_text("utf-8")
PYTHON = "\n".join(re.findall(r"^```python\n(.*?)\n```$", README, re.M | re.S))
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)\n```$", README, re.M | re.S) for line in block.splitlines()]
# Nobody is there to be told.
NOBODYS_HOOK = 'webhook="https://news.example/hook", '
ELSEWHERE = {"pip install clients/python        # from a checkout of the service": "test_wheel.py"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that translates, with jobs and webhooks where it knows them."""
    more: dict[str, object] = {}
    if "jobs_database" in Settings.model_fields:
        more = {"jobs_database": "", "state_dir": tmp_path_factory.mktemp("state")}
    with serving(**more) as running:
        yield running


def test_the_python_snippets_run(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other, as a reader would type them; then what they define, where the service has it."""
    names: dict[str, Any] = {}
    script = PYTHON.replace("127.0.0.1:8080", f"127.0.0.1:{service.port}")
    assert NOBODYS_HOOK in script
    exec(compile(script.replace(NOBODYS_HOOK, ""), "README.md", "exec"), names)
    told = capsys.readouterr().out
    assert "[es] The bridge is open again." in told
    assert "language (" in told
    assert "['The bridge is open again 😀.']" in told
    known = service.get("/openapi.json").json["paths"]
    if "text/event-stream" in known["/v1/summarize"]["post"]["responses"]["200"]["content"]:
        names["read_along"]("The bridge is open again. It was closed.")
        assert "[fr] [fr] The bridge" in capsys.readouterr().out
    if "/v1/jobs" in known:
        names["in_the_background"](["The bridge is open again. It was closed.", " "])
        assert "0 The bridge is open again." in capsys.readouterr().out
    with pytest.raises(Exception, match="Precis-Signature"):
        names["on_webhook"]({}, b"{}")
    names["client"].close()


@pytest.mark.heavy
def test_the_commands_run(service: Service, tmp_path: Path) -> None:
    """Each does what it is for, in a folder with the files that it names."""
    (tmp_path / "article.txt").write_text("The bridge is open again. It was closed since March. Nobody was hurt.")
    (tmp_path / "README.md").write_text("# Bridges\n\nThe bridge is open.")
    (tmp_path / "in.jsonl").write_text('{"text": "The bridge is open.", "id": "a"}\n{"text": "Guten Tag, Leute"}\n')
    (tmp_path / "news").mkdir()
    (tmp_path / "news/one.html").write_text("<html><body><p>The bridge is open. It was closed.</p></body></html>")
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "precis").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m precis_client "$@"\n')
    (binaries / "precis").chmod(0o755)
    env = {"PATH": f"{binaries}:/usr/bin:/bin", "PYTHONPATH": str(ROOT / "clients/python/src"), "LANG": "C.UTF-8",
           "PRECISCLIENT_SERVER": f"http://127.0.0.1:{service.port}"}  # fmt: skip
    assert set(ELSEWHERE) < set(COMMANDS)
    for command in COMMANDS:
        if command in ELSEWHERE:
            continue
        script = command.replace("127.0.0.1:8080", f"127.0.0.1:{service.port}")
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=LONG_S
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout or "--output" in command
    assert (tmp_path / "out.jsonl").read_text().count("\n") == 1
    assert (tmp_path / "summaries.jsonl").read_text().count("\n") == 2
