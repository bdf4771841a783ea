"""The reference: `generate` of transformers, in float32 or a type of 16 bits, with its fused attention."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers


class Side:
    """See `worker.Side`."""

    def __init__(self, folder: Path, precision: str, threads: int, device: str = "cpu") -> None:
        torch.set_num_threads(threads)
        kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        self._model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=kind).eval().to(device)
        self._device = device

    @staticmethod
    def prepare(folder: Path, precision: str, cache: Path) -> Path:
        """The folder is read as it is."""
        return folder

    @torch.inference_mode()
    def generate(self, sources: Sequence[Sequence[int]], beams: int, new_tokens: int) -> list[int]:
        """Sources are all of one length here, so nothing is padded."""
        ids = torch.tensor(sources, device=self._device)
        out = self._model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            num_beams=beams,
            do_sample=False,
            min_new_tokens=new_tokens,
            max_new_tokens=new_tokens,
        )
        if self._device != "cpu":
            torch.cuda.synchronize()
        return [out.shape[1] - 1] * len(sources)

    def details(self) -> dict[str, Any]:
        """Nothing more."""
        return {}
