"""Decoding beside other work on the same CPUs, under several policies for threads.

    python -m bench.sharing [--shape m2m100-418m] [--rows 1,8] [--policies shipped,all,...] [--rounds 1]

Each policy is a start of the whole service. Clients keep so many rows decoding; tokens a second are measured alone,
beside cheap requests at a fixed rate (summaries by rule, language detection, `/livez`, in turn), and beside a process
that does nothing but compute. A cheap request's time counts from when it was due.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import chain
from bench.load import Body, Cheap, Clients, percentile, steady
from bench.serving import variations
from tests.process.service import ROOT, serving

TARGET, TOKENS = "fr", 48
_WARM_S = 1.5


@dataclass(frozen=True)
class Policy:
    """How the service is started: as it is, or with something else decided."""

    module: str = "service.cli"
    env: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)


POLICIES = {
    "shipped": Policy(),
    "all threads always": Policy("bench.peers.fixed"),
    "sleeping at barriers": Policy("bench.peers.fixed", {"GOMP_SPINCOUNT": "0"}),
    "short waits": Policy("bench.peers.fixed", {"GOMP_SPINCOUNT": "2000"}),
    "one thread": Policy(settings={"engine_threads": 1}),
}
# A column of the table: cheap requests a second, and processes that only compute.
CONDITIONS = {"alone": (0, 0), "100 requests/s": (100, 0), "250 requests/s": (250, 0), "one busy process": (0, 1)}


def cheap_requests() -> list[Cheap]:
    """Return the background traffic, all of it different."""
    article = (ROOT / "tests/data/article.txt").read_text("utf-8")
    found = []
    for text in variations(article, 200):
        found.append(Cheap("POST", "/v1/summarize", {"text": text, "engine": "extractive"}))
        found.append(Cheap("POST", "/v1/detect", {"text": text[:300]}))
        found.append(Cheap("GET", "/livez"))
    return found


def maker() -> Callable[[], tuple[str, Body]]:
    """Return what makes translation requests."""
    draw = random.Random()

    def make() -> tuple[str, Body]:
        text = chain.text(draw, TOKENS)
        return "row", {"text": text, "source": chain.SOURCE, "target": TARGET, "engine": chain.MODEL}

    return make


def read(_kind: str, data: bytes) -> int:
    """Return the tokens out, which are known."""
    answer = json.loads(data)
    if answer["usage"]["output_tokens"] != TOKENS or answer["translations"][0].get("checks"):
        raise ValueError(repr(data))
    return TOKENS


def measure(port: int, rows: int, condition: str, cheap: list[Cheap], given: argparse.Namespace) -> tuple[float, str]:
    """Return tokens a second, and the median and p99 of the cheap requests as text."""
    rate, busy = CONDITIONS[condition]
    times: list[float] = []
    make = maker()
    with Clients(port, "/v1/translate", [make] * rows, read) as clients:
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
        try:
            if rate:
                steady(port, cheap, rate, _WARM_S)
                began_s = time.monotonic()
                times = steady(port, cheap, rate, given.seconds)
                span = (began_s, time.monotonic())
            else:
                clients.wait(_WARM_S)
                span = clients.wait(given.seconds)
        finally:
            for other in others:
                other.kill()
                other.wait()
    told = f"{percentile(times, 50):.1f}, {percentile(times, 99):.1f}" if times else ""
    return clients.rate(span), told


def main() -> None:
    """Start the service under each policy, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=chain.SHAPES, default="m2m100-418m")
    parser.add_argument("--rows", default="1,8")
    parser.add_argument("--policies", default=",".join(POLICIES))
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "precis-bench")
    given = parser.parse_args()
    models = chain.build(given.cache / f"sharing-{given.shape}", chain.SHAPES[given.shape], {TARGET: TOKENS})
    cheap = cheap_requests()
    rates: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    told: dict[tuple[str, str, str], str] = {}
    cells = [(rows, condition) for rows in given.rows.split(",") for condition in CONDITIONS]
    settings = {"engines": "seq2seq extractive", "models": chain.MODEL, "models_dir": models, "api_workers": 0}
    inherited = dict(os.environ)
    for _ in range(given.rounds):
        for name in given.policies.split(","):
            policy = POLICIES[name]
            os.environ.update(policy.env)
            with serving(module=policy.module, coalesce=0, **settings, **policy.settings) as service:
                for rows, condition in cells:
                    rate, text = measure(service.port, int(rows), condition, cheap, given)
                    rates[name, rows, condition].append(rate)
                    told[name, rows, condition] = text
                    print(name, rows, condition, f"{rate:.1f}", text, file=sys.stderr, flush=True)
            os.environ.clear()
            os.environ.update(inherited)
    print("tokens/s (median and p99 of the cheap requests, ms)")
    print(f"| | {' | '.join(f'{rows} rows, {condition}' for rows, condition in cells)} |\n|---|{'---|' * len(cells)}")
    for name in given.policies.split(","):
        figures = []
        for cell in cells:
            text = told[name, *cell]
            figures.append(f"{statistics.median(rates[name, *cell]):.0f}" + (f" ({text})" if text else ""))
        print(f"| {name} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
