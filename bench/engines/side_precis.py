"""Our engine: the runner of `service/engines/seq2seq`, all rows joining at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from service.engines.seq2seq.model import load_model
from service.engines.seq2seq.params import DecodeParams
from service.engines.seq2seq.runner import Budget, Runner


class Side:
    """See `worker.Side`."""

    def __init__(self, folder: Path, precision: str, threads: int, device: str = "cpu") -> None:
        torch.set_num_threads(threads)
        self._model = load_model(folder, precision, device=torch.device(device))  # type: ignore[arg-type]
        self._details: dict[str, Any] = {}

    @staticmethod
    def prepare(folder: Path, precision: str, cache: Path) -> Path:
        """The folder is read as it is."""
        return folder

    def generate(self, sources: Sequence[Sequence[int]], beams: int, new_tokens: int) -> list[int]:
        """Decode all sources at once; steps after the first are also timed alone, as they are pure decoding."""
        given = self._model.spec.generation
        params = DecodeParams(
            beams=beams,
            min_new_tokens=new_tokens,
            max_new_tokens=new_tokens,
            eos=given.eos,
            pad=given.pad,
            start=given.start,
        )
        tokens = sum(map(len, sources))
        runner = Runner(self._model, Budget(rows=len(sources) * beams, batch_tokens=tokens))
        for key, source in enumerate(sources):
            runner.add(key, source, params)
        found = {done.key: len(done.hypotheses[0].tokens) for done in runner.step()}
        start, steps = time.perf_counter(), 0
        while runner.busy:
            found |= {done.key: len(done.hypotheses[0].tokens) for done in runner.step()}
            steps += 1
        if steps:
            self._details["step_ms"] = (time.perf_counter() - start) / steps * 1000
        return [found[key] for key in range(len(sources))]

    def details(self) -> dict[str, Any]:
        """Milliseconds of a decode step."""
        return self._details
