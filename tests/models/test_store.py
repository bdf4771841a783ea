"""The folder of models: what counts as ready, what is noticed, what is left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.models import store
from service.models.failures import Damaged, ModelError, NotPulled
from tests.models.stored import FILES, put


def test_the_digest_names_the_content_and_not_the_pull(tmp_path: Path) -> None:
    """Two pulls of one commit on two machines have one digest, another commit has another."""
    first = put(tmp_path / "a", "tiny", accepted="tiny").manifest
    second = put(tmp_path / "b", "tiny").manifest
    other = put(tmp_path / "c", "tiny", commit="b" * 40).manifest
    assert first.digest == second.digest != other.digest
    assert len(first.digest) == 64
    assert first.size == 1002


def test_what_is_published_is_found_and_replaced(tmp_path: Path) -> None:
    """A model gets its name in one step, and a newer one takes it over."""
    first = put(tmp_path, "tiny")
    assert store.find(tmp_path, "tiny") == store.verify(tmp_path, "tiny") == first
    second = put(tmp_path, "tiny", commit="b" * 40)
    assert store.find(tmp_path, "tiny") == second != first
    assert list((tmp_path / ".partial").iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_damage_is_named(tmp_path: Path, name: str) -> None:
    """A missing or shorter file is noticed at once, a changed one when it is verified."""
    path = put(tmp_path, "tiny").path / name
    path.write_bytes(b"\x01" * len(FILES[name]))
    assert store.find(tmp_path, "tiny")
    with pytest.raises(Damaged, match=f"{name} has SHA-256 .* precis models pull --force tiny"):
        store.verify(tmp_path, "tiny")
    path.write_bytes(b"")
    with pytest.raises(Damaged, match=f"{name} has 0 bytes"):
        store.find(tmp_path, "tiny")
    path.unlink()
    with pytest.raises(Damaged, match=f"{name} is missing"):
        store.find(tmp_path, "tiny")


def test_a_changed_manifest_is_noticed(tmp_path: Path) -> None:
    """A manifest is refused when it is cut, edited, or of a format this release does not know."""
    path = put(tmp_path, "tiny").path / "manifest.json"
    good = path.read_text()
    edited = {**json.loads(good), "commit": "c" * 40}
    newer = {**json.loads(good), "format": 2}
    for text in (good[:50], json.dumps(edited), json.dumps(newer), "[]", "{}"):
        path.write_text(text)
        with pytest.raises(Damaged, match=r"manifest\.json"):
            store.find(tmp_path, "tiny")


def test_a_part_is_not_a_model(tmp_path: Path) -> None:
    """Whatever lies under `.partial` or has no manifest is not ready."""
    with pytest.raises(NotPulled, match=r"is not on this machine; .* precis models pull tiny"):
        store.find(tmp_path, "tiny")
    (store.partial_path(tmp_path, "tiny") / "files").mkdir(parents=True)
    with pytest.raises(NotPulled, match="only in part"):
        store.find(tmp_path, "tiny")


def test_removal_takes_everything(tmp_path: Path) -> None:
    """The model and its parts go, other models stay, and a second removal says that nothing is there."""
    put(tmp_path, "tiny")
    other = put(tmp_path, "other")
    (store.partial_path(tmp_path, "tiny") / "parts").mkdir(parents=True)
    assert store.remove(tmp_path, "tiny") > 1002
    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial", "other"]
    assert store.find(tmp_path, "other") == other
    with pytest.raises(NotPulled):
        store.remove(tmp_path, "tiny")


def test_what_a_killed_removal_left_goes_with_the_next_change(tmp_path: Path) -> None:
    """A folder that was set aside and not yet deleted takes no space for ever."""
    waste = tmp_path / ".partial" / ".waste-tiny"
    waste.mkdir(parents=True)
    with store.locked(tmp_path, "tiny"):
        assert not waste.exists()


@pytest.mark.parametrize("name", ["../x", "", ".", "a/b", ".partial", "A", "x" * 200])
def test_an_id_names_one_folder_and_no_other(tmp_path: Path, name: str) -> None:
    """Nothing outside the folder of models can be reached by an id."""
    with pytest.raises(ModelError, match="not a model id"):
        store.ready_path(tmp_path, name)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """A file where the folder should be is told, not thrown."""
    (tmp_path / "models").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        with store.locked(tmp_path / "models", "tiny"):
            pass
