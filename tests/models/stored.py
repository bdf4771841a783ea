"""A small ready model, put into a folder of models without a hub."""

from __future__ import annotations

import hashlib
from pathlib import Path

from service.models import store
from service.models.store import FileEntry, Manifest, Stored

FILES = {"config.json": b"{}", "model.safetensors": bytes(1000)}


def put(models_dir: Path, model_id: str, *, accepted: str = "", commit: str = "a" * 40) -> Stored:
    """Publish the files under an id."""
    folder = store.partial_path(models_dir, model_id) / "files"
    folder.mkdir(parents=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    entries = tuple(FileEntry(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in FILES.items())
    manifest = Manifest(model_id, "org/name", commit, "MIT", "", accepted, "2026-01-02T03:04:05+00:00", entries)
    stored = store.publish(models_dir, folder, manifest)
    folder.parent.rmdir()
    return stored
