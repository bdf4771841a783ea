"""The pins say what is installed, all of it, and nothing that nobody imports."""

from __future__ import annotations

import ast
import importlib.metadata as metadata
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
DIRECT, BROUGHT = 0, 1

# Named in the pins without being imported: a plug-in of one that is.
PLUG_INS = {"flask-openapi3-swagger"}

# Where the roles begin that run without an engine; gunicorn is told of its settings and its worker by name.
THIN_ROOTS = ("main_serve", "main_api", "main_worker", "api.gunicorn_conf", "api.edge")


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


def _imports(path: Path) -> Iterator[str]:
    """Full names of what a module imports; ours are all absolute."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _distributions(names: Iterable[str]) -> set[str]:
    """Distributions that have these modules, our own and Python's left out."""
    known = metadata.packages_distributions()
    found: set[str] = set()
    for name in names:
        package = name.split(".")[0]
        if package in ("service", "precis_client") or package in sys.stdlib_module_names:
            continue
        for distribution in known.get(package, [package]):
            # Several may share a first name, as `google`.
            if len(known.get(package, ())) < 2 or _has(distribution, name):
                found.add(canonicalize_name(distribution))
    return found


@cache
def _has(distribution: str, module: str) -> bool:
    """Whether a module with this full name is in a distribution."""
    start = module.replace(".", "/")
    paths = [path.as_posix() for path in metadata.files(distribution) or ()]
    return any(path == f"{start}/__init__.py" or path.startswith(f"{start}.") for path in paths)


def _imported(*folders: str) -> set[str]:
    """Distributions that modules below the folders import."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return _distributions(name for path in paths for name in _imports(path))


def _reached(roots: Iterable[str]) -> set[str]:
    """Distributions that are imported by these modules of ours or by what they import, in functions too."""
    waiting, seen, outside = list(roots), set[str](), set[str]()
    while waiting:
        name = waiting.pop()
        path = ROOT / f"{name.replace('.', '/')}.py"
        if name in seen or (name.startswith("service") and not path.is_file()):
            continue
        seen.add(name)
        if name.startswith("service"):
            waiting += _imports(path)
        else:
            outside.add(name)
    return _distributions(outside)


API = _pins("requirements-api.txt")
_ENGINES = _pins("requirements-embedded.txt")
EMBEDDED = ({**API[DIRECT], **_ENGINES[DIRECT]}, {**API[BROUGHT], **_ENGINES[BROUGHT]})
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


def test_api_pins_are_complete() -> None:
    """The thin roles have all they need without what is pinned for engines, and nothing besides."""
    assert _closure(set(API[DIRECT])) == set(API[DIRECT]) | set(API[BROUGHT])


def test_api_pins_are_what_the_thin_roles_import() -> None:
    """Their pins are what can be reached from their entry modules, and each pin is reached."""
    roots = [f"service.{name}" for name in THIN_ROOTS if (ROOT / f"service/{name.replace('.', '/')}.py").exists()]
    assert _reached(roots) - set(API[DIRECT]) == set()
    assert set(API[DIRECT]) - _reached(roots) - PLUG_INS == set()


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
