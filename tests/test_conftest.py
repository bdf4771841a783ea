"""The common fixtures do what they promise; each case is a small pytest run of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy  # a dozen interpreter starts

ROOT = Path(__file__).resolve().parent.parent

PREAMBLE = """
import os, subprocess, sys, threading
import pytest
import tests.conftest
tests.conftest.GRACE_S = 0.2
"""


def _run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    module = folder / "test_case.py"
    module.write_text(PREAMBLE + code, "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(
        [*command, f"--rootdir={folder}", str(module)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_leftovers_fail_the_test_that_left_them(tmp_path: Path) -> None:
    """A thread and a process that outlive their tests are errors, and a tidy test beside them is not."""
    done = _run(
        tmp_path,
        """
stop = threading.Event()
def test_thread():
    threading.Thread(target=stop.wait, name="forgotten", daemon=True).start()
def test_process():
    test_process.child = subprocess.Popen(["sleep", "30"])
def test_tidy():
    test_process.child.kill()
    test_process.child.wait()
    stop.set()
""",
    )
    assert "left behind: thread forgotten" in done.stdout
    assert "sleep 30" in done.stdout
    assert "3 passed, 2 errors" in done.stdout


def test_environment_is_put_back(tmp_path: Path) -> None:
    """What a test does to variables and the working folder is not seen by the next, and settings start out empty."""
    done = _run(
        tmp_path,
        """
os.environ["PRECIS_PORT"] = "1"
here = os.getcwd()
def test_changes():
    assert "PRECIS_PORT" not in os.environ
    os.environ["SOME_NAME"] = "1"
    os.chdir("/")
def test_sees_nothing():
    assert "SOME_NAME" not in os.environ and os.getcwd() == here
""",
    )
    assert "2 passed" in done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "def test_it():\n    pytest.skip('no time')",
        "pytest.skip('no time', allow_module_level=True)",
        "@pytest.mark.skip(reason='no time')\ndef test_it(): pass",
    ],
    ids=["call", "module", "mark"],
)
def test_unlisted_skip_fails_the_run(tmp_path: Path, code: str) -> None:
    """A skip nobody has justified makes the run fail and is named."""
    done = _run(tmp_path, f"\n{code}\ndef test_other(): pass\n")
    assert done.returncode != 0
    assert "no time" in done.stdout.split("allowed_skips.py does not list")[1]


def test_listed_skip_passes_where_its_reason_is_true(tmp_path: Path) -> None:
    """A listed skip is accepted exactly on machines where the reason holds."""
    code = """
from tests.allowed_skips import ALLOWED
import dataclasses, tests.allowed_skips
HOLDS = %s
tests.allowed_skips.ALLOWED = tuple(dataclasses.replace(entry, holds=lambda: HOLDS) for entry in ALLOWED)
def test_it():
    pytest.skip(ALLOWED[0].reason)
"""
    assert _run(tmp_path, code % True).returncode == 0
    assert _run(tmp_path, code % False).returncode == 1
