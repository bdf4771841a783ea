"""hadolint's rules, and that what the locks name can be had for both kinds of processors."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts import environments, lock
from tests.process.service import ROOT

pytestmark = [pytest.mark.image, pytest.mark.timeout(1200)]


def test_hadolint_has_no_complaint() -> None:
    """The Dockerfile keeps the rules of the trade, or says why not."""
    command = [_tool("hadolint"), "--no-color", "Dockerfile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_locks_can_be_installed_on_both_processors(tmp_path: Path, machine: str) -> None:
    """All of it, CUDA included, is complete and has a wheel for each; digests are checked where it is installed."""
    names = [*lock.CHAIN.values(), lock.CUDA]
    entries = [entry for name in names for entry in lock.entries((ROOT / name).read_text("utf-8"))]
    (tmp_path / "lock").write_text(lock.render("#", "", entries), "utf-8")
    command = [_tool("uv"), "pip", "install", "--dry-run", "--require-hashes", "--only-binary", ":all:"]
    command += ["--python-platform", f"{machine}-manylinux_2_28", "--python-version", "3.11"]
    command += ["--target", str(tmp_path / "packages"), "-r", str(tmp_path / "lock")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]


def _tool(name: str) -> str:
    pins = environments.groups(ROOT / "requirements-tools.txt")[name]
    return str(environments.make(ROOT / ".make/tools", name, pins).with_name(name))
