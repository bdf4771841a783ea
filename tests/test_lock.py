"""The locks hold every pin, with digests, and a package only once."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from scripts import lock

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {name: lock.entries((ROOT / name).read_text("utf-8")) for name in (*lock.CHAIN.values(), lock.CUDA)}
# An image is Linux on one of these; markers of other systems are not asked.
IMAGE = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
IMAGE |= {"python_version": "3.11", "python_full_version": "3.11.9"}
MACHINES = ("x86_64", "aarch64")


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith(("#", "-r "))]
    # Extras (`psycopg[binary]`) are no part of a lock: what they bring in is pinned beside it.
    return {canonicalize_name(package.partition("[")[0]): version for package, version in pairs}


def _in_image(entry: lock.Entry, machine: str) -> bool:
    return not entry.marker or Marker(entry.marker).evaluate(IMAGE | {"platform_machine": machine})


@pytest.mark.parametrize("pins", lock.CHAIN)
def test_every_pin_is_locked(pins: str) -> None:
    """A pin that was moved without `python -m scripts.lock` is noticed."""
    locked = {entry.name: entry.version for entry in (*LOCKS[lock.CHAIN[pins]], *LOCKS[lock.CUDA])}
    assert {name: locked.get(name) for name in _pins(pins)} == _pins(pins)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("pins", ["requirements-api.txt", "requirements-embedded.txt"])
def test_nothing_else_is_locked(pins: str, machine: str) -> None:
    """Where the pins are complete, an image gets what was tested and nothing besides."""
    assert {entry.name for entry in LOCKS[lock.CHAIN[pins]] if _in_image(entry, machine)} == set(_pins(pins))


@pytest.mark.parametrize("machine", MACHINES)
def test_a_package_is_locked_once(machine: str) -> None:
    """No two locks hold the same package, and no lock holds two versions for one machine."""
    names = [entry.name for entries in LOCKS.values() for entry in entries if _in_image(entry, machine)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_digests(name: str) -> None:
    """pip refuses a file that is not listed, and each lock reads the one before it."""
    assert LOCKS[name]
    assert [entry.name for entry in LOCKS[name] if not entry.digests] == []
    before = [None, *lock.CHAIN.values()][list(LOCKS).index(name)]
    found = re.findall(r"^-r (\S+)$", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    assert found == ([before] if before else [])


def test_builds_for_cuda_are_apart() -> None:
    """An image for CPUs never gets gigabytes of CUDA."""
    names = {entry.name for pins in lock.CHAIN.values() for entry in LOCKS[pins]}
    assert not {name for name in names if name.startswith(("nvidia", "cuda", "triton"))} | (names & {"torch"})
    assert "torch" in {entry.name for entry in LOCKS[lock.CUDA]}


A, B, C, D = (hashlib.sha256(letter.encode()).hexdigest() for letter in "abcd")
TEXT = f"""# a head
-r other.lock
first==1.0 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
second==2.0 ; sys_platform == 'linux' \\
    --hash=sha256:{C}
torch==3.0 \\
    --hash=sha256:{D}
"""


def test_reading_a_lock() -> None:
    """Names, versions, markers and digests are told apart, comments and other locks left out."""
    first, second, torch = lock.entries(TEXT)
    assert (first.name, first.version, first.marker, first.digests) == ("first", "1.0", "", (A, B))
    assert (second.name, second.version, second.marker, second.digests) == (
        "second",
        "2.0",
        "sys_platform == 'linux'",
        (C,),
    )
    assert torch.name == "torch"


def test_sharing_packages_out() -> None:
    """Each set keeps what the smaller ones have not, and what CUDA needs goes apart."""
    first, second, torch = lock.entries(TEXT)
    assert lock.share([[first], [first, second, torch]]) == ([[first], [second]], [torch])


def test_writing_reads_back() -> None:
    """What is written is what was read."""
    found = lock.entries(TEXT)
    text = lock.render("# a head", "other.lock", found)
    assert text == TEXT
