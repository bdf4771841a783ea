"""Pulling from a hub that speaks the real protocol: whole, broken, refused, wrong and again."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.config import Settings
from service.models import rows, store
from service.models.failures import Damaged, LicenceRefused, ModelError, NotPulled, PullFailed
from service.models.progress import Progress
from service.models.pull import choose, pull
from service.models.rows import NeuralRow
from tests.models.hub_server import COMMIT, FakeHub, serving

WEIGHTS = bytes(range(256)) * 400
ROW = dataclasses.replace(rows.get("bart-large-cnn"), id="tiny", repository="org/tiny")
NON_COMMERCIAL = dataclasses.replace(ROW, licence="CC-BY-NC-4.0", commercial_use=False)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library writes in steps of 10 MB and waits a second before it tries again; tests use neither."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    files = {
        "config.json": b'{"model_type": "bart"}',
        "tokenizer.json": b'{"version": "1.0"}',
        "model.safetensors": WEIGHTS,
        "pytorch_model.bin": b"a pickle",
        "tf_model.h5": b"not needed",
        "modeling.py": b"raise SystemExit",
        "README.md": b"# card",
    }
    with serving(FakeHub("org/tiny", files, {"model.safetensors", "pytorch_model.bin"})) as running:
        yield running


@pytest.fixture
def settings(hub: FakeHub, tmp_path: Path) -> Settings:
    return Settings(models_dir=tmp_path / "models", hub_endpoint=hub.endpoint)


def _nothing(line: str) -> None:
    """Progress that nobody reads."""


def _pull(settings: Settings, row: NeuralRow = ROW, **options: object) -> store.Stored:
    return pull(row, settings, say=_nothing, **options)  # type: ignore[arg-type]


# ---- whole ----------------------------------------------------------------------------------------------------------


def test_a_pull_brings_the_needed_files_and_says_what_they_are(hub: FakeHub, settings: Settings) -> None:
    """Only the needed files come, over the documented addresses, and the manifest describes them."""
    stored = _pull(settings)
    assert stored.path == settings.models_dir / "tiny"
    assert sorted(path.name for path in stored.path.iterdir()) == [
        "config.json",
        "manifest.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert (stored.path / "model.safetensors").read_bytes() == WEIGHTS
    manifest = stored.manifest
    assert (manifest.repository, manifest.commit, manifest.licence_reported) == ("org/tiny", COMMIT, "mit")
    assert {entry.path: entry.size for entry in manifest.files}["model.safetensors"] == len(WEIGHTS)
    assert store.find(settings.models_dir, "tiny") == stored
    assert not store.partial_path(settings.models_dir, "tiny").exists()
    assert [(seen.method, seen.path) for seen in hub.seen] == [
        ("GET", "/api/models/org/tiny/revision/main"),
        ("GET", f"/org/tiny/resolve/{COMMIT}/config.json"),
        ("GET", f"/org/tiny/resolve/{COMMIT}/tokenizer.json"),
        ("GET", f"/org/tiny/resolve/{COMMIT}/model.safetensors"),
        ("GET", "/cdn/model.safetensors"),
    ]
    assert {seen.token for seen in hub.seen} == {""}


def test_a_second_pull_verifies_and_needs_no_network(hub: FakeHub, settings: Settings) -> None:
    """What is ready is read again instead of fetched, also offline."""
    first = _pull(settings)
    asked = len(hub.seen)
    assert _pull(settings.model_copy(update={"offline": True})) == first
    assert _pull(settings, revision=COMMIT) == first
    assert len(hub.seen) == asked
    (first.path / "model.safetensors").write_bytes(WEIGHTS[::-1])
    with pytest.raises(Damaged, match=r"model\.safetensors has SHA-256"):
        _pull(settings)
    assert _pull(settings, force=True).manifest.digest == first.manifest.digest
    assert (first.path / "model.safetensors").read_bytes() == WEIGHTS


def test_the_first_pull_pins_the_commit(hub: FakeHub, settings: Settings) -> None:
    """A repository that moves on is followed only when somebody asks for it."""
    first = _pull(settings)
    hub.commit, hub.files["model.safetensors"] = "f" * 40, WEIGHTS + b"more"
    assert _pull(settings).manifest == first.manifest
    with pytest.raises(PullFailed, match="no such revision"):
        _pull(settings, force=True)
    second = _pull(settings, revision="main")
    assert second.manifest.commit == "f" * 40
    assert second.manifest.digest != first.manifest.digest
    assert (second.path / "model.safetensors").read_bytes() == WEIGHTS + b"more"
    assert sorted(path.name for path in (settings.models_dir / ".partial").iterdir()) == ["tiny.lock"]


def test_a_revision_of_the_list_wins_over_an_old_pin(hub: FakeHub, settings: Settings) -> None:
    """When a release pins another commit, the next pull follows the release."""
    _pull(settings)
    hub.commit = "e" * 40
    pinned = dataclasses.replace(ROW, revision="e" * 40)
    assert _pull(settings, pinned).manifest.commit == "e" * 40
    assert _pull(settings.model_copy(update={"offline": True}), pinned).manifest.commit == "e" * 40


def test_a_mirror_that_lists_names_only_is_asked_for_each_file(hub: FakeHub, settings: Settings) -> None:
    """Sizes and digests that the listing lacks come from the headers of the files."""
    hub.tell_blobs = False
    assert (_pull(settings).path / "model.safetensors").read_bytes() == WEIGHTS
    assert [seen.path for seen in hub.seen if seen.method == "HEAD" and "/resolve/" in seen.path] == [
        f"/org/tiny/resolve/{COMMIT}/{name}" for name in ("config.json", "tokenizer.json", "model.safetensors")
    ]


def test_a_file_that_cannot_be_checked_is_not_fetched(hub: FakeHub, settings: Settings) -> None:
    """A mirror without digests is refused before anything is downloaded."""
    hub.tell_blobs = hub.tell_etags = False
    with pytest.raises(PullFailed, match=r"no size or digest of config\.json"):
        _pull(settings)
    assert not hub.gets("model.safetensors")


# ---- broken ---------------------------------------------------------------------------------------------------------


def test_a_broken_connection_is_continued_by_the_next_pull(hub: FakeHub, settings: Settings) -> None:
    """Nothing counts as ready, and the next pull asks for the rest only."""
    half = len(WEIGHTS) // 2
    hub.go_on = lambda path, sent: path != "model.safetensors" or (not hub.gets(path) or 0 < sent < half)
    with pytest.raises(PullFailed, match="cannot be reached"):
        _pull(settings)
    # The library's own warnings would show addresses that are signed for the user.
    assert logging.getLogger("huggingface_hub.file_download").getEffectiveLevel() == logging.CRITICAL
    with pytest.raises(NotPulled, match="only in part"):
        store.find(settings.models_dir, "tiny")
    (part,) = (store.partial_path(settings.models_dir, "tiny") / "parts").iterdir()
    there = part.stat().st_size
    assert 0 < there <= half

    hub.go_on, before = (lambda path, sent: True), len(hub.seen)
    assert (_pull(settings).path / "model.safetensors").read_bytes() == WEIGHTS
    (last,) = [seen for seen in hub.seen[before:] if seen.path == "/cdn/model.safetensors"]
    assert last.range == f"bytes={there}-"
    assert last.sent == len(WEIGHTS) - there
    assert not [seen for seen in hub.seen[before:] if seen.path.endswith("config.json")]


def test_a_short_break_is_continued_at_once(hub: FakeHub, settings: Settings) -> None:
    """A connection that breaks once costs no second pull, and the second request asks for the rest."""
    hub.go_on = lambda path, sent: path != "model.safetensors" or bool(hub.gets(path)[:-1]) or sent < len(WEIGHTS) // 2
    assert (_pull(settings).path / "model.safetensors").read_bytes() == WEIGHTS
    first, second = hub.gets("model.safetensors")
    assert first.range == ""
    assert second.range.startswith("bytes=")
    assert first.sent + second.sent < 2 * len(WEIGHTS)


def test_a_hub_that_ignores_ranges_sends_the_file_again(hub: FakeHub, settings: Settings) -> None:
    """A part is not doubled when the whole file comes instead of the rest."""
    hub.obey_range = False
    parts = store.partial_path(settings.models_dir, "tiny") / "parts"
    parts.mkdir(parents=True)
    (parts / hub.digest("model.safetensors")).write_bytes(WEIGHTS[:1000])
    assert (_pull(settings).path / "model.safetensors").read_bytes() == WEIGHTS


def test_a_killed_pull_is_continued(hub: FakeHub, tmp_path: Path) -> None:
    """SIGKILL in the middle of a file leaves a part, which the same command goes on with."""
    row = rows.get("bart-large-cnn")
    data = bytes(1 << 20) * 24
    hub.repository, hub.files["model.safetensors"] = row.repository, data
    reached, end = threading.Event(), threading.Event()

    def hang_in_the_middle(path: str, sent: int) -> bool:
        if sent >= len(data) // 2:
            reached.set()
            end.wait(30)
            return False
        return True

    hub.go_on = hang_in_the_middle
    env = {**os.environ, "PRECIS_MODELS_DIR": str(tmp_path), "PRECIS_HUB_ENDPOINT": hub.endpoint}
    command = [sys.executable, "-m", "service.cli", "models", "pull", row.id]
    part = store.partial_path(tmp_path, row.id) / "parts" / hub.digest("model.safetensors")
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert reached.wait(30)
        tick, give_up = threading.Event(), time.monotonic() + 30
        while not (part.exists() and part.stat().st_size) and time.monotonic() < give_up:
            tick.wait(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    finally:
        end.set()
        process.kill()
    there = part.stat().st_size
    assert 0 < there < len(data)
    with pytest.raises(NotPulled):
        store.find(tmp_path, row.id)

    hub.go_on, before = (lambda path, sent: True), len(hub.seen)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"goes on at {there / 1e6:.1f} MB" in done.stderr
    assert [seen.range for seen in hub.seen[before:] if seen.path == "/cdn/model.safetensors"] == [f"bytes={there}-"]
    assert store.verify(tmp_path, row.id).manifest.size > len(data)


# ---- wrong ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
def test_a_wrong_digest_is_refused_by_name(hub: FakeHub, settings: Settings, path: str) -> None:
    """Content that is not what the hub announced is thrown away, for large files and for small ones."""
    good = hub.files[path]
    hub.announced[path] = good
    hub.files[path] = good[:-1] + b"!"
    with pytest.raises(PullFailed, match=f"{path} has digest"):
        _pull(settings)
    assert not (settings.models_dir / "tiny").exists()
    assert not (store.partial_path(settings.models_dir, "tiny") / "parts" / hub.digest(path)).exists()
    hub.files[path] = good
    assert (_pull(settings).path / path).read_bytes() == good


def test_a_file_of_another_size_is_refused(hub: FakeHub, settings: Settings) -> None:
    """A short file is not taken for the whole one."""
    hub.announced["model.safetensors"] = WEIGHTS
    hub.files["model.safetensors"] = WEIGHTS[:-10]
    with pytest.raises(PullFailed, match="another size"):
        _pull(settings)


def test_a_server_without_end_does_not_fill_the_disk(hub: FakeHub, settings: Settings) -> None:
    """No more is written than was announced."""
    hub.announced["model.safetensors"] = WEIGHTS[:5000]
    with pytest.raises(PullFailed, match="more is sent than the 5000 bytes"):
        _pull(settings)
    (part,) = (store.partial_path(settings.models_dir, "tiny") / "parts").iterdir()
    assert part.stat().st_size <= 5000


@pytest.mark.parametrize("page", [b"<html>log in</html>", b"[]", b"{}", b'{"id": "org/tiny"}', b'{"sha": 1}'])
def test_something_else_at_the_address_is_told(hub: FakeHub, settings: Settings, page: bytes) -> None:
    """A login page or another service in the hub's place is named as what it is not."""
    hub.pages["portal"] = page
    portal = settings.model_copy(update={"hub_endpoint": f"{hub.endpoint}/portal"})
    with pytest.raises(PullFailed, match="not a model hub"):
        _pull(portal)


def test_a_full_disk_is_one_line(hub: FakeHub, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Space is looked at before the download, and running out in the middle is told too."""
    usage = shutil.disk_usage(settings.models_dir.parent)
    with monkeypatch.context() as context:
        context.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
        with pytest.raises(PullFailed, match=r"1\.0 kB free, 102\.4 kB are needed"):
            _pull(settings)
    assert not hub.gets("model.safetensors")

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(PullFailed, match="the disk is full"):
        _pull(settings)


def test_one_pull_of_a_model_at_a_time(settings: Settings) -> None:
    """A second process that comes meanwhile is told so."""
    with store.locked(settings.models_dir, "tiny"):
        with pytest.raises(ModelError, match="another process is pulling"):
            _pull(settings)


# ---- refused --------------------------------------------------------------------------------------------------------


def test_a_gated_repository_says_what_to_do(hub: FakeHub, settings: Settings) -> None:
    """Terms that nobody accepted are told apart from a missing repository."""
    hub.gated = True
    with pytest.raises(PullFailed, match="gated; accept its terms"):
        _pull(settings)


def test_the_token_of_the_file_goes_to_the_hub_only(hub: FakeHub, settings: Settings, tmp_path: Path) -> None:
    """A private repository opens with the token; the other host, where large files lie, never sees it."""
    hub.token, hub.cdn = "hf_secret", f"http://localhost:{hub.port}"
    with pytest.raises(PullFailed, match="403") as refused:
        _pull(settings)
    (tmp_path / "token").write_text("hf_secret\n")
    with_token = settings.model_copy(update={"hub_token_file": str(tmp_path / "token")})
    assert (_pull(with_token).path / "model.safetensors").read_bytes() == WEIGHTS
    assert {(seen.host.partition(":")[0], seen.token) for seen in hub.seen[1:]} == {
        ("127.0.0.1", "Bearer hf_secret"),
        ("localhost", ""),
    }
    assert "hf_secret" not in str(refused.value)
    assert "hf_secret" not in (settings.models_dir / "tiny" / "manifest.json").read_text()


@pytest.mark.parametrize("content", ["", "two words", "ünicode"])
def test_a_token_file_without_a_token_is_refused(settings: Settings, tmp_path: Path, content: str) -> None:
    """What is in the file is checked, and never shown."""
    (tmp_path / "token").write_text(content)
    with pytest.raises(PullFailed, match="holds no token"):
        _pull(settings.model_copy(update={"hub_token_file": str(tmp_path / "token")}))
    with pytest.raises(PullFailed, match="cannot be read"):
        _pull(settings.model_copy(update={"hub_token_file": str(tmp_path / "none")}))


def test_what_is_not_there_is_named(hub: FakeHub, settings: Settings) -> None:
    """A wrong repository, a wrong revision and a repository without weights are three messages."""
    with pytest.raises(PullFailed, match="org/none@main: not found"):
        _pull(settings, dataclasses.replace(ROW, repository="org/none"))
    with pytest.raises(PullFailed, match="no such revision"):
        _pull(settings, revision="v2")
    del hub.files["model.safetensors"], hub.files["pytorch_model.bin"]
    with pytest.raises(PullFailed, match="neither safetensors nor PyTorch"):
        _pull(settings)


def test_no_network_is_one_line(settings: Settings) -> None:
    """A hub that does not answer is named, and `offline` does not even try."""
    dead = settings.model_copy(update={"hub_endpoint": "http://127.0.0.1:9"})
    with pytest.raises(PullFailed, match=r"http://127\.0\.0\.1:9 cannot be reached") as failed:
        _pull(dead)
    assert "\n" not in str(failed.value)
    with pytest.raises(PullFailed, match="PRECIS_OFFLINE"):
        _pull(settings.model_copy(update={"offline": True}))


def test_a_refused_licence_asks_the_hub_nothing(hub: FakeHub, settings: Settings) -> None:
    """A non-commercial model needs a name in the settings or at the pull; the manifest remembers which."""
    with pytest.raises(LicenceRefused, match=r"CC-BY-NC-4\.0"):
        _pull(settings, NON_COMMERCIAL)
    assert hub.seen == []
    assert not settings.models_dir.exists()
    assert _pull(settings, NON_COMMERCIAL, accept=["cc-by-nc-4.0"]).manifest.accepted == "CC-BY-NC-4.0"
    store.remove(settings.models_dir, "tiny")
    by_setting = settings.model_copy(update={"accept_licences": "other tiny"})
    assert _pull(by_setting, NON_COMMERCIAL).manifest.accepted == "tiny"


def test_a_stricter_licence_on_the_hub_counts(hub: FakeHub, settings: Settings) -> None:
    """A repository that turned non-commercial is refused although the list says otherwise."""
    hub.licence = "cc-by-nc-sa-4.0"
    with pytest.raises(LicenceRefused, match=r"cc-by-nc-sa-4\.0"):
        _pull(settings)
    assert not hub.gets("model.safetensors")
    assert _pull(settings, accept=["CC-BY-NC-SA-4.0"]).manifest.licence_reported == "cc-by-nc-sa-4.0"


# ---- which files ----------------------------------------------------------------------------------------------------


def _names(*extra: str, without: str = "") -> list[str]:
    from service.models.hub import RemoteFile

    there = [name for name in ("config.json", "vocab.json", *extra) if name != without]
    return [file.path for file in choose(ROW, [RemoteFile(name, 1, "a" * 40) for name in there])]


def test_weights_are_one_whole_set() -> None:
    """Safetensors win over pickles, shards need their index and all of their number."""
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = "model.safetensors.index.json"
    base = ["config.json", "vocab.json"]
    assert _names("pytorch_model.bin", "model.safetensors") == [*base, "model.safetensors"]
    assert _names(*shards, index, "pytorch_model.bin") == [*base, index, *shards]
    assert _names(shards[0], index, "pytorch_model.bin") == [*base, "pytorch_model.bin"]
    assert _names(*shards, "pytorch_model.bin", "../evil.json", "sub/config.json") == [*base, "pytorch_model.bin"]
    for without in base:
        with pytest.raises(PullFailed, match="has no"):
            _names("model.safetensors", without=without)


# ---- on the screen --------------------------------------------------------------------------------------------------


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_lines_in_a_log_and_one_line_on_a_terminal() -> None:
    """A log gets a line every tenth, a terminal one line that is wiped at the end."""
    log, screen = io.StringIO(), _Terminal()
    for stream in (log, screen):
        with Progress("model.bin", 1000, done=100, stream=stream) as progress:
            for _ in range(90):
                progress.update(10)
    lines = log.getvalue().splitlines()
    assert lines[0] == "model.bin: goes on at 100 B of 1.0 kB"
    assert lines[1] == "model.bin:  20% of 1.0 kB"
    assert len(lines) <= 10
    assert screen.getvalue().endswith("\r\x1b[K")
    assert screen.getvalue().count("\n") == 1


def test_the_manifest_is_plain_json(settings: Settings) -> None:
    """Other programs can read it, and its digest is the one the service reports."""
    stored = _pull(settings)
    data = json.loads((stored.path / "manifest.json").read_text())
    assert data["digest"] == stored.manifest.digest
    assert data["files"][0].keys() == {"path", "size", "sha256"}
