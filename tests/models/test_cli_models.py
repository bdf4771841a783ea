"""`precis models` as a user types it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from service.cli import main
from service.models import rows, store
from tests.models.hub_server import COMMIT, FakeHub, serving
from tests.models.stored import put

MODEL = "bart-large-cnn"
FILES = {"config.json": b"{}", "vocab.json": b"{}", "merges.txt": b"", "model.safetensors": bytes(5000)}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRECIS_MODELS_DIR", str(tmp_path))
    return tmp_path


def test_pull_verify_list_remove(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model comes, is checked, shown and goes again."""
    hub = FakeHub(rows.get(MODEL).repository, FILES, {"model.safetensors"})
    with serving(hub):
        monkeypatch.setenv("PRECIS_HUB_ENDPOINT", hub.endpoint)
        assert main(["models", "pull", MODEL]) == 0
    out, err = capsys.readouterr()
    assert out == f"{MODEL} ready: 5.0 kB, {COMMIT}, {folder / MODEL}\n"
    assert f"{MODEL}: 4/4 model.safetensors 5.0 kB ok" in err

    monkeypatch.setenv("PRECIS_OFFLINE", "true")
    assert main(["models", "pull", MODEL]) == 0
    assert main(["models", "verify"]) == 0
    digest = store.find(folder, MODEL).manifest.digest
    assert f"{MODEL} ok: 4 files, digest {digest}" in capsys.readouterr().out

    assert main(["models", "list", "--json"]) == 0
    listed = {entry["id"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert (listed[MODEL]["state"], listed[MODEL]["revision"], listed[MODEL]["digest"]) == ("ready", COMMIT, digest)
    assert listed[MODEL]["bytes_on_disk"] > 5000
    assert listed["small100"]["state"] == "not pulled"
    assert listed["small100"]["revision"] is None
    assert len(listed) == len(rows.all_rows())

    assert main(["models", "remove", MODEL]) == 0
    assert not (folder / MODEL).exists()
    assert main(["models", "remove", MODEL]) == 1


def test_the_table_shows_how_far_each_model_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ready, in part, damaged and absent models are told apart, with licence and languages."""
    put(folder, "m2m100-418m")
    (put(folder, "small100").path / "config.json").unlink()
    (store.partial_path(folder, "madlad400-3b") / "parts").mkdir(parents=True)
    assert main(["models", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert " ready " in lines["m2m100-418m"]
    assert "94 languages > 93 languages" in lines["m2m100-418m"]
    assert " damaged " in lines["small100"]
    assert " partial " in lines["madlad400-3b"]
    assert " not pulled " in lines["nllb-200-3.3b"]
    assert "CC-BY-NC-4.0" in lines["nllb-200-3.3b"]
    assert "en > es" in lines["opus-mt-en-es"]


def test_damage_is_an_exit_status(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`verify` goes through all models, names the broken one and fails."""
    put(folder, "m2m100-418m")
    (put(folder, "small100").path / "config.json").write_bytes(b"[]")
    assert main(["models", "verify"]) == 1
    out, err = capsys.readouterr()
    assert "m2m100-418m ok" in out
    assert err.startswith("precis: small100: config.json has SHA-256")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pull", "nllb-200-3.3b"], "under CC-BY-NC-4.0"),
        (["pull", "nllb-200-3.3b", "--accept-licence", "CC-BY-NC-4.0"], "PRECIS_OFFLINE"),
        (["pull", "m2m100-418m", "no-such"], "no model is called no-such"),
        (["verify", "m2m100"], "did you mean m2m100-418m"),
        (["verify", "small100"], "precis models pull small100"),
        (["remove", "../etc"], "not a model id"),
    ],
)
def test_refusals_are_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be done is one line on standard error and status 1."""
    monkeypatch.setenv("PRECIS_OFFLINE", "1")
    assert main(["models", *arguments]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_without_the_hub_package_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The embedded profile does not install it; listing works all the same."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert main(["models", "pull", "small100"]) == 1
    assert "make setup PROFILE=cpu" in capsys.readouterr().err
    assert main(["models", "list"]) == 0


def test_a_wrong_endpoint_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An address without a scheme is refused before anything starts."""
    monkeypatch.setenv("PRECIS_HUB_ENDPOINT", "mirror.example")
    assert main(["models", "list"]) == 2
    assert "PRECIS_HUB_ENDPOINT" in capsys.readouterr().err
