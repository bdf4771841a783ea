"""Quantized weights on disk: made once, mapped afterwards, and made again when anything is wrong with them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from service.engines.seq2seq import cache
from service.engines.seq2seq.cache import CacheKey, Entry, StoredWeights, open_cached
from service.engines.seq2seq.quantize import QuantizedWeight, quantize_weight

ROOT = Path(__file__).parents[3]
KEY = CacheKey("ab" * 32, "plain-1")


def build() -> Iterator[Entry]:
    """Yield a small checkpoint, part of it quantized."""
    torch.manual_seed(1)
    table = torch.randn(20, 8)
    yield "head", quantize_weight(table)
    yield "embedding", table
    yield "norm", torch.ones(8)


def refuse() -> Iterator[Entry]:
    """Stand for a build that must not happen."""
    pytest.fail("built although it was there")


def opened(folders: list[Path], key: CacheKey = KEY) -> StoredWeights:
    """Open the small checkpoint."""
    return open_cached(build, key=key, folders=folders)


def check(weights: StoredWeights) -> None:
    """Check that all tensors of the small checkpoint are there, the head quantized."""
    tensors = dict(build())
    assert weights.names() == ["embedding", "head", "norm"]
    head, embedding = weights.get("head"), weights.get("embedding")
    expected = tensors["head"]
    assert isinstance(head, QuantizedWeight)
    assert isinstance(expected, QuantizedWeight)
    assert isinstance(embedding, Tensor)
    assert torch.equal(head.values, expected.values)
    assert torch.equal(head.scales, expected.scales)
    assert torch.equal(embedding, tensors["embedding"])  # type: ignore[arg-type]
    for absent in ("head:scales", "other"):
        with pytest.raises(KeyError):
            weights.get(absent)


def test_the_second_opening_builds_nothing(tmp_path: Path) -> None:
    """The first opening writes one file, readable by others; the second maps it."""
    with opened([tmp_path / "new"]) as weights:
        check(weights)
    files = list((tmp_path / "new").iterdir())
    assert [file.name for file in files] == [KEY.file_name]
    assert files[0].stat().st_mode & 0o777 == 0o644
    with open_cached(refuse, key=KEY, folders=[tmp_path / "new"]) as weights:
        check(weights)
        assert weights.path == files[0]


def test_rows_outlive_the_mapping(tmp_path: Path) -> None:
    """Rows of a table are read after the weights were closed, from a file and from memory."""
    expected = dict(build())["embedding"]
    assert isinstance(expected, Tensor)
    ids = torch.tensor([[3, 19, 3], [0, 1, 2]])
    for folders in ([tmp_path], []):
        with opened(folders) as weights:
            rows = weights.rows("embedding")
            with pytest.raises(KeyError):
                weights.rows("other")
        assert torch.equal(rows(ids), expected[ids])
        assert weights.names() == []


def test_another_key_is_another_file(tmp_path: Path) -> None:
    """Digest, layout and bits each make a file of their own."""
    keys = [KEY, CacheKey("cd" * 32, "plain-1"), CacheKey(KEY.digest, "fused-1"), CacheKey(KEY.digest, "plain-1", 7)]
    for key in keys:
        with opened([tmp_path], key) as weights:
            assert weights.metadata == key.metadata
    assert len(list(tmp_path.iterdir())) == 4


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    """The next folder takes the file; where there is none the weights stay in memory."""
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with opened([blocked, tmp_path / "second"]) as weights:
        check(weights)
        assert weights.path == tmp_path / "second" / KEY.file_name
    with opened([blocked]) as weights:
        check(weights)
        assert weights.path is None
    with open_cached(refuse, key=KEY, folders=[blocked, tmp_path / "second"]) as weights:
        check(weights)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_damaged_file_is_made_again(tmp_path: Path, keep: int) -> None:
    """A file cut anywhere is replaced."""
    path = tmp_path / KEY.file_name
    with opened([tmp_path]):
        whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    with opened([tmp_path]) as weights:
        check(weights)
    # The order of the header's entries is not fixed.
    assert path.stat().st_size == len(whole)


def test_a_full_disk_leaves_the_weights_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the file cannot be written to its end nothing of it stays, and the weights are built once more."""

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with opened([tmp_path]) as weights:
        check(weights)
        assert weights.path is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_an_end_of_its_own_size_is_whole(tmp_path: Path) -> None:
    """Tensors of odd sizes begin at addresses that every processor reads, and nothing of that shows."""

    def odd() -> Iterator[Entry]:
        yield "one", quantize_weight(torch.randn(3, 5))
        yield "two", torch.arange(7.0).half()
        yield "three", torch.randn(3, 3)

    wanted = dict(odd())
    with open_cached(odd, key=KEY, folders=[tmp_path]) as weights:
        assert weights.names() == ["one", "three", "two"]
        assert torch.equal(weights.get("two"), torch.arange(7.0).half())  # type: ignore[arg-type]
        three = weights.get("three")
        assert isinstance(three, Tensor)
        assert three.data_ptr() % 4 == 0
        assert weights.rows("three")(torch.tensor([2])).shape == (1, 3)
    assert set(wanted) == {"one", "two", "three"}


def test_what_nobody_uses_goes(tmp_path: Path) -> None:
    """Files of other releases go when nobody opened them for a month, parts of killed processes after a day."""
    names = ["quantized-old.safetensors", "quantized-new.safetensors", "quantized-old.x.part", "model.safetensors"]
    now = time.time()
    for name, days in zip(names, (31, 29, 2, 99), strict=True):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (now - days * 86400,) * 2)
    with opened([tmp_path]):
        kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"quantized-new.safetensors", "model.safetensors", KEY.file_name}


def test_who_waits_for_the_lock_builds_nothing(tmp_path: Path) -> None:
    """A process that finds another one at work waits, and takes what that one made."""
    (tmp_path / "other").mkdir()
    with opened([tmp_path / "other"]) as weights:
        assert weights.path is not None
        made = weights.path
    lock = tmp_path / f"{KEY.file_name}.lock"
    with lock.open("wb") as held, ThreadPoolExecutor(1) as pool:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = pool.submit(open_cached, refuse, key=KEY, folders=[tmp_path])
        made.rename(tmp_path / KEY.file_name)
        fcntl.flock(held, fcntl.LOCK_UN)
        with waiting.result(timeout=20) as weights:
            check(weights)


def test_a_lock_that_is_never_freed_holds_nobody_up_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its patience a process builds for itself."""
    monkeypatch.setattr(cache, "_WAIT_S", 0.0)
    with (tmp_path / f"{KEY.file_name}.lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with opened([tmp_path]) as weights:
            check(weights)
            assert weights.path is not None


def test_a_file_of_another_key_under_this_name_is_made_again(tmp_path: Path) -> None:
    """The file's own words count, not its name."""
    other = CacheKey("cd" * 32, "plain-1")
    with opened([tmp_path], other):
        (tmp_path / other.file_name).rename(tmp_path / KEY.file_name)
    with opened([tmp_path]) as weights:
        assert weights.metadata == KEY.metadata


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    """An error while building is passed on, and no file or part of one stays."""

    def broken() -> Iterator[Entry]:
        yield "norm", torch.ones(2)
        raise ValueError("not finite")

    with pytest.raises(ValueError, match="finite"):
        open_cached(broken, key=KEY, folders=[tmp_path])
    assert list(tmp_path.iterdir()) == []


IN_PROCESS = """
import sys
from pathlib import Path
from tests.engines.seq2seq.test_cache import check, opened
with opened([Path(sys.argv[1])]) as weights:
    check(weights)
    print(weights.path)
"""


def test_processes_at_once_share_one_file(tmp_path: Path) -> None:
    """Processes that find no file all get the weights and leave one whole file."""
    command = [sys.executable, "-c", IN_PROCESS, str(tmp_path)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=50)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert answers == [str(tmp_path / KEY.file_name)] * 2
    assert [file.name for file in tmp_path.iterdir()] == [KEY.file_name]
