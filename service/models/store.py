"""The folder of models: `<models_dir>/<id>/` is ready, whatever is under `.partial/` is not.

A folder gets its name by one rename, after every file in it was checked and its manifest written. Whoever finds the
folder therefore finds a whole model; a pull that was killed leaves only things under `.partial/`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from service.models.failures import Damaged, ModelError, NotPulled

MANIFEST = "manifest.json"
PARTIAL = ".partial"
FORMAT = 1
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a model: `path` relative to its folder, `size` in bytes, `sha256` in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was pulled, from where, and under which licence.

    Attributes:
        commit: what the revision was resolved to; later pulls keep to it.
        licence: of the model list.
        licence_reported: what the hub said, empty when it said nothing.
        accepted: licence or model id by which a non-commercial licence was accepted; empty when none was needed.
        pulled_at: UTC, ISO 8601.
        files: sorted by path.
    """

    model: str
    repository: str
    commit: str
    licence: str
    licence_reported: str
    accepted: str
    pulled_at: str
    files: tuple[FileEntry, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over what decides the model's output: repository, commit and files; the same on every machine."""
        kept = {"repository": self.repository, "commit": self.commit, "files": [asdict(entry) for entry in self.files]}
        text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)

    def to_json(self) -> str:
        """The text of the manifest file."""
        return json.dumps({"format": FORMAT, **asdict(self), "digest": self.digest}, indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class Stored:
    """A ready model: its folder, in the form `transformers` reads, and its manifest."""

    path: Path
    manifest: Manifest


def ready_path(models_dir: Path, model_id: str) -> Path:
    """The folder of a model when it is ready.

    Raises:
        ModelError: the id is not one that can name a folder.
    """
    if not _ID.fullmatch(model_id):
        raise ModelError(f"not a model id: {model_id!r}")
    return models_dir / model_id


def partial_path(models_dir: Path, model_id: str) -> Path:
    """Where a pull of the model keeps what has come so far."""
    return models_dir / PARTIAL / ready_path(models_dir, model_id).name


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a folder.

    Raises:
        FileNotFoundError: there is none.
        Damaged: it cannot be read, or its own digest does not fit it.
    """
    try:
        data: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        entries = (FileEntry(str(e["path"]), int(e["size"]), str(e["sha256"])) for e in data["files"])
        names = ("model", "repository", "commit", "licence", "licence_reported", "accepted", "pulled_at")
        texts = {name: str(data[name]) for name in names}
        manifest = Manifest(files=tuple(entries), **texts)
        good = data["format"] == FORMAT and data["digest"] == manifest.digest
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{folder.name}: {MANIFEST} cannot be read ({type(error).__name__})") from None
    if not good:
        raise Damaged(f"{folder.name}: {MANIFEST} was changed after the pull, or is of a newer format")
    return manifest


def find(models_dir: Path, model_id: str) -> Stored:
    """Return a ready model, after a look at the names and sizes of its files; nothing is hashed.

    Raises:
        NotPulled: it is not there, or only in part; the message says what to do.
        Damaged: a file is missing or of another size than when it was pulled.
    """
    folder = ready_path(models_dir, model_id)
    try:
        manifest = read_manifest(folder)
    except FileNotFoundError:
        how = "only in part" if partial_path(models_dir, model_id).exists() else "not"
        raise NotPulled(f"{model_id} is {how} on this machine; fetch it with: precis models pull {model_id}") from None
    for entry in manifest.files:
        try:
            size = (folder / entry.path).stat().st_size
        except FileNotFoundError:
            raise Damaged(f"{model_id}: {entry.path} is missing; {_remedy(model_id)}") from None
        if size != entry.size:
            raise Damaged(f"{model_id}: {entry.path} has {size} bytes, not {entry.size}; {_remedy(model_id)}")
    return Stored(folder, manifest)


def verify(models_dir: Path, model_id: str) -> Stored:
    """Return a ready model after every file was read and hashed again.

    Raises:
        NotPulled: it is not there.
        Damaged: a file is not what was pulled; the message names it.
    """
    stored = find(models_dir, model_id)
    for entry in stored.manifest.files:
        with (stored.path / entry.path).open("rb") as file:
            found = hash_file(file)
        if found != entry.sha256:
            raise Damaged(f"{model_id}: {entry.path} has SHA-256 {found}, not {entry.sha256}; {_remedy(model_id)}")
    return stored


def remove(models_dir: Path, model_id: str) -> int:
    """Delete a model and what an unfinished pull left of it.

    Returns:
        Bytes set free.
    Raises:
        NotPulled: there was nothing.
    """
    folder, partial = ready_path(models_dir, model_id), partial_path(models_dir, model_id)
    if not folder.exists() and not partial.exists():
        raise NotPulled(f"{model_id} is not on this machine")
    with locked(models_dir, model_id):
        freed = disk_size(folder) + disk_size(partial)
        if folder.exists():
            # Out of sight in one step: nobody finds half a model while its files go.
            shutil.rmtree(_set_aside(models_dir, folder))
        shutil.rmtree(partial, ignore_errors=True)
    return freed


def _waste_path(models_dir: Path, model_id: str) -> Path:
    return models_dir / PARTIAL / f".waste-{model_id}"


def _set_aside(models_dir: Path, folder: Path) -> Path:
    """Take a ready folder away in one step; the new place is returned, to be deleted."""
    waste = _waste_path(models_dir, folder.name)
    shutil.rmtree(waste, ignore_errors=True)
    waste.parent.mkdir(parents=True, exist_ok=True)
    return folder.rename(waste)


def publish(models_dir: Path, files_dir: Path, manifest: Manifest) -> Stored:
    """Make a folder of checked files the ready model: manifest, flush to disk, rename.

    A model that is ready already is replaced. Should the process die between the two renames, the next pull finds every
    file under `.partial/` and has nothing to download.
    """
    temporary = files_dir / f"{MANIFEST}.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(manifest.to_json())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(files_dir / MANIFEST)
    _sync_folder(files_dir)
    folder = ready_path(models_dir, manifest.model)
    waste = _set_aside(models_dir, folder) if folder.exists() else None
    files_dir.rename(folder)
    _sync_folder(models_dir)
    if waste is not None:
        shutil.rmtree(waste)
    return Stored(folder, manifest)


@contextmanager
def locked(models_dir: Path, model_id: str) -> Iterator[None]:
    """Let one process at a time change a model; the lock ends with the process, however that ends.

    Raises:
        ModelError: another one is at it, or the folder cannot be written.
    """
    path = models_dir / PARTIAL / f"{ready_path(models_dir, model_id).name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise ModelError(f"{models_dir} cannot be written ({error.strerror})") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(f"another process is pulling or removing {model_id}") from None
        # Left by a process that was killed while it deleted.
        shutil.rmtree(_waste_path(models_dir, model_id), ignore_errors=True)
        yield


def disk_size(folder: Path) -> int:
    """Bytes of all files below a folder; 0 when there is none."""
    return sum(path.stat().st_size for path in _files(folder))


def hash_file(file: BinaryIO, algorithms: Iterable[Any] = ()) -> str:
    """Return the SHA-256 of what is left of a file, feeding other hash objects the same bytes on the way."""
    sha256 = hashlib.sha256()
    others = tuple(algorithms)
    while chunk := file.read(_CHUNK):
        sha256.update(chunk)
        for other in others:
            other.update(chunk)
    return sha256.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _remedy(model_id: str) -> str:
    return f"fetch it again with: precis models pull --force {model_id}"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
