"""checkov has nothing to say against manifests and Dockerfile, but for what `checkov.yaml` explains."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import k8s_tools
from tests.k8s import rendering
from tests.k8s.rendering import MAIN, ROOT, name_of

pytestmark = pytest.mark.k8s

EXCEPTIONS = Path(__file__).with_name("checkov.yaml")


def _explained() -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load(EXCEPTIONS.read_text("utf-8"))
    return found


def _failed(target: Path, framework: str) -> tuple[set[str], int]:
    """Names of failed checks, and how many held."""
    done = subprocess.run(
        [k8s_tools.checkov(), "--directory", target, "--framework", framework, "--skip-download", "--output", "json"],
        capture_output=True, text=True, timeout=240,
        env={"PATH": os.environ["PATH"], "HOME": str(target), "LOG_LEVEL": "ERROR"},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr[-2000:]
    reports = json.loads(done.stdout)
    failed, passed = set(), 0
    for report in reports if isinstance(reports, list) else [reports]:
        results: dict[str, Any] = report["results"]
        failed |= {f"{item['check_id']} {item['resource']}" for item in results["failed_checks"]}
        passed += len(results["passed_checks"])
    return failed, passed


def test_manifests_pass(tmp_path: Path) -> None:
    """Nothing fails that is not explained, and every explanation is still needed."""
    for combination in MAIN:
        (tmp_path / f"{name_of(combination)}.yaml").write_text(rendering.text(combination), "utf-8")
    failed, passed = _failed(tmp_path, "kubernetes")
    assert passed > 500
    explained = _explained()
    unexplained = {line for line in failed if line.partition(" ")[0] not in explained and not _one(explained, line)}
    assert unexplained == set()
    assert {name for name in explained if not any(line.startswith(name.partition(" ")[0]) for line in failed)} == set()


def _one(explained: dict[str, str], line: str) -> bool:
    """Whether an exception for one object is meant: `CHECK name`."""
    check, _, resource = line.partition(" ")
    return f"{check} {resource.rpartition('.')[2]}" in explained


def test_dockerfile_passes(tmp_path: Path) -> None:
    """The image is built as checkov would have it, without an exception."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    # It does not read arguments, and would miss the tags of images that are named by one.
    bases = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", text, re.M))
    named = re.sub(r"^FROM \$\{(\w+)\}", lambda found: f"FROM {bases[found[1]]}", text, flags=re.M)
    (tmp_path / "Dockerfile").write_text(named, "utf-8")
    failed, passed = _failed(tmp_path, "dockerfile")
    assert passed > 20
    assert failed == set()
