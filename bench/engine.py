"""Tokens a second of our encoder-decoder engine and of its peers, on the same weights and threads.

    python -m bench.engine --shape m2m100-418m [--rows 1,8,32] [--beams 1,4] [--peers transformers,ctranslate2,openvino]
    python -m bench.engine --shape m2m100-418m --device cuda [--precision bf16,fp16] [--peers transformers]

Each side is a process of its own; they take turns, round by round, on the same token ids, and every answer is checked
to hold the number of tokens asked for. A call is whole: encoder, cross-attention keys, decoding; tokenisation is off.
Weights are random in the shape of a public model (`--shape`) or those of a folder (`--checkpoint`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench.engines.shapes import SHAPES, build, decoder_weights
from bench.engines.sides import PEERS, Worker, launch, read_bandwidth

# After a call, the threads of some libraries go on spinning for a fifth of a second.
_REST_S = 0.3


@dataclass(frozen=True)
class Cell:
    """One column of the table: rows decoded together, each with so many beams."""

    rows: int
    beams: int


@dataclass
class Results:
    """What was measured, by side and cell."""

    rates: dict[tuple[str, Cell], list[float]]
    steps: dict[tuple[str, Cell], list[float]]


def sources(vocab: int, rows: int, length: int, eos: int) -> list[list[int]]:
    """Random sources of one length, each ending in the end token; the same for every side."""
    draw = random.Random(rows)
    return [[draw.randrange(8, vocab - 200) for _ in range(length - 1)] + [eos] for _ in range(rows)]


def call(worker: Worker, ids: list[list[int]], beams: int, new_tokens: int) -> dict[str, float]:
    """One measured call; ends the run when a side wrote another number of tokens than asked for."""
    answer = worker.ask({"sources": ids, "beams": beams, "new_tokens": new_tokens})
    if answer["counts"] != [new_tokens] * len(ids):
        raise SystemExit(f"{worker.name} wrote {answer['counts']} tokens, not {new_tokens} for each of {len(ids)} rows")
    return answer


def measure(workers: list[Worker], cells: list[Cell], config: dict[str, int], given: argparse.Namespace) -> Results:
    """Let the sides take turns in every cell; the order moves on by one each round, and the first round only warms."""
    found = Results(defaultdict(list), defaultdict(list))
    for cell in cells:
        ids = sources(config["vocab_size"], cell.rows, given.source_tokens, config["eos_token_id"])
        for turn in range(given.rounds + 1):
            shift = turn % len(workers)
            for worker in workers[shift:] + workers[:shift]:
                time.sleep(_REST_S)
                answer = call(worker, ids, cell.beams, given.new_tokens)
                if turn:
                    found.rates[worker.name, cell].append(cell.rows * given.new_tokens / answer["seconds"])
                    if "step_ms" in answer:
                        found.steps[worker.name, cell].append(answer["step_ms"])
        done = (f"{worker.name} {spread(found.rates[worker.name, cell])}" for worker in workers)
        print(f"{cell.rows} x {cell.beams}: {', '.join(done)}", file=sys.stderr, flush=True)
    return found


def spread(values: list[float], digits: int = 1) -> str:
    """Median with the lowest and highest round."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def report(workers: list[Worker], cells: list[Cell], found: Results, limit_ms: float) -> None:
    """Print the tables."""
    ours = [worker for worker in workers if worker.side == "precis"]
    head = " | ".join(f"{cell.rows} x {cell.beams}" for cell in cells)
    lines = f"|---|{'---|' * len(cells)}"
    print(f"\nTokens a second, rows x beams: median (lowest to highest)\n| | {head} |\n{lines}")
    for worker in workers:
        print(f"| {worker.name} | " + " | ".join(spread(found.rates[worker.name, cell]) for cell in cells) + " |")
    for us in ours:
        print(f"\n{us.name} against the others, median of the rounds' ratios\n| | {head} |\n{lines}")
        for peer in workers:
            if peer is not us:
                pairs = (zip(found.rates[us.name, cell], found.rates[peer.name, cell], strict=True) for cell in cells)
                ratios = (f"{statistics.median(one / other for one, other in pair):.2f}" for pair in pairs)
                print(f"| {peer.name} | " + " | ".join(ratios) + " |")
    if limit_ms:
        report_limit(workers, cells, found, limit_ms)
    for worker in ours:
        steps = [statistics.median(found.steps[worker.name, cell]) for cell in cells]
        print(f"\n{worker.name}, ms a step: " + " | ".join(f"{ms:.2f}" for ms in steps))
    print("\n| | load, s | RSS when loaded, MB | peak RSS, MB |\n|---|---|---|---|")
    for worker in workers:
        print(f"| {worker.name} | {worker.load_s:.1f} | {worker.rss_mb:.0f} | {worker.peak_mb:.0f} |")


def report_limit(workers: list[Worker], cells: list[Cell], found: Results, limit_ms: float) -> None:
    """Print what the rates are of the rate at which the processor reads the weights."""
    ours = [worker for worker in workers if worker.side == "precis"]
    head = " | ".join(f"{cell.rows} x {cell.beams}" for cell in cells)
    lines = f"|---|{'---|' * len(cells)}"
    print(
        f"\nShare of the limit, one read of the int8 decoder weights a step ({limit_ms:.2f} ms)\n| | {head} |\n{lines}"
    )
    for worker in workers:
        whole = (statistics.median(found.rates[worker.name, cell]) / cell.rows for cell in cells)
        print(f"| {worker.name}, whole calls | " + " | ".join(f"{rate * limit_ms / 10:.0f} %" for rate in whole) + " |")
    for worker in ours:
        steps = [statistics.median(found.steps[worker.name, cell]) for cell in cells]
        print(f"| {worker.name}, decode steps | " + " | ".join(f"{limit_ms / ms * 100:.0f} %" for ms in steps) + " |")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--checkpoint", type=Path, help="a Hugging Face folder")
    which.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--rows", default="1,8,32")
    parser.add_argument("--beams", default="1")
    parser.add_argument("--new-tokens", type=int, default=32)
    parser.add_argument("--source-tokens", type=int, default=32)
    parser.add_argument("--peers", default="transformers", help=f"of {', '.join(PEERS)}; or one precision: NAME-bf16")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of ours and of transformers")
    parser.add_argument(
        "--precision", help="of ours: int8 (the default), bf16, fp32; on a GPU bf16 (the default), fp16"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "precis-bench")
    parser.add_argument("--remove", action="store_true", help="remove the weights made for this run, not the peers")
    given = parser.parse_args()
    given.precision = given.precision or ("int8" if given.device == "cpu" else "bf16")
    return given


def main() -> None:
    """Build, measure, print."""
    given = arguments()
    if given.checkpoint:
        folder = given.checkpoint.resolve()
        cache = given.cache / f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    else:
        folder, cache = build(given.shape, given.cache), given.cache / given.shape
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config.setdefault("eos_token_id", 1 if "d_kv" in config else 2)
    cells = [Cell(int(rows), int(beams)) for beams in given.beams.split(",") for rows in given.rows.split(",")]
    workers: list[Worker] = []
    try:
        launch(folder, cache, given, workers)
        bandwidth = read_bandwidth(given.threads)
        limit_ms = decoder_weights(folder) / bandwidth * 1000 if given.device == "cpu" else 0.0
        print(
            f"{given.shape or folder.name}, {given.source_tokens} tokens in, {given.new_tokens} out, on "
            f"{given.device}, {given.threads} threads, {given.rounds} rounds, "
            f"{bandwidth / 1e9:.1f} GB/s read by the processor",
            flush=True,
        )
        report(workers, cells, measure(workers, cells, config, given), limit_ms)
    finally:
        for worker in workers:
            worker.close()
        if given.remove:
            shutil.rmtree(cache, ignore_errors=True)


if __name__ == "__main__":
    main()
