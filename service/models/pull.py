"""`precis models pull`: a model from a hub into the folder of models, checked file by file.

What has come is kept under `.partial/<id>/`: finished files in `files/`, unfinished ones in `parts/`, named by their
digest, so that a part is continued only by the very file it began as.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from service.config import Settings
from service.models import gate, store
from service.models.failures import Damaged, NotPulled, PullFailed
from service.models.hub import Hub, Listing, RemoteFile
from service.models.progress import human
from service.models.rows import NeuralRow
from service.models.store import FileEntry, Manifest, Stored

DEFAULT_REVISION = "main"
# In order of preference: safetensors cannot run code, a `.bin` file is a pickle.
_WEIGHTS = (("model", "safetensors"), ("pytorch_model", "bin"))
_TOKENIZERS = frozenset(
    ("tokenizer.json", "sentencepiece.bpe.model", "spiece.model", "source.spm", "vocab.json", "vocab.txt")
)

Say = Callable[[str], None]


def say_on_stderr(line: str) -> None:
    """Print a line where progress goes."""
    print(line, file=sys.stderr, flush=True)


def pull(
    row: NeuralRow,
    settings: Settings,
    *,
    revision: str = "",
    force: bool = False,
    accept: Sequence[str] = (),
    say: Say = say_on_stderr,
) -> Stored:
    """Make a model ready and return it; one that is ready already is verified instead, without the network.

    Args:
        row: what to fetch.
        revision: branch, tag or commit; empty: the row's, else the one pinned by an earlier pull, else the newest.
            A ready model at another commit is replaced once the new one is whole.
        force: fetch again even when it is ready.
        accept: licence names accepted for this pull, besides those of the settings; recorded in the manifest.
        say: takes lines for a person.
    Raises:
        LicenceRefused: non-commercial and not accepted.
        PullFailed: no network, no access, a wrong digest, a full disk, or another pull of it is running.
        Damaged: it is ready by its name, but a file was changed; `force` repairs that.
    """
    names = {*gate.accepted_names(settings.accept_licences), *accept}
    # Before anything else, so that a refused licence never touches the network.
    gate.check(row, names)
    with store.locked(settings.models_dir, row.id):
        earlier = _earlier(settings.models_dir, row.id, strict=not force)
        asked = revision or row.revision
        if earlier is not None and not force and asked in ("", earlier.manifest.commit):
            say(f"{row.id}: checking what is there")
            return store.verify(settings.models_dir, row.id)
        hub = Hub(settings)
        pinned = earlier.manifest.commit if earlier is not None else ""
        listing = hub.listing(row.repository, asked or pinned or DEFAULT_REVISION)
        if earlier is not None and not force and listing.commit == pinned:
            return store.verify(settings.models_dir, row.id)
        accepted = gate.check(row, names, listing.licence)
        if listing.licence and not _same_licence(listing.licence, row.licence):
            say(f"{row.id}: the hub names its licence {listing.licence}, the model list {row.licence}")
        say(f"{row.id}: {row.repository} at {listing.commit}")
        return _fetch(row, settings.models_dir, hub, listing, accepted, say)


def _fetch(row: NeuralRow, models_dir: Path, hub: Hub, listing: Listing, accepted: str, say: Say) -> Stored:
    wanted = [hub.complete(row.repository, listing.commit, file) for file in choose(row, listing.files)]
    partial = store.partial_path(models_dir, row.id)
    files_dir, parts_dir = partial / "files", partial / "parts"
    for folder in (files_dir, parts_dir):
        folder.mkdir(parents=True, exist_ok=True)
    _drop_strangers(files_dir, {file.path for file in wanted})
    _drop_strangers(parts_dir, {file.digest for file in wanted})
    entries = [_kept(files_dir, file) for file in wanted]
    _check_space(partial, parts_dir, [file for file, entry in zip(wanted, entries, strict=True) if entry is None])
    done: list[FileEntry] = []
    for number, (file, kept) in enumerate(zip(wanted, entries, strict=True), start=1):
        entry = kept or _fetch_file(row, hub, listing.commit, file, partial)
        say(f"{row.id}: {number}/{len(wanted)} {file.path} {human(file.size)} {'was there' if kept else 'ok'}")
        done.append(entry)
    manifest = Manifest(
        model=row.id,
        repository=row.repository,
        commit=listing.commit,
        licence=row.licence,
        licence_reported=listing.licence,
        accepted=accepted,
        pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
        files=tuple(sorted(done, key=lambda entry: entry.path)),
    )
    stored = store.publish(models_dir, files_dir, manifest)
    shutil.rmtree(partial, ignore_errors=True)
    return stored


def _fetch_file(row: NeuralRow, hub: Hub, commit: str, file: RemoteFile, partial: Path) -> FileEntry:
    part = partial / "parts" / file.digest
    if part.exists() and part.stat().st_size > file.size:
        part.unlink()
    hub.download(row.repository, commit, file, part)
    sha256, found = _hashes(part, file)
    if found != file.digest:
        # Kept, it would be wrong for ever: a part is only ever added to.
        part.unlink()
        raise PullFailed(
            f"{row.id}: {file.path} has digest {found}, the hub announced {file.digest}; it was thrown away"
        )
    part.replace(partial / "files" / file.path)
    return FileEntry(file.path, file.size, sha256)


def choose(row: NeuralRow, files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """Return the files of a repository that the engine needs, small ones first.

    Raises:
        PullFailed: the repository lacks something without which no engine can load it.
    """
    # Only names without a folder are ever wanted, so none of them can lead out of the model's own.
    there = {file.path: file for file in files}
    chosen = [there[name] for name in row.files if name in there]
    names = {file.path for file in chosen}
    if "config.json" not in names:
        raise PullFailed(f"{row.id}: {row.repository} has no config.json")
    if not names & _TOKENIZERS:
        raise PullFailed(f"{row.id}: {row.repository} has no tokenizer files")
    for stem, suffix in _WEIGHTS:
        if weights := _weights(there, stem, suffix):
            return [*sorted(chosen, key=lambda file: file.path), *weights]
    raise PullFailed(f"{row.id}: {row.repository} has neither safetensors nor PyTorch weights")


def _weights(there: dict[str, RemoteFile], stem: str, suffix: str) -> list[RemoteFile]:
    """One whole set of weights: a single file, or all shards with their index; nothing when it is not whole."""
    if f"{stem}.{suffix}" in there:
        return [there[f"{stem}.{suffix}"]]
    shard = re.compile(rf"{stem}-(\d{{5}})-of-(\d{{5}})\.{suffix}")
    found = {match[0]: match for name in there if (match := shard.fullmatch(name))}
    counts = {int(match[2]) for match in found.values()}
    index = f"{stem}.{suffix}.index.json"
    if index not in there or len(counts) != 1 or len(found) != counts.pop():
        return []
    return [there[index], *(there[name] for name in sorted(found))]


def _earlier(models_dir: Path, model_id: str, *, strict: bool) -> Stored | None:
    """The model when it is ready; with `strict`, a damaged one is an error instead of none."""
    try:
        return store.find(models_dir, model_id)
    except NotPulled:
        return None
    except Damaged:
        if strict:
            raise
        return None


def _kept(files_dir: Path, file: RemoteFile) -> FileEntry | None:
    """The entry of a file that an earlier pull finished; it is hashed again, for that pull may have been killed."""
    path = files_dir / file.path
    if not path.is_file() or path.stat().st_size != file.size:
        return None
    sha256, found = _hashes(path, file)
    return FileEntry(file.path, file.size, sha256) if found == file.digest else None


def _hashes(path: Path, file: RemoteFile) -> tuple[str, str]:
    """SHA-256 of a file, and its digest in the kind the hub announced."""
    blob = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as opened:
        sha256 = store.hash_file(opened, (blob,))
    return sha256, sha256 if len(file.digest) == len(sha256) else blob.hexdigest()


def _check_space(partial: Path, parts_dir: Path, missing: Sequence[RemoteFile]) -> None:
    parts = {path.name: path.stat().st_size for path in parts_dir.iterdir()}
    needed = sum(max(0, file.size - parts.get(file.digest, 0)) for file in missing)
    free = shutil.disk_usage(partial).free
    if needed > free:
        raise PullFailed(f"{partial.parent.parent} has {human(free)} free, {human(needed)} are needed")


def _drop_strangers(folder: Path, names: set[str]) -> None:
    """Delete what an earlier pull of another revision left."""
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()


def _same_licence(left: str, right: str) -> bool:
    return left.lower() == right.lower()
