"""Load time and memory of a model process: the first start, which quantizes, later ones, and after many requests.

    python -m bench.memory --shape m2m100-418m [--requests 2000]

Each start is a process of its own with all that a model process imports, a tokenizer of the model's size included.
Weights are random in the shape of a public model, or those of a folder. Between the first start and the second the
system's file cache is left as it is, so the second one shows what a restart on the same machine does.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.engines.shapes import SHAPES, build
from bench.engines.sides import ROOT, environment

_EVERY = 500
_FIELDS = ("Rss", "Pss", "Private_Dirty", "Private_Clean")


def memory_mb() -> dict[str, int]:
    """Return RSS, PSS and the process's own pages now, and the most RSS so far, in MB."""
    text = Path("/proc/self/smaps_rollup").read_text("utf-8") + Path("/proc/self/status").read_text("utf-8")
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", text, re.M))
    values = {name.lower(): int(found[name]) * 1024 // 10**6 for name in (*_FIELDS, "VmHWM")}
    return {"rss": values["rss"], "pss": values["pss"], "own": values["private_dirty"], "peak": values["vmhwm"]}


def child(given: argparse.Namespace) -> None:
    """Load as the model process does, serve if asked, and print a line of JSON for every moment."""
    start = time.perf_counter()
    import torch

    import service.main_model  # noqa: F401 - what the process imports
    from service.engines.catalogue import ModelRow
    from service.engines.seq2seq.engine import Languages
    from service.engines.seq2seq.opening import Origin, open_engine
    from service.engines.seq2seq.setup import create  # noqa: F401 - what the process imports
    from service.records import Task

    torch.set_num_threads(given.threads)
    _tell("imports", seconds=time.perf_counter() - start)
    start = time.perf_counter()
    row = ModelRow("bench", "seq2seq", Task.TRANSLATE, 1, "standard", "none")
    languages = Languages({"en": "en", "fr": "fr"} if given.languages else {}, ("en",), ("fr",), style=None)
    digest = "bench" if given.pulled else ""
    engine = open_engine(
        given.folder, row, languages, precision=given.precision, origin=Origin(digest=digest, cache=given.cache)
    )
    _tell("loaded", seconds=time.perf_counter() - start)
    engine.warm()
    _tell("ready", seconds=time.perf_counter() - start)
    if given.requests:
        serve(engine, given.requests)


def serve(engine: Any, requests: int) -> None:
    """Put requests of mixed lengths through the engine's model, 32 rows at a time, falling idle now and then."""
    from service.engines.seq2seq.memory import watermark
    from service.engines.seq2seq.params import DecodeParams
    from service.engines.seq2seq.runner import Runner

    model = engine._model
    runner = Runner(model)
    defaults, draw = model.spec.generation, random.Random(1)
    start, done = time.perf_counter(), 0
    while done < requests:
        block = min(_EVERY, requests - done)
        waiting = list(range(block))
        while waiting or runner.busy:
            while waiting and runner.free_rows() >= 4:
                longest = draw.choices((32, 128, 400), (70, 25, 5))[0]
                source = [draw.randrange(8, model.spec.vocab - 200) for _ in range(draw.randint(4, longest))]
                beams = 4 if draw.random() < 0.25 else 1
                new = draw.randint(4, 24)
                params = DecodeParams(beams=beams, max_new_tokens=new, eos=(), pad=defaults.pad, start=defaults.start)
                runner.add(done + waiting.pop(), source, params)
            runner.step()
        watermark.settle()  # as the engine does
        done += block
        _tell(f"{done} requests", seconds=time.perf_counter() - start)


def _tell(moment: str, seconds: float) -> None:
    line = json.dumps({"moment": moment, "seconds": seconds, **memory_mb()})
    print(line, flush=True)
    print(line, file=sys.stderr, flush=True)


def measure(given: argparse.Namespace, folder: Path, cache: Path, requests: int) -> list[dict[str, Any]]:
    """Run a process and return what it told."""
    command = [sys.executable, "-m", "bench.memory", "--child", str(folder), "--cache", str(cache)]
    command += ["--precision", given.precision, "--threads", str(given.threads), "--requests", str(requests)]
    command += ["--pulled"] * given.pulled + ["--languages"] * given.languages
    done = subprocess.run(
        command, cwd=ROOT, env=environment(given.threads), stdout=subprocess.PIPE, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--checkpoint", type=Path, help="a Hugging Face folder with a tokenizer")
    which.add_argument("--shape", choices=[name for name, (kind, _) in SHAPES.items() if kind == "m2m_100"])
    which.add_argument("--child", dest="folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--precision", default="int8", choices=("int8", "bf16", "fp32"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "precis-bench")
    parser.add_argument("--pulled", action="store_true", help="as a pulled model, whose digest is known")
    parser.add_argument("--languages", action="store_true", help="the tokenizer has the languages en and fr")
    return parser.parse_args()


def main() -> None:
    """Measure the first start and one from the cache."""
    given = arguments()
    if given.folder:
        child(given)
        return
    scratch = Path(tempfile.mkdtemp(prefix="memory-", dir=given.cache if given.cache.is_dir() else None))
    try:
        folder = given.checkpoint.resolve() if given.checkpoint else _with_tokenizer(given, scratch)
        given.languages |= bool(given.shape)
        rows = [{"start": "first", **told} for told in measure(given, folder, scratch / "quantized", 0)]
        rows += [{"start": "later", **told} for told in measure(given, folder, scratch / "quantized", given.requests)]
    finally:
        shutil.rmtree(scratch)
    print(f"{given.shape or folder.name}, {given.precision}, {given.threads} threads; memory in MB")
    print("| start | moment | s | RSS | PSS | own pages | peak RSS |\n|---|---|---|---|---|---|---|")
    for row in rows:
        shown = (f"{row[name]}" for name in ("rss", "pss", "own", "peak"))
        print(f"| {row['start']} | {row['moment']} | {row['seconds']:.2f} | {' | '.join(shown)} |")


def _with_tokenizer(given: argparse.Namespace, scratch: Path) -> Path:
    """A folder of links to random weights, with a tokenizer; nothing is written beside the weights."""
    from bench.engines import vocabulary

    weights, folder = build(given.shape, given.cache), scratch / "model"
    folder.mkdir()
    for path in weights.iterdir():
        if not path.name.startswith("quantized-"):
            (folder / path.name).symlink_to(path)
    config = json.loads((weights / "config.json").read_text("utf-8"))
    vocabulary.build(folder, config["vocab_size"] - 108)
    return folder


if __name__ == "__main__":
    main()
