"""The rules of the code base that a machine can hold."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from precis_client.version import VERSION as CLIENT_VERSION
from scripts import proto
from service.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
SERVICE = ROOT / "service"
CLIENT = ROOT / "clients/python/src/precis_client"
CODE = ("service", "scripts", "bench", "clients")
NOT_OURS = {
    ".git",
    ".venv",
    ".make",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    "__pycache__",
    "build",
}
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 60

# What each part may import of the service besides itself. Data flows left to right, imports only to the right.
LEAVES: dict[str, set[str]] = {
    "errors": set(),
    "addresses": set(),
    "config_serving": {"addresses"},
    "config_jobs": {"config_serving"},
    "config": {"config_serving", "config_jobs"},
    "covering": set(),
    "version": set(),
    "processes": set(),
    "openers": set(),
    "cpus": {"config"},
    "records": {"errors"},
    "events": {"errors", "records"},
    "item_results": {"errors"},
    "languages": {"errors"},
    "heartbeat": {"errors"},
    "observability": {"errors", "config", "heartbeat", "version"},
    "telemetry": {"observability"},
    "redis_link": {"telemetry"},
    "management": {"errors", "config", "heartbeat", "telemetry"},
}
FOLDERS: dict[str, set[str]] = {
    "models": set(),
    "engines": {"models"},
    "serving": {"engines"},
    "pipeline": {"serving"},
    "jobs": {"pipeline"},
    "api": {"pipeline", "jobs"},
}
ROOTS = {
    "cli",
    "cli_keys",
    "cli_models",
    "cli_remote",
    "cli_texts",
    "main_api",
    "main_model",
    "main_serve",
    "main_worker",
}

# Packages that only one folder may import.
ONLY_IN = {
    "torch": "engines",
    "transformers": "engines",
    "huggingface_hub": "models",
    "httpx2": "models",
    "flask": "api",
    "flask_openapi3": "api",
    "werkzeug": "api",
    "dbos": "jobs",
    "psycopg": "jobs",
}
# What the client for Python may import besides itself and the standard library.
CLIENT_NEEDS = {"httpx"}


def _modules(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if not path.name.endswith("_pb2.py") and "__pycache__" not in path.parts)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _imports(path: Path) -> Iterator[str]:
    """Full names of everything a module imports, also inside functions and for type checking."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join((*package[: len(package) + 1 - node.level], *(node.module or "").split("."))).strip(".")
            source = base if node.level else node.module or ""
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def _part(module: str) -> str:
    """The folder or module directly below `service` that a dotted name lies in; empty for `service` itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _parts_there() -> set[str]:
    """Folders with code and modules directly below `service`."""
    modules = {path.stem for path in SERVICE.glob("*.py")} - {"__init__"}
    return modules | {path.name for path in SERVICE.iterdir() if (path / "__init__.py").exists()}


def _text_files() -> Iterator[Path]:
    def walk(folder: Path) -> Iterator[Path]:
        for path in folder.iterdir():
            if path.name in NOT_OURS or path.is_symlink() or path == ROOT / "shared":
                continue
            if path.is_dir():
                yield from walk(path)
            elif b"\0" not in path.read_bytes()[:1024]:
                yield path

    yield from walk(ROOT)


# ---- layers ---------------------------------------------------------------------------------------------------------


def test_every_part_has_its_place() -> None:
    """A new folder or module below `service` is given its layer here before it is used."""
    assert _parts_there() - set(LEAVES) - set(FOLDERS) - ROOTS == set()


@pytest.mark.parametrize("path", _modules("service"), ids=_name)
def test_imports_point_to_the_right(path: Path) -> None:
    """A module imports its own folder, the folder to its right and leaves, and nothing imports a composition root."""
    own = _part(".".join(path.relative_to(ROOT).with_suffix("").parts))
    there = _parts_there()
    used = {_part(name) for name in _imports(path) if name.startswith("service.")} & there
    if own in ROOTS:
        allowed = there
    elif own in LEAVES:
        allowed = LEAVES[own]
    else:
        allowed = FOLDERS.get(own, set()) | set(LEAVES)
    assert used - allowed - {own} == set()


@pytest.mark.parametrize("path", _modules("service"), ids=_name)
def test_heavy_and_web_packages_stay_in_their_folder(path: Path) -> None:
    """Only engines know torch, only the API knows Flask."""
    own = _part(".".join(path.relative_to(ROOT).with_suffix("").parts))
    packages = {name.split(".")[0] for name in _imports(path)}
    assert {package for package in packages if ONLY_IN.get(package, own) != own} == set()


@pytest.mark.parametrize("path", _modules("service"), ids=_name)
def test_only_the_command_line_knows_the_client(path: Path) -> None:
    """The service is complete without the client; the command hands over to it where a server is named."""
    packages = {name.split(".")[0] for name in _imports(path)}
    assert "precis_client" not in packages or path.stem in ROOTS & {"cli", "cli_remote"}


@pytest.mark.parametrize("path", _modules("clients"), ids=_name)
def test_the_client_stands_alone(path: Path) -> None:
    """It knows nothing of the service and needs one package."""
    packages = {name.split(".")[0] for name in _imports(path)}
    assert packages - set(sys.stdlib_module_names) - CLIENT_NEEDS - {CLIENT.name} == set()


def test_the_client_names_its_parts_and_runs_nothing() -> None:
    """Its package holds imports from itself and a list of what they bring, in order, and no other code."""
    _, *imports, listed = _tree(CLIENT / "__init__.py").body
    assert all(isinstance(one, ast.ImportFrom) and (one.module or "").startswith(CLIENT.name) for one in imports)
    brought = {alias.asname or alias.name for one in imports if isinstance(one, ast.ImportFrom) for alias in one.names}
    assert isinstance(listed, ast.Assign)
    assert set(ast.literal_eval(listed.value)) == brought


PROBE = """
import sys
asked = set()
class Watch:
    def find_spec(self, name, path=None, target=None):
        asked.add(name.partition(".")[0])
sys.meta_path.insert(0, Watch())
import importlib
importlib.import_module(sys.argv[1])
print(" ".join(sorted(asked)))
"""


@pytest.mark.parametrize("root", sorted(path.stem for path in SERVICE.glob("*.py") if path.stem in ROOTS))
def test_processes_load_no_torch(root: str) -> None:
    """Importing an entry module does not so much as look for torch or the client of the model hub."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, f"service.{root}"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert {"torch", "transformers", "huggingface_hub"} & set(done.stdout.split()) == set()


# ---- size and shape -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", _modules(*CODE), ids=_name)
def test_modules_and_functions_are_short(path: Path) -> None:
    """A module is one thing and a function fits on a screen."""
    assert len(path.read_text("utf-8").splitlines()) <= MAX_MODULE_LINES
    long = [
        f"{node.name} ({(node.end_lineno or 0) - node.lineno + 1} lines)"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert long == []


def test_packages_are_folders_without_code() -> None:
    """Importing a folder runs nothing."""
    assert [
        _name(path)
        for path in _modules(*CODE, "tests")
        if path.name == "__init__.py" and path.stat().st_size and path.parent != CLIENT
    ] == []


@pytest.mark.parametrize("path", [path for path in _modules("tests") if path.name.startswith("test_")], ids=_name)
def test_tests_say_what_they_hold(path: Path) -> None:
    """Every test function has a docstring that is a sentence."""
    silent = [
        node.name
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not (ast.get_docstring(node) or "").endswith((".", "!", "?"))
    ]
    assert silent == []


@pytest.mark.parametrize("path", _modules("service", "clients"), ids=_name)
def test_input_is_not_checked_by_asserts(path: Path) -> None:
    """Checks survive `python -O`."""
    assert [node.lineno for node in ast.walk(_tree(path)) if isinstance(node, ast.Assert)] == []


def test_version_is_one() -> None:
    """The code, the package and the image of the manifests carry the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    client = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text("utf-8"))["project"]["version"]
    image = re.search(r"newTag: (\S+)", (ROOT / "k8s/base/kustomization.yaml").read_text("utf-8"))
    assert project == VERSION
    assert client == CLIENT_VERSION
    assert image and image[1] == VERSION


# ---- what does not belong into a repository --------------------------------------------------------------------------


def test_no_paths_of_one_machine() -> None:
    """No file names a folder that exists on somebody's machine only."""
    pattern = re.compile(r"(?<![\w.}/-])/(?:work|home/[a-z]\w*|Users/\w+)" + "/")
    hits = [
        f"{_name(path)}: {line.strip()[:100]}"
        for path in _text_files()
        for line in path.read_text("utf-8", errors="replace").splitlines()
        if pattern.search(line)
    ]
    assert hits == []


def test_no_registry_hosts() -> None:
    """Packages and images come from wherever the user's tools are set up to look."""
    pattern = re.compile(
        r"\b(?:[\w-]+\.)*(?:docker\.io|ghcr\.io|quay\.io|gcr\.io|k8s\.io|nvcr\.io|pypi\.org)/|--index-url", re.I
    )
    built = [path for name in ("Makefile", "Dockerfile") for path in [ROOT / name] if path.exists()]
    built += [
        *ROOT.glob("requirements*.txt"),
        *(ROOT / "scripts").iterdir(),
        *(ROOT / "k8s").rglob("*.yaml"),
        ROOT / ".ci/run",
    ]
    hits = [
        f"{_name(path)}: {line.strip()}"
        for path in built
        if path.is_file()
        for line in path.read_text("utf-8").splitlines()
        if pattern.search(re.sub(r"^apiVersion:.*|networking\.k8s\.io/v1.*|app\.kubernetes\.io/.*", "", line))
    ]
    assert hits == []


# ---- the protocol only grows ----------------------------------------------------------------------------------------


def test_protocol_code_is_what_the_compiler_makes(tmp_path: Path) -> None:
    """The generated modules are those of `model.proto`; `make proto` brings them up to date."""
    proto.compile_to(tmp_path)
    for name in proto.GENERATED:
        assert (tmp_path / name).read_text("utf-8") == (ROOT / name).read_text("utf-8"), name


def test_protocol_has_only_grown() -> None:
    """Everything an earlier release relies on is still there, unchanged, and the snapshot knows the newest field."""
    snapshot, now = proto.load_snapshot(), proto.shape()
    assert snapshot
    assert proto.broken(snapshot, now) == []
    assert proto.broken(now, snapshot) == [], "run `make proto`"


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (None, "Job.task: was"),
        ([9, "TYPE_STRING", "LABEL_OPTIONAL", ""], "Job.task: was"),
        ([1, "TYPE_BYTES", "LABEL_OPTIONAL", ""], "Job.task: was"),
        ([1, "TYPE_STRING", "LABEL_REPEATED", ""], "Job.task: was"),
    ],
)
def test_a_shrinking_protocol_is_noticed(entry: list[object] | None, complaint: str) -> None:
    """A field that is removed, renumbered or retyped is reported."""
    promised: proto.Shape = {"Job": {"task": [1, "TYPE_STRING", "LABEL_OPTIONAL", ""]}}
    now: proto.Shape = {"Job": {"task": entry} if entry else {}}
    (line,) = proto.broken(promised, now)
    assert line.startswith(complaint)


def test_a_number_is_never_reused() -> None:
    """A new field under the number of an old one is reported even where the old one has moved."""
    promised: proto.Shape = {"Job": {"task": [1, "TYPE_STRING", "LABEL_OPTIONAL", ""]}}
    now: proto.Shape = {"Job": {"kind": [1, "TYPE_STRING", "LABEL_OPTIONAL", ""]}}
    assert "Job.kind: number 1 belongs to task" in proto.broken(promised, now)


def test_growth_is_allowed() -> None:
    """A new field or message is no complaint."""
    promised: proto.Shape = {"Job": {"task": [1, "TYPE_STRING", "LABEL_OPTIONAL", ""]}}
    now: proto.Shape = json.loads(json.dumps(promised))
    now["Job"]["more"] = [2, "TYPE_STRING", "LABEL_OPTIONAL", ""]
    now["New"] = {}
    assert proto.broken(promised, now) == []
