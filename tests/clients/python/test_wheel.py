"""The client as it is installed: a wheel with types and a command, and no more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.environments import groups, python_of, ready
from tests.clients.official import FOLDER, PINS
from tests.process.service import LONG_S, ROOT, serving

SOURCE = ROOT / "clients/python"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network, from a copy, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--no-index", "-q", "-w", str(folder), str(folder / "source")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_the_package_its_types_and_the_command(wheel: Path) -> None:
    """Every module and `py.typed`; one need; the `precis` command."""
    assert wheel.name.startswith("precis_client-")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = next(name for name in names if name.endswith("/METADATA"))
        metadata = archive.read(info).decode()
        commands = archive.read(info.replace("METADATA", "entry_points.txt")).decode()
    package = {f"precis_client/{path.name}" for path in (SOURCE / "src/precis_client").glob("*.py")}
    assert {name for name in names if ".dist-info/" not in name} == package | {"precis_client/py.typed"}
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist")] == [
        "Requires-Dist: httpx<1,>=0.27"
    ]
    assert "Requires-Python: >=3.11" in metadata
    assert "precis = precis_client.cli:main" in commands


@pytest.mark.heavy
@pytest.mark.process
@pytest.mark.parametrize("name", ["precis-client", "precis-client-oldest"])
def test_the_installed_command_summarizes_a_file(wheel: Path, name: str, tmp_path: Path) -> None:
    """In an environment with nothing else than the package it needs, in the newest and in the oldest version."""
    assert ready(FOLDER, name, groups(PINS)[name]), "`make test-full` makes the clients' environments"
    python = python_of(FOLDER, name)
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-index"]
    subprocess.run([*install, "--no-deps", "--force-reinstall", str(wheel)], check=True, timeout=120)
    article = tmp_path / "article.txt"
    article.write_text("The bridge is open again. It was closed since March. Nobody was hurt.")
    env = {one: value for one, value in os.environ.items() if not one.startswith(("PRECIS", "PYTHON"))}
    with serving() as service:
        env["PRECISCLIENT_SERVER"] = f"http://127.0.0.1:{service.port}"
        done = subprocess.run(
            [str(python.with_name("precis")), "summarize", str(article), "--to", "es"],
            cwd=tmp_path, env=env, capture_output=True, text=True, timeout=LONG_S,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The bridge is open again.")
    assert "[es] The bridge" in done.stdout
