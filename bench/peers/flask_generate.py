"""The server most people write: Flask and transformers' `generate`, one text at a time, under gunicorn.

    PEER_FOLDER=DIR OMP_NUM_THREADS=2 gunicorn --threads 16 bench.peers.flask_generate:app

Answers `POST /v1/translate` with text, source and target as the service does, and counts tokens the same way.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
import transformers
from flask import Flask, request


def create_app(folder: Path) -> Flask:
    """Load the checkpoint at its own precision and serve it."""
    app = Flask(__name__)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()

    @app.post("/v1/translate")
    def translate() -> dict[str, Any]:
        body = request.get_json()
        source, target = (tokenizer.convert_tokens_to_ids(f"__{body[name]}__") for name in ("source", "target"))
        ids = [source, *tokenizer(body["text"], add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        with torch.inference_mode():
            out = model.generate(input_ids=torch.tensor([ids]), forced_bos_token_id=target, max_new_tokens=511)[0, 1:]
        usage = {"input_tokens": len(ids), "output_tokens": len(out)}
        return {"translations": [{"text": tokenizer.decode(out, skip_special_tokens=True)}], "usage": usage}

    @app.get("/livez")
    def livez() -> str:
        return "alive"

    return app


if "PEER_FOLDER" in os.environ:
    app = create_app(Path(os.environ["PEER_FOLDER"]))
