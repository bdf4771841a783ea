"""`precis models list | pull | verify | remove`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator

from service.config import Settings
from service.models import rows, store
from service.models.failures import Damaged, ModelError, NotPulled
from service.models.progress import human
from service.models.pull import pull
from service.models.rows import NeuralRow
from service.models.store import Stored

READY, PARTIAL, DAMAGED, ABSENT = "ready", "partial", "damaged", "not pulled"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `models` and what it can do to the command line."""
    models = commands.add_parser("models", help="list, fetch, check and delete neural models")
    actions = models.add_subparsers(dest="action", required=True)

    listing = actions.add_parser("list", help="every model of the list, and whether it is on this machine")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.set_defaults(run=_caught(_list))

    fetch = actions.add_parser("pull", help="fetch models; goes on where an earlier pull was broken off")
    fetch.add_argument("model", nargs="+")
    fetch.add_argument("--revision", default="", help="branch, tag or commit of the repository")
    fetch.add_argument("--force", action="store_true", help="fetch again what is ready already")
    fetch.add_argument(
        "--accept-licence", action="append", default=[], metavar="NAME", help="a non-commercial licence; repeatable"
    )
    fetch.set_defaults(run=_caught(_pull))

    check = actions.add_parser("verify", help="read every file again and compare its SHA-256")
    check.add_argument("model", nargs="*", help="default: all that are ready")
    check.set_defaults(run=_caught(_verify))

    remove = actions.add_parser("remove", help="delete models from this machine")
    remove.add_argument("model", nargs="+")
    remove.set_defaults(run=_caught(_remove))


def _caught(run: Callable[[argparse.Namespace, Settings], int]) -> Callable[[argparse.Namespace, Settings], int]:
    """The command with its failures as one line and an exit status."""

    def caught(options: argparse.Namespace, settings: Settings) -> int:
        try:
            return run(options, settings)
        except ModelError as error:
            print(f"precis: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("precis: interrupted; the same command goes on from here", file=sys.stderr)
            return 130

    return caught


def _pull(options: argparse.Namespace, settings: Settings) -> int:
    # All names first: a mistyped one is told before gigabytes have come.
    for row in [rows.get(model) for model in options.model]:
        stored = pull(row, settings, revision=options.revision, force=options.force, accept=options.accept_licence)
        print(f"{row.id} ready: {human(stored.manifest.size)}, {stored.manifest.commit}, {stored.path}")
    return 0


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    failed = 0
    for model in options.model or [row.id for row in rows.all_rows() if _state(row, settings)[0] in (READY, DAMAGED)]:
        try:
            stored = store.verify(settings.models_dir, _known(model, settings))
            print(f"{model} ok: {len(stored.manifest.files)} files, digest {stored.manifest.digest}")
        except ModelError as error:
            failed = 1
            print(f"precis: {error}", file=sys.stderr)
    return failed


def _remove(options: argparse.Namespace, settings: Settings) -> int:
    for model in options.model:
        print(f"{model} removed: {human(store.remove(settings.models_dir, _known(model, settings)))}")
    return 0


def _known(model: str, settings: Settings) -> str:
    """The id itself, when it is of the list or of an older list and still on disk; a typing error raises here."""
    folders = (store.ready_path(settings.models_dir, model), store.partial_path(settings.models_dir, model))
    return model if any(folder.exists() for folder in folders) else rows.get(model).id


def _list(options: argparse.Namespace, settings: Settings) -> int:
    if options.json:
        print(json.dumps([_facts(row, settings) for row in rows.all_rows()], indent=1))
    else:
        print("\n".join(_table(settings)))
    return 0


def _table(settings: Settings) -> Iterator[str]:
    shape = "{:26} {:9} {:10} {:>9} {:>9} {:16} {}"
    yield shape.format("MODEL", "TASK", "STATE", "ON DISK", "INT8", "LICENCE", "LANGUAGES")
    for row in rows.all_rows():
        state, size, _ = _state(row, settings)
        yield shape.format(
            row.id,
            row.task,
            state,
            human(size) if size else "-",
            human(row.weight_bytes("int8")),
            row.licence,
            _reach(row),
        )
    yield f"folder: {settings.models_dir}; INT8: memory of the weights, computed from the number of parameters"


def _reach(row: NeuralRow) -> str:
    if row.languages:
        return _few(row.languages)
    return f"{_few(tuple(row.sources))} > {_few(tuple(row.targets))}"


def _few(tags: tuple[str, ...]) -> str:
    return " ".join(tags) if len(tags) <= 3 else f"{len(tags)} languages"


def _facts(row: NeuralRow, settings: Settings) -> dict[str, object]:
    """One row for programs. Keys are only ever added."""
    state, size, stored = _state(row, settings)
    return {
        "id": row.id,
        "task": row.task,
        "family": row.family,
        "repository": row.repository,
        "state": state,
        "bytes_on_disk": size,
        "path": str(stored.path) if stored else None,
        "revision": stored.manifest.commit if stored else row.revision or None,
        "digest": stored.manifest.digest if stored else None,
        "pulled_at": stored.manifest.pulled_at if stored else None,
        "licence": row.licence,
        "commercial_use": row.commercial_use,
        "parameters": row.parameters,
        "weight_bytes_computed": {name: row.weight_bytes(name) for name in rows.BYTES_PER_PARAMETER},
        "max_tokens": row.max_tokens,
        "rank": row.rank,
        "languages": row.languages,
        "sources": tuple(row.sources) if not row.languages else (),
        "targets": tuple(row.targets) if not row.languages else (),
    }


def _state(row: NeuralRow, settings: Settings) -> tuple[str, int, Stored | None]:
    """How far a model is, the bytes it takes on disk, and the model itself when it is ready."""
    folder = store.ready_path(settings.models_dir, row.id)
    partial = store.partial_path(settings.models_dir, row.id)
    size = store.disk_size(folder) + store.disk_size(partial)
    try:
        return READY, size, store.find(settings.models_dir, row.id)
    except NotPulled:
        return PARTIAL if partial.exists() else ABSENT, size, None
    except Damaged:
        return DAMAGED, size, None
