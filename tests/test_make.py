"""`make run` as a user types it, in a copy of the tracked files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.process.service import LONG_S, ROOT, end, free_ports

pytestmark = pytest.mark.heavy


def test_make_run_serves_and_says_so(tmp_path: Path) -> None:
    """One ready line, an example, a working service on PORT, and an orderly end; nothing is downloaded again."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in tracked.decode().strip("\0").split("\0"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    port, _ = free_ports(2)  # the management port is the one after
    # Without what an outer make says to an inner one.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PRECIS_", "MAKE", "MFLAGS"))}
    env |= {"PRECIS_RUNTIME_DIR": str(tmp_path / "run")}
    log = tmp_path / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            ["make", "run", f"PORT={port}"],
            cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert f"127.0.0.1:{port}" in ready, log.read_text()[-4000:]
        example = process.stdout.readline()
        assert example.startswith("try: curl ")
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/summarize",
            json.dumps({"text": "The bridge is open. It was closed since March."}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=LONG_S) as reply:
            assert json.load(reply)["summary"]["text"]
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(LONG_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        end(process)
