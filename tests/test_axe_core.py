"""The checker of accessibility is the one that is pinned, or none."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from scripts import axe_core


def archive(folder: Path) -> Path:
    """An archive as npm makes it."""
    path = folder / "axe-core.tgz"
    with tarfile.open(path, "w:gz") as packed:
        for name in axe_core.FILES:
            content = name.encode()
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return path


def test_another_archive_is_refused(tmp_path: Path) -> None:
    """What does not have the pinned digest is not unpacked."""
    with pytest.raises(ValueError, match="is not what is pinned: sha512-"):
        axe_core.unpack(archive(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_right_archive_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Script and licence land in a folder of their version, and then npm is not asked again."""
    path = archive(tmp_path)
    monkeypatch.setattr(axe_core, "INTEGRITY", axe_core.integrity(path))
    axe_core.unpack(path, tmp_path / "out")
    assert {one.name for one in (tmp_path / "out" / axe_core.VERSION).iterdir()} == set(axe_core.FILES)
    monkeypatch.setattr(axe_core.subprocess, "run", None)
    axe_core.fetch(tmp_path / "out")
    assert axe_core.script(tmp_path / "out").read_text() == "axe.min.js"
