"""From the settings to loaded models: what is ready is served, what is not is said."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from service.config import SettingsError, load
from service.engines import registry
from service.engines.seq2seq.linear import auto_precision, capability
from service.engines.seq2seq.setup import languages_of
from service.models import rows, store
from service.models.rows import NeuralRow
from service.models.store import FileEntry, Manifest
from service.pipeline.pipeline import Pipeline
from service.pipeline.requests import TranslateRequest
from service.records import CallContext, Task
from service.serving.dispatcher import Dispatcher
from service.serving.inproc import InprocBackend
from tests.engines.seq2seq import toy


def toy_row(**changes: Any) -> NeuralRow:
    """A row as the list would have it for the toy translator."""
    given: dict[str, Any] = {
        "id": "toy",
        "repository": "nobody/toy",
        "revision": "",
        "task": Task.TRANSLATE,
        "family": "m2m100",
        "rank": 5,
        "quality": "standard",
        "licence": "MIT",
        "commercial_use": True,
        "parameters": 1000,
        "max_tokens": 32,
        "files": (),
        "languages": (),
        "sources": {tag: tag for tag in toy.LANGUAGES},
        "targets": {tag: tag for tag in toy.LANGUAGES},
        "target_prefix": "",
        "input_prefix": "",
    }
    return NeuralRow(**(given | changes))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A trained toy translator as a checkpoint folder."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("toy")
    toy.train_translator(folder)
    yield folder
    torch.set_num_threads(threads)


def publish(models_dir: Path, folder: Path) -> None:
    """Make a checkpoint folder a ready model, as a pull does."""
    files = tuple(
        FileEntry(path.name, path.stat().st_size, "0" * 64) for path in sorted(folder.iterdir()) if path.is_file()
    )
    manifest = Manifest("toy", "nobody/toy", "c0ffee", "MIT", "", "", "2026-01-01T00:00:00Z", files)
    store.publish(models_dir, folder, manifest)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8", "auto"])
def test_a_pulled_model_serves_through_the_pipeline(
    precision: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings, store, licence gate, engine, dispatcher, pipeline: a trained toy says what it was taught."""
    if precision == "int8" and not capability().int8_bits:
        pytest.skip("no exact int8 products on this processor")
    folder = Path(shutil.copytree(trained, tmp_path / "checkpoint"))
    models_dir = tmp_path / "models"
    models_dir.mkdir()
    publish(models_dir, folder)
    monkeypatch.setattr(rows, "get", lambda model_id: toy_row(id=model_id))
    settings = load(
        {
            "PRECIS_ENGINES": "seq2seq extractive",
            "PRECIS_MODELS": "toy absent",
            "PRECIS_MODELS_DIR": str(models_dir),
            "PRECIS_PRECISION": precision,
            "PRECIS_ENGINE_THREADS": "1",
        }
    )
    loaded = registry.create(settings)
    assert list(loaded.engines) == ["toy", "extractive"]
    assert len(loaded.missing) == 1
    assert "absent" in loaded.missing[0]
    backend = InprocBackend(lambda: Dispatcher(loaded.engines, max_rows=99, max_cost=10**6, missing=loaded.missing))
    try:
        pipeline = Pipeline(backend, settings)
        request = TranslateRequest((f"{toy.say('en', [1, 2])}\n\n{toy.say('en', [3])}",), ("fr", "xx"), "en")
        reply = pipeline.translate(request, CallContext("test", time.monotonic() + 60))
        french, unknown = reply.translations
        assert french.text == f"{toy.say('fr', [1, 2])}\n\n{toy.say('fr', [3])}"
        assert (french.engine, french.quality) == ("toy", "standard")
        assert unknown.error is not None
        assert reply.provenance.models[0].revision == "c0ffee"
        assert loaded.missing[0] in pipeline.languages().missing
    finally:
        backend.close()
    kept = list((models_dir / "toy").glob("quantized-*.safetensors"))
    assert len(kept) == ("int8" in (precision, precision == "auto" and auto_precision((1024, 1024), capability())))
    store.find(models_dir, "toy")
    store.remove(models_dir, "toy")
    assert not kept or not kept[0].exists()


def test_a_models_folder_that_cannot_be_written_has_its_weights_elsewhere(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a read-only volume the int8 weights go to the folder that the settings name."""
    if not capability().int8_bits:
        pytest.skip("no exact int8 products on this processor")
    models_dir, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    models_dir.mkdir()
    publish(models_dir, Path(shutil.copytree(trained, tmp_path / "checkpoint")))
    before = sorted((models_dir / "toy").iterdir())
    monkeypatch.setattr(rows, "get", lambda model_id: toy_row(id=model_id))
    plain = Path.open

    def read_only(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if path.is_relative_to(models_dir) and "r" not in mode:
            raise OSError(30, "Read-only file system")
        return plain(path, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", read_only)
    environ = {
        "PRECIS_ENGINES": "seq2seq",
        "PRECIS_MODELS": "toy",
        "PRECIS_MODELS_DIR": str(models_dir),
        "PRECIS_QUANTIZED_DIR": str(elsewhere),
        "PRECIS_PRECISION": "int8",
        "PRECIS_ENGINE_THREADS": "1",
    }
    for _ in range(2):
        loaded = registry.create(load(environ))
        assert list(loaded.engines) == ["toy"]
        loaded.engines["toy"].close()
    assert len(list(elsewhere.iterdir())) == 1
    assert sorted((models_dir / "toy").iterdir()) == before


def test_models_that_are_not_there_leave_the_rest_alone(tmp_path: Path) -> None:
    """The profile without a pull still has the engines that need no weights, and says what to do."""
    loaded = registry.create(load({"PRECIS_PROFILE": "cpu", "PRECIS_MODELS_DIR": str(tmp_path)}))
    assert {"extractive", "apertium"} == set(loaded.engines)
    assert [line.split(":")[0] for line in loaded.missing] == ["model m2m100-418m", "model bart-large-cnn"]
    assert all("pull" in line for line in loaded.missing)
    for engine in loaded.engines.values():
        engine.close()


def test_a_model_nobody_knows_refuses_to_start(tmp_path: Path) -> None:
    """The nearest id is offered."""
    settings = load({"PRECIS_ENGINES": "seq2seq", "PRECIS_MODELS": "m2m100-418", "PRECIS_MODELS_DIR": str(tmp_path)})
    with pytest.raises(SettingsError, match="m2m100-418m"):
        registry.create(settings)


@pytest.mark.parametrize("row", rows.all_rows(), ids=lambda row: row.id)
def test_every_row_of_the_list_can_be_asked_for(row: NeuralRow) -> None:
    """Its languages have a form the engine takes: codes where it writes any, tags in any case."""
    languages = languages_of(row)
    if row.task is Task.SUMMARIZE:
        assert languages.read == tuple(row.languages)
        assert languages.style != "none" or not row.sources
        return
    assert set(languages.read) == set(row.sources)
    assert set(languages.written) == set(row.targets)
    if languages.style != "none":
        assert all(languages.codes[tag] for tag in languages.written)
