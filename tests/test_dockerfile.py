"""What can be said of the Dockerfile without building it; `make test-image` builds."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from scripts import images, lock
from service.config import load
from service.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "Dockerfile").read_text("utf-8")
# Instructions, with lines that go on put together.
LINES = [" ".join(line.split()) for line in re.sub(r"\\\n(\s*#[^\n]*\n)*", " ", TEXT).splitlines()]
STEPS = [line.partition(" ")[::2] for line in LINES if line and not line.startswith("#")]


def _of(word: str) -> list[str]:
    return [rest for step, rest in STEPS if step == word]


def test_its_version_is_the_services() -> None:
    """An image that is built without arguments is labelled with the version that it holds."""
    assert f"VERSION={VERSION}" in _of("ARG")


def test_its_targets_are_those_that_are_built() -> None:
    """Each image has a name, and the last target, the default, is the whole service."""
    stages = [rest.split()[-1] for rest in _of("FROM")]
    assert set(images.TARGETS) <= set(stages)
    assert stages[-1] == "all"


def test_base_images_are_arguments_with_a_version() -> None:
    """A digest can be given, and without one the version is said; nothing is built from `latest`."""
    assert all(re.fullmatch(r"[a-z]+:[\w.-]*\d[\w.-]*|[a-z]+:[a-z]+-slim", name) for name in images.base_images())
    stages = {rest.split()[-1] for rest in _of("FROM")}
    assert {rest.split()[0] for rest in _of("FROM")} - stages == {"${PYTHON_IMAGE}", "${DEBIAN_IMAGE}"}


def test_packages_are_installed_by_digest() -> None:
    """Every pip takes files from a lock, wheels only; PyTorch's build for CPUs is the one exception."""
    installs = [step for rest in _of("RUN") for step in rest.split("&&") if "pip install" in step]
    assert installs
    assert all("--only-binary :all:" in step and "--no-deps" in step for step in installs)
    loose = [step for step in installs if "--require-hashes" not in step]
    assert [shlex.split(step)[-1] for step in loose] == ["/build/torch.txt"]
    used = {shlex.split(step)[-1].rpartition("/")[2] for step in installs} - {"torch.txt"}
    assert used == {*lock.CHAIN.values(), lock.CUDA}


def test_its_settings_are_known() -> None:
    """Every variable that an image sets is a setting with a good value."""
    words = [word for rest in _of("ENV") for word in shlex.split(rest)]
    given = dict(word.split("=", 1) for word in words if word.startswith("PRECIS_"))
    assert load(given).port == 8080


def test_every_image_drops_root() -> None:
    """Each target ends as the same user, with a command."""
    for stage in images.TARGETS:
        steps = TEXT.partition(f" AS {stage}\n")[2].partition("\nFROM ")[0]
        assert "\nUSER 10001:10001\n" in steps
        assert "\nCMD [" in steps


def test_what_it_copies_is_sent_to_the_builder() -> None:
    """`.dockerignore` lets through what is copied and nothing else."""
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source for rest in _of("COPY") if not rest.startswith("--from") for source in rest.split()[:-1]
    }  # fmt: skip
    covered = {source for source in copied if source in allowed or source.split("/")[0] in allowed}
    assert copied == covered
    assert "*" in ignored
    assert all((ROOT / name).exists() for name in allowed)
