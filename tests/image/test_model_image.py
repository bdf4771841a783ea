"""The image with neural models: it pulls as its own user, starts without network, and has PyTorch for CPUs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.images import Builder
from service.engines.seq2seq.native import build
from service.engines.seq2seq.native.library import library
from service.models import store
from tests.engines.seq2seq.vocabularies import KINDS
from tests.image.containers import OFFLINE, USER, once, running
from tests.models.hub_server import FakeHub, serving

pytestmark = [pytest.mark.image, pytest.mark.timeout(2400)]

MODEL = "m2m100-418m"
Images = Callable[[str], str]


@pytest.fixture(scope="module")
def models_dir(builder: Builder, image: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume that `models pull` in the image has put a tiny model into."""
    source = tmp_path_factory.mktemp("published")
    KINDS["m2m100"].write(source)
    files = {path.name: path.read_bytes() for path in source.iterdir()}
    volume = tmp_path_factory.mktemp("volume")
    os.chown(volume, USER, USER)
    for parent in [volume, *volume.parents][:3]:
        parent.chmod(0o755)  # pytest's own folders are for root alone
    hub = FakeHub("facebook/m2m100_418M", files, large={"model.safetensors"})
    with serving(hub):
        options = ("--network", "host", "-v", f"{volume}:/models", "-e", f"PRECIS_HUB_ENDPOINT={hub.endpoint}")
        done = once(builder, image("model"), "models", "pull", MODEL, options=options)
    assert done.returncode == 0, done.stderr
    return volume


def test_pull_writes_the_volume_as_its_own_user(models_dir: Path) -> None:
    """What was pulled is whole, and belongs to the user of the image."""
    assert store.partial_path(models_dir, MODEL).exists() is False
    paths = list((models_dir / MODEL).rglob("*"))
    assert "manifest.json" in {path.name for path in paths}
    assert {(path.stat().st_uid, path.stat().st_gid) for path in paths} == {(USER, USER)}


def test_it_serves_what_was_pulled_offline(builder: Builder, image: Images, models_dir: Path) -> None:
    """Both roles start from one image with a volume that is read only, and the neural model translates."""
    options = (*OFFLINE, "-v", f"{models_dir}:/models:ro", "-e", f"PRECIS_MODELS={MODEL}")
    with running(builder, image("model"), "serve", options=options) as container:
        container.wait_ready(8080, "/v1/models")
        models = container.ask("/v1/models").json
        assert MODEL in {entry["id"] for entry in models["models"]}, container.logs()
        body = {"text": "The bridge is open.", "source": "en", "target": "fr", "engine": MODEL}
        reply = container.ask("/v1/translate", body)
        assert reply.status == 200, reply.body
        (translation,) = reply.json["translations"]
        assert translation["status"] == "ok", translation
        assert container.stop() == 0


def test_it_is_a_model_process_by_default(builder: Builder, image: Images) -> None:
    """Without a word it is the role `model`, ready with what needs no download, and says what is missing."""
    with running(builder, image("model")) as container:
        container.wait_ready()
        assert "precis models pull" in container.logs()
        assert container.stop() == 0


def test_torch_is_built_for_cpus(builder: Builder, image: Images) -> None:
    """PyTorch is there, computes, and is the build without CUDA."""
    script = "import torch; print(torch.version.cuda, torch.ones(2, 2).sum().item())"
    words = ("--rm", *OFFLINE, "--entrypoint", "python", image("model"), "-c", script)
    assert builder.run("run", *words).stdout.split() == ["None", "4.0"]


def test_it_has_the_decode_step_in_c(builder: Builder, image: Images) -> None:
    """Compiled when the image was built and found without a compiler, on processors that it is for."""
    script = (
        "from pathlib import Path; from service.engines.seq2seq.native import build, library;"
        "print((build.SOURCES / build.library_name()).exists(), library.library() is not None)"
    )
    done = once(builder, image("model"), "-c", script, options=(*OFFLINE, "--entrypoint", "python"))
    assert done.stdout.split() == [str(build.supported()), str(library() is not None)], done.stderr
