"""OpenVINO through optimum-intel: 8-bit weights, products in bfloat16."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from optimum.intel import OVModelForSeq2SeqLM


class Side:
    """See `worker.Side`."""

    def __init__(self, folder: Path, precision: str, threads: int) -> None:
        torch.set_num_threads(threads)
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16",
            "INFERENCE_NUM_THREADS": str(threads),
            "NUM_STREAMS": "1",
        }
        self._model = OVModelForSeq2SeqLM.from_pretrained(folder, ov_config=config)

    @staticmethod
    def prepare(folder: Path, precision: str, cache: Path) -> Path:
        """Export and compress the weights."""
        made = cache / f"openvino-{precision}"
        if (made / "config.json").is_file():
            return made
        part = made.with_name(f"{made.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        model = OVModelForSeq2SeqLM.from_pretrained(folder, export=True, load_in_8bit=True, compile=False)
        model.save_pretrained(part)
        part.rename(made)
        return made

    def generate(self, sources: Sequence[Sequence[int]], beams: int, new_tokens: int) -> list[int]:
        """Sources are all of one length here, so nothing is padded."""
        ids = torch.tensor(sources)
        out = self._model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            num_beams=beams,
            do_sample=False,
            min_new_tokens=new_tokens,
            max_new_tokens=new_tokens,
        )
        return [out.shape[1] - 1] * len(sources)

    def details(self) -> dict[str, Any]:
        """Nothing more."""
        return {}
