"""Short and long texts at a time, through HTTP: the service, itself with static batches, and Flask with `generate`.

    python -m bench.mixed [--shape small] [--rounds 3] [--seconds 10] [--sides precis,static,flask]

16 clients each send one request after the other: half of them sentences of 20 tokens, half of 400 tokens, with as many
tokens out. The sides run at the same time and take turns, round by round; in each round the service is also given 16
clients with short sentences only. Tokens are credited to a round by the share of their request that lies in it.
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
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import chain
from bench.load import Body, Clients, percentile
from service import cpus
from service.config import load
from tests.process.service import ROOT, end, free_ports, serving, wait_until

CLIENTS = 16
SIZES = {"short": 20, "long": 400}
TARGETS = {"short": "fr", "long": "de"}
SIDES = ("precis", "static", "flask")
_WARM_S = 2.0
_START_S = 120.0
# What one round of a side gave: a name of a figure -> its value.
Figures = dict[str, float]


def maker(kind: str, seed: int) -> Callable[[], tuple[str, Body]]:
    """Return what makes one client's requests; no two are alike."""
    draw = random.Random(seed)

    def make() -> tuple[str, Body]:
        text = chain.text(draw, SIZES[kind])
        return kind, {"text": text, "source": chain.SOURCE, "target": TARGETS[kind]}

    return make


def read(kind: str, data: bytes) -> int:
    """Return the tokens out; an answer of another length than asked for is no answer."""
    answer = json.loads(data)
    tokens = (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"])
    if tokens != (SIZES[kind], SIZES[kind]) or answer["translations"][0].get("checks"):
        raise ValueError(f"{kind}: {data!r}")
    return tokens[1]


def measure(port: int, kinds: list[str], seconds: float) -> Figures:
    """Put load on a side and return its tokens a second, and the percentiles of each kind in seconds."""
    seeds = random.Random()
    makers = [maker(kind, seeds.randrange(2**32)) for kind in kinds]
    with Clients(port, "/v1/translate", makers, read) as clients:
        clients.wait(_WARM_S)
        span = clients.wait(seconds)
    found = {"tokens/s": clients.rate(span)}
    for kind in dict.fromkeys(kinds):
        times = clients.took_s(kind, (span[0], float("inf")))
        found |= {f"{kind} p50": percentile(times, 50), f"{kind} p95": percentile(times, 95)}
    return found


@contextmanager
def flask(models: Path, threads: int, at_a_time: int) -> Iterator[int]:
    """Run the Flask server and give its port."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", str(at_a_time)]
    env = {**os.environ, "PEER_FOLDER": str(models / chain.MODEL), "OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen(
        [*command, "--timeout", "300", "bench.peers.flask_generate:app"],
        cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        wait_until(lambda: answers(port), "the Flask server answers", _START_S)
        yield port
    finally:
        end(process)


def answers(port: int) -> bool:
    """Whether something serves at a port."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def launch(side: str, models: Path, given: argparse.Namespace, stack: ExitStack) -> int:
    """Start a side and return its port."""
    if side == "flask":
        return stack.enter_context(flask(models, given.threads, given.flask_threads))
    module = "service.cli" if side == "precis" else "bench.peers.static"
    settings = {
        "engines": "seq2seq",
        "models": chain.MODEL,
        "models_dir": models,
        "api_workers": 0,
        "request_timeout_s": 300,
    }
    return stack.enter_context(serving(module=module, engine_threads=given.threads, coalesce=0, **settings)).port


def report(found: dict[str, list[Figures]]) -> None:
    """Print the table and what it comes to."""
    names = list(dict.fromkeys(name for rounds in found.values() for figures in rounds for name in figures))
    print(f"\n| | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for side, rounds in found.items():
        cells = []
        for name in names:
            values = [figures[name] for figures in rounds if name in figures]
            digits = 0 if name == "tokens/s" else 2
            low, middle, high = (f"{f(values):.{digits}f}" for f in (min, statistics.median, max)) if values else "   "
            cells.append(f"{middle} ({low} to {high})" if values else "")
        print(f"| {side} | {' | '.join(cells)} |")
    for other, name in (("static", "tokens/s"), ("flask", "tokens/s"), ("static", "short p95"), ("alone", "short p95")):
        if other in found:
            pairs = zip(found["precis"], found[other], strict=True)
            ratio = statistics.median(one[name] / two[name] for one, two in pairs)
            print(f"{name} against {other}: {ratio:.2f}")


def main() -> None:
    """Start the sides, let them take turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=chain.SHAPES, default="small")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--threads", type=int, default=cpus.decide(load({}), shared=True).engine_threads)
    parser.add_argument("--flask-threads", type=int, default=CLIENTS, help="requests the Flask server does at a time")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "precis-bench")
    given = parser.parse_args()
    shape = chain.SHAPES[given.shape]
    lengths = {TARGETS[kind]: size for kind, size in SIZES.items()}
    models = chain.build(given.cache / f"mixed-{given.shape}", shape, lengths)
    sides = [side for side in SIDES if side in given.sides.split(",")]
    kinds = ["short", "long"] * (CLIENTS // 2)
    found: dict[str, list[Figures]] = defaultdict(list)
    with ExitStack() as stack:
        ports = {side: launch(side, models, given, stack) for side in sides}
        for number in range(given.rounds):
            for side in sides[number % len(sides) :] + sides[: number % len(sides)]:
                found[side].append(measure(ports[side], kinds, given.seconds))
                print(number, side, found[side][-1], file=sys.stderr, flush=True)
                if side == "precis":
                    only = measure(ports[side], ["short"] * CLIENTS, given.seconds / 2)
                    found["alone"].append(only)
                    print(number, "alone", only, file=sys.stderr, flush=True)
    report(found)


if __name__ == "__main__":
    main()
