"""Quantized weights and their cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from service.engines.seq2seq.quantize import (
    CacheKey,
    QuantizedWeight,
    StoredWeights,
    balance,
    file_digest,
    open_cached,
    quantize_weight,
)

ROOT = Path(__file__).parents[3]
KEY = CacheKey("ab" * 32, "plain-1")


def build() -> Iterator[tuple[str, Tensor]]:
    """Yield a small checkpoint with a tied tensor."""
    torch.manual_seed(1)
    table = torch.randn(20, 8)
    yield "head", table
    yield "embedding", table
    yield "norm", torch.ones(8)


def refuse() -> Iterator[tuple[str, Tensor]]:
    """Stand for a build that must not happen."""
    pytest.fail("built although it was there")


def is_head(name: str) -> bool:
    """Choose the head."""
    return name == "head"


def opened(folders: list[Path], key: CacheKey = KEY) -> StoredWeights:
    """Open the small checkpoint."""
    return open_cached(build, is_head, key=key, folders=folders)


def check(weights: StoredWeights) -> None:
    """Check that all tensors of the small checkpoint are there, the head quantized."""
    tensors = dict(build())
    assert weights.names() == ["embedding", "head", "norm"]
    head, embedding = weights.get("head"), weights.get("embedding")
    assert isinstance(head, QuantizedWeight)
    assert isinstance(embedding, Tensor)
    expected = quantize_weight(tensors["head"])
    assert torch.equal(head.values, expected.values)
    assert torch.equal(head.scales, expected.scales)
    assert torch.equal(embedding, tensors["embedding"])
    for absent in ("head:scales", "other"):
        with pytest.raises(KeyError):
            weights.get(absent)


@pytest.mark.parametrize("bits", [7, 8])
def test_values_are_within_half_a_step(bits: int) -> None:
    """Each weight comes back within half a step of its channel; the range is symmetric; zeros stay zero."""
    weight = torch.randn(50, 30) * torch.logspace(-5, 3, 50).unsqueeze(1)
    weight[4] = 0
    quantized = quantize_weight(weight, bits=bits)
    assert quantized.values.abs().max() == 2 ** (bits - 1) - 1
    error = (quantized.dequantize() - weight).abs()
    assert (error <= quantized.scales.unsqueeze(1) * 0.501).all()
    assert (error[4] == 0).all()
    indices = torch.tensor([[3, 4], [49, 0]])
    assert torch.equal(quantized.rows(indices), quantized.dequantize()[indices])


@pytest.mark.parametrize("shifted", [False, True])
def test_balance_changes_no_product_and_quantizes_better(shifted: bool) -> None:
    """Powers of two move between a norm and its weights: the same float32 result, less noise with outlier channels."""
    torch.manual_seed(3)
    gain, shift = torch.rand(256) + 0.5, torch.randn(256) if shifted else None
    gain[[3, 77, 200]], gain[9] = 40.0, 0.0
    weights = [torch.randn(64, 256) * 0.02, torch.randn(32, 256) * 0.02]
    normed = torch.randn(16, 256).double()

    def output(gain: Tensor, shift: Tensor | None) -> Tensor:
        scaled = normed * gain
        return scaled if shift is None else scaled + shift

    def noise(x: Tensor, weight: Tensor) -> Tensor:
        peak = x.abs().amax(1, True)
        rounded = (x / peak * 127).round() * peak / 127 @ quantize_weight(weight).dequantize().double().t()
        return (rounded - x @ weight.double().t()).pow(2).mean()

    x = output(gain, shift)
    new_gain, new_shift, new_weights = balance(gain, shift, weights)
    y = output(new_gain, new_shift)
    for old, new in zip(weights, new_weights, strict=True):
        assert torch.allclose(x @ old.double().t(), y @ new.double().t(), rtol=1e-12, atol=1e-12)
        assert noise(y, new) < 0.5 * noise(x, old)


def test_balance_leaves_a_dead_norm_alone() -> None:
    """A norm or weights of zeros give no estimate, and stay as they are."""
    gain, weight = torch.zeros(4), torch.ones(2, 4)
    new_gain, shift, new = balance(gain, None, [weight])
    assert shift is None
    assert torch.equal(new_gain, gain)
    assert torch.equal(new[0], weight)


@pytest.mark.parametrize("weight", [torch.ones(3), torch.ones(2, 2, dtype=torch.int64), torch.full((2, 2), torch.inf)])
def test_what_is_no_weight_is_refused(weight: Tensor) -> None:
    """Vectors, integers and infinities are refused, not turned into something."""
    with pytest.raises(ValueError, match=r"matrix|finite"):
        quantize_weight(weight)
    with pytest.raises(ValueError, match="7 or 8"):
        quantize_weight(torch.ones(2, 2), bits=4)


def test_the_second_opening_builds_nothing(tmp_path: Path) -> None:
    """The first opening writes one file, readable by others; the second maps it."""
    with opened([tmp_path / "new"]) as weights:
        check(weights)
    files = list((tmp_path / "new").iterdir())
    assert [file.name for file in files] == [KEY.file_name]
    assert files[0].stat().st_mode & 0o777 == 0o644
    with open_cached(refuse, is_head, key=KEY, folders=[tmp_path / "new"]) as weights:
        check(weights)
        assert weights.path == files[0]


def test_a_kept_tensor_has_its_own_mapping(tmp_path: Path) -> None:
    """What is kept alone stays readable after the common mapping has gone, from a file and from memory."""
    expected = quantize_weight(dict(build())["head"])
    for folders in ([tmp_path], []):
        with opened(folders) as weights:
            head = weights.alone("head")
            with pytest.raises(KeyError):
                weights.alone("other")
        assert isinstance(head, QuantizedWeight)
        assert torch.equal(head.rows(torch.tensor([3])), expected.rows(torch.tensor([3])))
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
    with open_cached(refuse, is_head, key=KEY, folders=[blocked, tmp_path / "second"]) as weights:
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


def test_a_file_of_another_key_under_this_name_is_made_again(tmp_path: Path) -> None:
    """The file's own words count, not its name."""
    other = CacheKey("cd" * 32, "plain-1")
    with opened([tmp_path], other):
        (tmp_path / other.file_name).rename(tmp_path / KEY.file_name)
    with opened([tmp_path]) as weights:
        assert weights.metadata == KEY.metadata


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    """Weights that are not finite are an error, and no file or part of one stays."""

    def broken() -> Iterator[tuple[str, Tensor]]:
        yield "head", torch.full((2, 2), torch.nan)

    with pytest.raises(ValueError, match="finite"):
        open_cached(broken, is_head, key=KEY, folders=[tmp_path])
    assert list(tmp_path.iterdir()) == []


IN_PROCESS = """
import sys
from pathlib import Path
from tests.engines.seq2seq.test_quantize import check, opened
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


def test_digest_tells_files_and_their_order_apart(tmp_path: Path) -> None:
    """The digest follows contents and order, not names."""
    one, two, same = (tmp_path / name for name in ("one", "two", "same"))
    one.write_bytes(b"a")
    two.write_bytes(b"b")
    same.write_bytes(b"a")
    assert file_digest([one, two]) == file_digest([same, two]) != file_digest([two, one])
    assert len(file_digest([one])) == 64
