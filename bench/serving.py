"""Speed of the running service: requests a second, a lone request's time, the process line's share, memory, start-up.

    python -m bench.serving [--article FILE] [--rounds 5] [--seconds 8] [throughput|lone|line|memory ...]

Starts the service itself on free ports, on the embedded default, with coalescing off, and prints medians with the
lowest and highest round. Needs `wrk` for `throughput`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.process.service import Service, serving

ROOT = Path(__file__).resolve().parents[1]
ARTICLES = 600
CONNECTIONS = 16
LONE_REQUESTS = 400
DIRECTIONS = ["north", "south", "east", "west", "upper", "lower"]


def variations(article: str, count: int) -> list[str]:
    """Distinct articles of the same shape: sentences keep their words, names and numbers change."""
    draw = random.Random(1)
    found = []
    for index in range(count):
        text = re.sub(r"\d+", lambda match: str(draw.randrange(2, 900)), article)
        words = text.split(" ")
        for place in draw.sample(range(len(words)), k=max(1, len(words) // 50)):
            words[place] += f" {draw.choice(DIRECTIONS)}-{index}"
        found.append(" ".join(words))
    return found


def spread(values: list[float], unit: str, digits: int = 1) -> str:
    """Median with the lowest and highest round."""
    return f"{statistics.median(values):.{digits}f} {unit} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def throughput(article: str, rounds: int, seconds: int) -> None:
    """Requests a second at 16 connections, every request another article."""
    bodies = [json.dumps({"text": text}) for text in variations(article, ARTICLES)]
    with tempfile.TemporaryDirectory() as folder, serving(engines="extractive apertium", coalesce=0) as service:
        script = Path(folder) / "load.lua"
        script.write_text(
            "local bodies = {\n" + ",\n".join(map(_lua, bodies)) + "\n}\nlocal n = 0\n"
            "request = function() n = n % #bodies + 1; return wrk.format('POST', '/v1/summarize', "
            "{['Content-Type'] = 'application/json'}, bodies[n]) end\n"
        )
        rates, tails = [], []
        for number in range(rounds + 1):
            span = f"-d{seconds if number else 3}s"
            command = ["wrk", "-t1", f"-c{CONNECTIONS}", span, "--latency", "-s", str(script)]
            out = subprocess.run(
                [*command, f"http://127.0.0.1:{service.port}"], capture_output=True, text=True, check=True
            ).stdout
            if "Non-2xx" in out:
                raise SystemExit(f"not every reply was a 200:\n{out}")
            if number:  # the first one warms
                rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]))
                tails.append(_milliseconds(re.search(r"^\s+99%\s+(\S+)", out, re.M)[1]))
        print(f"throughput   {spread(rates, 'requests/s')}, p99 {spread(tails, 'ms')}, "
              f"{CONNECTIONS} connections, {ARTICLES} articles")  # fmt: skip


def lone(article: str, rounds: int) -> None:
    """Time of one request after the other on one connection."""
    with serving(engines="extractive apertium", coalesce=0) as service:
        bodies = [{"text": text} for text in variations(article, LONE_REQUESTS)]
        _report("lone         ", [_times(service, bodies) for _ in range(rounds + 1)][1:])
        print(f"ready        {service.ready_after_s:.2f} s after start")


def line(rounds: int) -> None:
    """What HTTP, pipeline and gRPC add to an engine that answers at once."""
    with serving(coalesce=0) as service:
        texts = [f"Number {index} is up." for index in range(LONE_REQUESTS)]
        bodies = [{"text": text, "language": "en", "clean": False} for text in texts]
        _report("process line ", [_times(service, bodies) for _ in range(rounds + 1)][1:])


def memory(article: str) -> None:
    """PSS of every process after some work."""
    with serving(engines="extractive apertium", coalesce=0) as service:
        _times(service, [{"text": text, "translate_to": ["es"]} for text in variations(article, 200)])
        for name, part in (("API worker", "gunicorn"), ("model", "service.main_model")):
            sizes = [_pss_mb(pid) for pid in service.children(part)]
            print(f"memory       {name}: {', '.join(f'{size:.0f}' for size in sizes)} MB PSS")
        print(f"memory       supervisor: {_pss_mb(service.process.pid):.0f} MB PSS")


def _times(service: Service, bodies: list[dict[str, object]]) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    times = []
    for body in bodies:
        payload = json.dumps(body).encode()
        started = time.perf_counter()
        connection.request("POST", "/v1/summarize", payload, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        data = reply.read()
        times.append((time.perf_counter() - started) * 1000)
        if reply.status != 200:
            raise SystemExit(f"{reply.status}: {data[:300]!r}")
    connection.close()
    return times


def _report(name: str, rounds: list[list[float]]) -> None:
    p50 = [statistics.median(times) for times in rounds]
    p99 = [statistics.quantiles(times, n=100)[98] for times in rounds]
    print(f"{name}p50 {spread(p50, 'ms', 2)}, p99 {spread(p99, 'ms', 2)}, 1 connection")


def _pss_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) / 1024


def _milliseconds(text: str) -> float:
    number, unit = re.match(r"([\d.]+)(\w+)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def _lua(body: str) -> str:
    """A Lua long string that holds the body as it is."""
    return f"[==[{body}]==]"


def main() -> None:
    """Run what is asked for, or everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", choices=["throughput", "lone", "line", "memory", []])
    parser.add_argument("--article", type=Path, default=ROOT / "tests/data/article.txt")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    options = parser.parse_args()
    article = options.article.read_text(encoding="utf-8")
    wanted = options.what or ["throughput", "lone", "line", "memory"]
    if "throughput" in wanted:
        throughput(article, options.rounds, options.seconds)
    if "lone" in wanted:
        lone(article, options.rounds)
    if "line" in wanted:
        line(options.rounds)
    if "memory" in wanted:
        memory(article)


if __name__ == "__main__":
    main()
