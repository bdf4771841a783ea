"""The pins say what is installed, all of it, and nothing that nobody imports."""

from __future__ import annotations

import ast
import importlib.metadata as metadata
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
DIRECT, BROUGHT = 0, 1

# Named in the pins without being imported: a plug-in of one that is.
PLUG_INS = {"flask-openapi3-swagger"}


def _pins(name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Direct and brought-in pins of a file: the second kind follows the second comment."""
    found: tuple[dict[str, str], dict[str, str]] = ({}, {})
    kind = DIRECT
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if line.startswith("# What the packages above bring in"):
            kind = BROUGHT
        if line and not line.startswith(("#", "-r ")):
            requirement = Requirement(line)
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", line
            found[kind][canonicalize_name(requirement.name)] = specifier.version
    return found


def _closure(roots: set[str]) -> set[str]:
    """The roots and everything they need on this platform."""
    found: set[str] = set()
    waiting: list[tuple[str, tuple[str, ...]]] = [(name, ()) for name in roots]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found.add(name)
        for line in metadata.requires(name) or []:
            need = Requirement(line)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((canonicalize_name(need.name), tuple(sorted(need.extras))))
    return found


def _imported(*folders: str) -> set[str]:
    """Distributions that modules below the folders import."""
    names: set[str] = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    names |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    known = metadata.packages_distributions()
    found: set[str] = set()
    for name in names:
        package = name.split(".")[0]
        if package in sys.stdlib_module_names or package in ("service", "precis_client"):
            continue
        owners = known.get(package, [package])
        found |= set(owners) if len(owners) == 1 else {one for one in owners if _holds(one, name)}
    return {canonicalize_name(distribution) for distribution in found}


def _holds(distribution: str, module: str) -> bool:
    """Whether a distribution brings this module of a package that several share."""
    path = module.replace(".", "/")
    wanted = (f"{path}.py", f"{path}/__init__.py")
    return any(str(file) in wanted for file in metadata.files(distribution) or ())


EMBEDDED = _pins("requirements-embedded.txt")
DEV = _pins("requirements-dev.txt")
FULL = _pins("requirements.txt")


@pytest.mark.parametrize("pins", [EMBEDDED, DEV], ids=["embedded", "dev"])
def test_installed_versions_are_the_pinned_ones(pins: tuple[dict[str, str], dict[str, str]]) -> None:
    """What the tests run with is what users install."""
    pinned = {**pins[DIRECT], **pins[BROUGHT]}
    assert {name: metadata.version(name) for name in pinned} == pinned


def test_embedded_pins_are_complete() -> None:
    """Everything the embedded profile brings in is pinned, and nothing is pinned that it does not bring in."""
    assert _closure(set(EMBEDDED[DIRECT])) == set(EMBEDDED[DIRECT]) | set(EMBEDDED[BROUGHT])


def test_dev_pins_are_complete() -> None:
    """Everything the tools bring in is pinned."""
    pinned = {name for pins in (EMBEDDED, DEV) for kind in pins for name in kind}
    assert _closure(set(DEV[DIRECT])) <= pinned


def test_every_import_of_the_service_is_pinned_directly() -> None:
    """The service leans on nothing that is there only because another package wants it."""
    assert _imported("service") - set(EMBEDDED[DIRECT]) - set(FULL[DIRECT]) == set()


def test_every_direct_pin_is_imported() -> None:
    """The embedded profile downloads nothing that is not used."""
    assert set(EMBEDDED[DIRECT]) - _imported("service") - PLUG_INS == set()


def test_full_set_has_no_pin_of_its_own_for_the_embedded_set() -> None:
    """A version is said once."""
    assert set(FULL[DIRECT]) & (set(EMBEDDED[DIRECT]) | set(EMBEDDED[BROUGHT])) == set()
