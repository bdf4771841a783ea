"""The decode step in C: exact products, the same bits in any company, and the numbers of the step through torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from service.engines.seq2seq import model as models
from service.engines.seq2seq.configuration import LoadError
from service.engines.seq2seq.linear import Int8Linear
from service.engines.seq2seq.model import Seq2SeqModel, load_model
from service.engines.seq2seq.native import build
from service.engines.seq2seq.native import library as libraries
from service.engines.seq2seq.native.decoder import step_decoder
from service.engines.seq2seq.native.library import Library
from service.engines.seq2seq.native.linear import StepLinear
from service.engines.seq2seq.params import DecodeParams
from service.engines.seq2seq.policies import Hypothesis
from service.engines.seq2seq.quantize import QuantizedWeight, quantize_weight
from service.engines.seq2seq.runner import Budget, Runner
from service.engines.seq2seq.slots import Lane
from tests.engines.seq2seq import tiny
from tests.engines.seq2seq.test_int8 import run, snr_db

pytestmark = pytest.mark.skipif(not build.supported() or build.compiler() is None, reason="no decode step in C here")
FAMILIES = sorted(tiny.FAMILIES)
ROWS = (1, 2, 3, 4, 5, 7, 8, 9, 11, 23, 24, 25, 32, 50)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Run each test on one thread, from one seed."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(3)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each family as transformers writes it."""
    return {name: tiny.save(tiny.make(name), tmp_path_factory.mktemp(name)) for name in FAMILIES}


def ours() -> Library:
    """The library: where it can be made it has to work."""
    found = libraries.library()
    assert found is not None
    return found


def pair(folder: Path) -> tuple[Seq2SeqModel, Seq2SeqModel]:
    """The same int8 model with the step in C and through torch."""
    fast, slow = load_model(folder, "int8"), load_model(folder, "int8", native=False)
    assert fast._in_c is not None  # type: ignore[attr-defined]
    assert slow._in_c is None  # type: ignore[attr-defined]
    return fast, slow


# ---- one layer -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outputs", "inputs"), [(1, 1), (33, 70), (32, 4), (7, 9), (100, 1024), (300, 2051)])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_products_are_exact_and_rows_do_not_depend_on_their_company(
    outputs: int, inputs: int, nonnegative: bool
) -> None:
    """Each row is the integer product of what was rounded, with the same bits alone, in groups and on two threads."""
    weight, bias = quantize_weight(torch.randn(outputs, inputs), bits=ours().bits), torch.randn(outputs)
    layer = StepLinear(ours(), weight, bias, nonnegative=nonnegative)
    x = torch.randn(max(ROWS), inputs) * torch.logspace(-5, 4, max(ROWS)).unsqueeze(1)
    x[3] = 0
    x = x.relu() if nonnegative else x
    alone = torch.cat([layer(row) for row in x.split(1)])
    top = 255 if nonnegative else 127
    peak = x.abs().amax(-1, True)
    # The factor in float32 as the layer has it, or values halfway between two steps go to the other.
    factor = torch.where(peak > 0, top / peak, torch.zeros(()))
    steps = (x * factor).clamp(-top, top).round().double()
    exact = steps @ weight.values.double().t() * weight.scales.double() * peak.double() / top + bias.double()
    assert torch.allclose(alone.double(), exact, rtol=1e-5, atol=float(exact.abs().max()) * 1e-6)
    for count in ROWS:
        assert torch.equal(layer(x[:count]), alone[:count])
    torch.set_num_threads(2)
    assert torch.equal(layer(x), alone)


def test_the_largest_products_do_not_saturate() -> None:
    """Whole rows of the largest values of both sides add up exactly."""
    top = 2 ** (ours().bits - 1) - 1
    layer = StepLinear(
        ours(), QuantizedWeight(torch.full((40, 8192), top, dtype=torch.int8), torch.ones(40)), None, nonnegative=True
    )
    assert torch.allclose(layer(torch.ones(9, 8192)), torch.tensor(8192.0 * top), rtol=1e-6)


def test_what_is_not_finite_is_seen_behind_the_layer() -> None:
    """NaN and infinity never become a number, and leave the rows beside them alone."""
    layer = StepLinear(ours(), quantize_weight(torch.randn(33, 40), bits=7), torch.zeros(33))
    x = torch.randn(3, 40)
    good = layer(x)
    for bad in (torch.nan, torch.inf, -torch.inf):
        x[1, 17] = bad
        got = layer(x)
        assert got[1].isnan().all()
        assert torch.equal(got[::2], good[::2])


def test_layers_agree_with_those_of_torch() -> None:
    """Both kinds of int8 layer round alike, to the last bits."""
    weight, bias = quantize_weight(torch.randn(128, 512), bits=7), torch.randn(128)
    x = torch.randn(16, 512)
    one, other = StepLinear(ours(), weight, bias)(x), Int8Linear(weight, bias)(x)
    assert ((one - other).abs() < 1e-5).float().mean() > 0.99


def test_a_layer_too_deep_is_refused() -> None:
    """Sums of more products than 32 bits can hold."""
    deep = QuantizedWeight(torch.zeros(1, 65_537, dtype=torch.int8), torch.ones(1))
    with pytest.raises(ValueError, match="at most 65536"):
        StepLinear(ours(), deep, None)


# ---- whole steps -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_steps_give_the_numbers_of_torch(name: str, folders: dict[str, Path]) -> None:
    """Ragged sources, step after step along the same tokens: the logits differ by rounding only."""
    fast, slow = pair(folders[name])
    with torch.inference_mode():
        expected = run(slow)
        got = run(fast, expected.ids)
    assert len(got.logits) == len(expected.logits)
    assert snr_db(torch.cat(expected.logits), torch.cat(got.logits)) > 35


def decoded(model: Seq2SeqModel, rows: list[list[int]], beams: int) -> list[list[Hypothesis]]:
    """All hypotheses of rows decoded together."""
    wishes = model.spec.generation
    params = DecodeParams(beams=beams, max_new_tokens=40, eos=wishes.eos, pad=wishes.pad, start=wishes.start)
    runner = Runner(model, Budget(rows=10**6))
    for key, row in enumerate(rows):
        runner.add(key, row, params)
    found: dict[int, list[Hypothesis]] = {}
    while runner.busy:
        found |= {done.key: list(done.hypotheses) for done in runner.step()}
    return [found[key] for key in range(len(rows))]


@pytest.mark.parametrize("name", ["m2m100", "mt5"])
def test_threads_change_no_bit(name: str, folders: dict[str, Path]) -> None:
    """Work is shared out as threads are free, and each number is one thread's work."""
    model = load_model(folders[name], "int8")
    rows = tiny.sources(6, seed=8, longest=50)
    one = decoded(model, rows, 2)
    torch.set_num_threads(2)
    assert decoded(model, rows, 2) == one


@pytest.mark.heavy
@pytest.mark.parametrize("name", FAMILIES)
def test_beams_find_what_they_find_through_torch(name: str, folders: dict[str, Path]) -> None:
    """Most hypotheses are the same; those of random models that are all but equal may change places."""
    fast, slow = pair(folders[name])
    rows = tiny.sources(8, seed=5, longest=30)
    pairs = zip(decoded(fast, rows, 4), decoded(slow, rows, 4), strict=True)
    assert sum(one[0].tokens == other[0].tokens for one, other in pairs) >= 6


# ---- the library -----------------------------------------------------------------------------------------------------


def test_it_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is there is taken, without a compiler."""
    monkeypatch.setattr(build, "SOURCES", _sources(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = libraries.library.__wrapped__()
    monkeypatch.setenv("CC", "no-such-compiler")
    again = libraries.library.__wrapped__()
    assert first is not None
    assert again is not None
    assert again.instructions == ours().instructions
    assert [path.name for path in libraries.cache_folder().iterdir()] == [build.library_name()]
    assert libraries.cache_folder().stat().st_mode & 0o077 == 0


@pytest.mark.heavy
def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    """With all the compiler has to say; users' compilers may know more, and do not fail for it."""
    build.build(tmp_path, "-Wall", "-Wextra", "-Werror")


@pytest.mark.heavy
@pytest.mark.parametrize("content", [b"", b"no library"])
def test_a_library_that_cannot_be_used_is_made_again(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Cut short by a power failure, or made by a compiler whose OpenMP is not here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "SOURCES", _sources(tmp_path))
    path = libraries.cache_folder() / build.library_name()
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_bytes(content)
    path.chmod(0o755)
    assert libraries.library.__wrapped__() is not None
    assert "is made again" in caplog.text


@pytest.mark.heavy
def test_a_library_that_others_could_have_written_is_not_loaded(tmp_path: Path) -> None:
    """Its name can be guessed, so the rights have to say that it is ours."""
    made = build.build(tmp_path / "new")
    made.chmod(0o775)
    with pytest.raises(OSError, match="written by others"):
        Library(made)
    made.chmod(0o755)
    made.parent.chmod(0o777)
    with pytest.raises(OSError, match="written by others"):
        Library(made)


def test_without_a_home_models_decode_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A user without one has no cache folder; the library beside the sources needs none."""
    sources = _sources(tmp_path)
    monkeypatch.setattr(build, "SOURCES", sources)
    monkeypatch.setattr(libraries, "cache_folder", _no_home)
    assert libraries.library.__wrapped__() is None
    assert "no home" in caplog.text
    sources.chmod(0o755)
    build.build(sources)
    assert libraries.library.__wrapped__() is not None


def _no_home() -> Path:
    raise RuntimeError("no home")


def test_openmp_is_torchs_beside_that_of_others() -> None:
    """Packages that bring their own, as sentencepiece does, change nothing: threads of torch's team run the step."""
    script = (
        "import sentencepiece, torch, ctypes, pathlib\n"
        "from service.engines.seq2seq.native.library import library\n"
        "assert library() is not None\n"
        "own = ctypes.CDLL(str(pathlib.Path(torch.__file__).parent / 'lib' / 'libtorch_cpu.so'))\n"
        "address = lambda of: ctypes.cast(of.GOMP_parallel, ctypes.c_void_p).value\n"
        "print(address(ctypes.CDLL(None)) == address(own))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["True"], done.stderr


@pytest.mark.parametrize("name", ["avx2", "avxvnni", "avx512vnni"])
def test_every_instruction_set_that_is_here_gives_the_same_bits(name: str) -> None:
    """Those that this processor has not are named as missing."""
    path = build.SOURCES / build.library_name()
    path = path if path.exists() else libraries.cache_folder() / build.library_name()
    weight, x = quantize_weight(torch.randn(70, 600), bits=7), torch.randn(max(ROWS), 600)
    expected = StepLinear(ours(), weight, None)(x)
    try:
        try:
            other = Library(path, name)
        except OSError as error:
            assert name in str(error)
            assert name != "avx2"
            return
        for count in ROWS:
            assert torch.equal(StepLinear(other, weight, None)(x[:count]), expected[:count])
    finally:
        Library(path, ours().instructions)


def test_a_configuration_of_other_sizes_is_refused(folders: dict[str, Path]) -> None:
    """What the step in C takes from it is compared with the layers; a cached start reads no shapes."""
    model: Any = load_model(folders["bart"], "int8")
    spec = replace(model.spec, decoder_ffn=model.spec.decoder_ffn // 2)
    parts = [layer.parts for layer in model._decoder]
    with pytest.raises(LoadError, match="another size"):
        step_decoder(spec, model.cache_shape, parts, model._final, model._head)


@pytest.mark.parametrize("name", ["m2m100", "bart", "marian", "flan-t5"])
def test_what_is_not_finite_reaches_the_scores(name: str, folders: dict[str, Path]) -> None:
    """Through every norm, activation and softmax, and in its own row only."""
    model: Any = load_model(folders[name], "int8")
    shape = model.cache_shape
    with torch.inference_mode():
        lane = Lane(shape, 1, 8)
        for key in range(3):
            lane.join(key, torch.randn(shape.layers, 2, shape.heads, 5, shape.head_width), 5)
        lane.begin()
        hidden = torch.randn(3, model.spec.d_model)
        good = model._in_c(hidden.clone(), [lane])
        hidden[1, 3] = torch.nan
        got = model._in_c(hidden.clone(), [lane])
    assert got[1].isnan().all()
    assert torch.equal(got[::2], good[::2])


@pytest.mark.parametrize(("compiler", "message"), [("no-such-compiler", "no C compiler"), ("false", "false: 1")])
def test_without_a_compiler_models_decode_through_torch(
    compiler: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    folders: dict[str, Path],
) -> None:
    """Said once in the log; the model works."""
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "SOURCES", _sources(tmp_path))
    looked = libraries.library.__wrapped__()
    assert looked is None
    assert message in caplog.text
    assert "slower" in caplog.text
    monkeypatch.setattr(models, "library", lambda: looked)
    model = load_model(folders["bart"], "int8")
    assert model._in_c is None  # type: ignore[attr-defined]
    assert decoded(model, tiny.sources(2, seed=1, longest=9), 1)


@pytest.mark.heavy
def test_a_library_of_another_release_is_not_loaded(tmp_path: Path) -> None:
    """Its name is the digest of its sources, and its records are compared too."""
    sources = _sources(tmp_path)
    text = (sources / "abi.h").read_text("utf-8")
    (sources / "abi.h").write_text(text.replace("int64_t seen_stride;", "int64_t seen_stride, more;"), "utf-8")
    before = build.library_name()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "SOURCES", sources)
        assert build.library_name() != before
        made = build.build(tmp_path / "made")
    with pytest.raises(OSError, match="other records"):
        Library(made)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The reason is the system's."""
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(build.BuildError, match="file"):
        build.build(tmp_path / "file" / "below")


def _sources(folder: Path) -> Path:
    """A copy of the sources, without a library."""
    copy = folder / "sources"
    copy.mkdir()
    for path in build.SOURCES.glob("*.[ch]"):
        (copy / path.name).write_text(path.read_text("utf-8"), "utf-8")
    return copy


def test_a_row_of_a_tensor_is_read_where_it_is() -> None:
    """Views with gaps and other types are taken as they are meant."""
    layer = StepLinear(ours(), quantize_weight(torch.randn(5, 6), bits=7), None)
    x: Tensor = torch.randn(4, 12)[:, ::2]
    assert torch.equal(layer(x), layer(x.contiguous()))
    assert layer(x.double()).dtype is torch.float64
    assert layer(torch.randn(0, 6)).shape == (0, 5)
