"""hadolint's rules, and that what the locks name can be had for both kinds of processors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import environments, lock
from tests.process.service import ROOT

pytestmark = [pytest.mark.image, pytest.mark.timeout(1200)]


def test_hadolint_has_no_complaint() -> None:
    """The Dockerfile keeps the rules of the trade, or says why not."""
    pins = environments.groups(ROOT / "requirements-tools.txt")["hadolint"]
    hadolint = environments.make(ROOT / ".make/tools", "hadolint", pins).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("name", [*lock.CHAIN.values(), lock.CUDA])
def test_wheels_are_there_for_both_processors(tmp_path: Path, name: str, machine: str) -> None:
    """The index has a wheel of every package for Linux on this processor, with a digest that the lock names."""
    entries = lock.entries((ROOT / name).read_text("utf-8"))
    (tmp_path / "lock").write_text(lock.render("#", "", entries), "utf-8")
    platforms = [word for minor in (17, 24, 26, 27, 28) for word in ("--platform", f"manylinux_2_{minor}_{machine}")]
    command = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.11"]
    command += [*platforms, "--platform", f"manylinux2014_{machine}", "--platform", f"linux_{machine}"]
    command += ["--target", str(tmp_path / "packages"), "-r", str(tmp_path / "lock")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
