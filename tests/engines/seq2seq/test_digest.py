"""The digest of a folder: what it follows, and when it is computed again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.engines.seq2seq import digest
from service.engines.seq2seq.digest import file_digest, source_digest


def make(folder: Path, age_s: float = 60) -> Path:
    """A folder with files that look like a checkpoint's, changed some time ago."""
    folder.mkdir()
    for name, content in (("config.json", b"{}"), ("model.safetensors", b"weights"), ("README.md", b"text")):
        (folder / name).write_bytes(content)
        settle(folder / name, age_s)
    return folder


def settle(path: Path, age_s: float = 60) -> None:
    """Let a file look as if nobody had changed it lately."""
    then = path.stat().st_mtime - age_s
    os.utime(path, (then, then))


def test_digest_tells_files_and_their_order_apart(tmp_path: Path) -> None:
    """The digest follows contents, names and order."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"a")
    two.write_bytes(b"b")
    assert file_digest([one, two]) != file_digest([two, one])
    before = file_digest([one])
    two.unlink()
    one.rename(two)
    assert file_digest([two]) != before
    assert len(before) == 64


def test_a_digest_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is read; a change of size or time computes it again, a new note does not."""
    folder = make(tmp_path / "model")
    first = source_digest(folder, [folder])
    (folder / "README.md").write_bytes(b"other text")
    monkeypatch.setattr(digest, "file_digest", lambda paths: "computed")
    assert source_digest(folder, [folder]) == first
    (folder / "model.safetensors").write_bytes(b"weigths")
    settle(folder / "model.safetensors", 30)
    assert source_digest(folder, [folder]) == "computed"


def test_a_file_that_was_just_written_is_not_trusted(tmp_path: Path) -> None:
    """Another change might leave the same time stamp, so nothing is remembered."""
    folder = make(tmp_path / "model", age_s=0)
    source_digest(folder, [folder])
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"state": []}'])
def test_a_damaged_memory_is_replaced(text: str, tmp_path: Path) -> None:
    """Whatever stands in the remembered file, the digest is right."""
    folder, memory = make(tmp_path / "model"), tmp_path / "memory"
    first = source_digest(folder, [memory])
    (kept,) = memory.iterdir()
    kept.write_text(text)
    assert source_digest(folder, [memory]) == first
    assert first in kept.read_text()


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    """The next folder remembers; without any the digest is computed each time."""
    folder, blocked = make(tmp_path / "model"), tmp_path / "file"
    blocked.write_text("no folder")
    first = source_digest(folder, [blocked, tmp_path / "memory"])
    assert len(list((tmp_path / "memory").iterdir())) == 1
    assert source_digest(folder, []) == first
