"""A GPU's way of running a model, without a GPU: its weights and steps on a processor, its devices checked on "meta".

A fake `cuda` tensor cannot be indexed in a torch without CUDA, so tensors of the device "meta" stand in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from service.engines.seq2seq.devices import Compute
from service.engines.seq2seq.gpu_weights import GpuSource
from service.engines.seq2seq.graphs import Forward
from service.engines.seq2seq.loader import load_tensors
from service.engines.seq2seq.model import Seq2SeqModel, _construct
from service.engines.seq2seq.spec import read_spec
from service.engines.seq2seq.static import StaticLane
from service.engines.seq2seq.weights import CheckpointSource, Weights

META = torch.device("meta")
_aten: Any = torch.ops.aten


@torch.inference_mode()
def gpu_model(folder: Path, compute: Compute) -> Seq2SeqModel:
    """A model with the weights a GPU would have, wherever `compute` wants them."""
    spec = read_spec(folder)
    loaded = load_tensors(folder, spec)
    source = GpuSource(CheckpointSource(loaded.tensors, loaded.places), compute)
    return _construct(spec, Weights(source, source.linear, compute))


class OneDevice(TorchDispatchMode):
    """Fails where an operation mixes devices. Copies from one to another are counted in `copies`."""

    def __init__(self) -> None:
        super().__init__()
        self.copies = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor) and one.dim()]
        found = func(*args, **kwargs or {})
        made = [one for one in tree_leaves(found) if isinstance(one, Tensor) and one.dim()]
        if len({one.device.type for one in [*given, *made]}) > 1 and given:
            if func.overloadpacket not in (_aten.copy_, _aten._to_copy, _aten.to):
                raise AssertionError(f"{func} mixes devices: {[str(one.device) for one in given]}")
            self.copies += 1
        return found


class Tape(TorchDispatchMode):
    """Records operations and runs them again on the same memory, as a CUDA graph does: what Python decided stays so."""

    def __init__(self) -> None:
        super().__init__()
        self._done: list[tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any], Any]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        found = func(*args, **kwargs or {})
        if any(not isinstance(one, Tensor | None) for one in tree_leaves(found)):
            raise AssertionError(f"{func} reads a value of the device")
        self._done.append((func, args, kwargs or {}, found))
        return found

    @torch.inference_mode()
    def replay(self) -> None:
        """Run everything again."""
        for func, args, kwargs, found in self._done:
            given = {one.data_ptr() for one in map(_storage, tree_leaves((args, kwargs))) if one}
            for old, new in zip(tree_leaves(found), tree_leaves(func(*args, **kwargs)), strict=True):
                storage = _storage(old)
                if storage and storage.data_ptr() not in given:  # a view still looks at the memory it looked at
                    old.copy_(new)


def _storage(one: Any) -> torch.UntypedStorage | None:
    return one.untyped_storage() if isinstance(one, Tensor) else None


def on_tape(forward: Forward, lane: StaticLane) -> tuple[Tape, Tensor]:
    """Record a step as `graphs.CudaCapture` captures it: after a first run."""
    forward(lane)
    with Tape() as tape:
        logits = forward(lane)
    return tape, logits


@contextmanager
def one_thread() -> Iterator[None]:
    """Tiny models are slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
