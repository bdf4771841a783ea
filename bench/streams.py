"""What open event streams cost: memory of the API processes, and the time of ordinary requests beside them.

    python -m bench.streams [--streams 200] [--workers 2] [--rounds 3] [--seconds 5]

Starts the service itself on free ports, with the fake engine told to take its time, and opens all streams at once.
Times are those of one client that sends one request after the other; PSS is summed over the API processes. Rounds
without and with open streams take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import re
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.event_reader import Followed, follow, request_of
from tests.process.service import Service, serving, wait_until

_STEP_MS = 250
_WAIT_S = 120.0
_REQUESTS = (("GET", "/livez", None), ("POST", "/v1/detect", {"text": "The bridge over the river is open again."}))


@dataclass
class Round:
    """What was measured in one state: milliseconds by path, MB and threads of all API processes, CPUs they used."""

    times_ms: dict[str, list[float]] = field(default_factory=dict)
    pss_mb: float = 0.0
    threads: int = 0
    cpus: float = 0.0


@contextmanager
def open_streams(service: Service, count: int, seconds: float) -> Iterator[list[Followed]]:
    """Streams that wait about this long; all have ended in the end. Yields once all have begun."""
    followed = [Followed(time.monotonic()) for _ in range(count)]
    steps = int(seconds * 1000 / _STEP_MS)
    bodies = [
        {"text": f"Sentence {n} fake:steps={steps} fake:step_ms={_STEP_MS} goes on. One more.", "language": "en"}
        for n in range(count)
    ]

    async def all_of_them() -> None:
        requests = [request_of("/v1/summarize", body, {"X-Deadline-Ms": "300000"}) for body in bodies]
        await asyncio.gather(
            *(follow(service.port, request, one) for request, one in zip(requests, followed, strict=True))
        )

    reader = threading.Thread(target=asyncio.run, args=(all_of_them(),))
    reader.start()
    try:
        wait_until(lambda: all(one.first_s or one.ended_s for one in followed), "all streams have begun", _WAIT_S)
        yield followed
    finally:
        reader.join()


def measure(service: Service, seconds: float) -> Round:
    """Send ordinary requests for a time."""
    found = Round()
    workers = service.children("gunicorn")
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    began_s, used_s = time.monotonic(), sum(map(_cpu_s, workers))
    while time.monotonic() < began_s + seconds:
        for method, path, body in _REQUESTS:
            payload = json.dumps(body).encode() if body else None
            sent_s = time.perf_counter()
            connection.request(method, path, payload, {"Content-Type": "application/json"} if body else {})
            reply = connection.getresponse()
            reply.read()
            if reply.status != 200:
                raise SystemExit(f"{path} answered {reply.status}")
            found.times_ms.setdefault(path, []).append((time.perf_counter() - sent_s) * 1000)
        time.sleep(0.005)
    connection.close()
    found.cpus = (sum(map(_cpu_s, workers)) - used_s) / (time.monotonic() - began_s)
    found.pss_mb = sum(map(_pss_mb, workers))
    found.threads = sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in workers)
    return found


def report(name: str, rounds: list[Round]) -> None:
    """One line for each thing that was measured."""
    for _, path, _ in _REQUESTS:
        p50 = [statistics.median(one.times_ms[path]) for one in rounds]
        p99 = [statistics.quantiles(one.times_ms[path], n=100)[98] for one in rounds]
        print(f"{name:<16} {path:<11} p50 {_spread(p50)} ms, p99 {_spread(p99)} ms")
    print(
        f"{name:<16} API         PSS {_spread([one.pss_mb for one in rounds], 0)} MB, "
        f"{rounds[-1].threads} threads, {_spread([one.cpus for one in rounds], 2)} CPUs"
    )


def _spread(values: list[float], digits: int = 1) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _pss_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
    found = re.search(r"^Pss:\s+(\d+)", text, re.M)
    return int(found[1]) / 1024 if found else 0.0


def _cpu_s(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure without and with open streams in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    without, beside, begin_ms = [], [], []
    options = {"fake_script": f"rows={given.streams}", "api_workers": given.workers, "coalesce": 0}
    with serving(**options, max_streams=given.streams) as service:
        measure(service, 1)
        for _ in range(given.rounds):
            without.append(measure(service, given.seconds))
            with open_streams(service, given.streams, given.seconds + 6) as followed:
                beside.append(measure(service, given.seconds))
                still = sum(not one.ended_s for one in followed)
            begin_ms.append(statistics.median((one.first_s - one.began_s) * 1000 for one in followed))
            if still < given.streams:
                raise SystemExit(f"only {still} streams were open to the end of the round")
            wrong = [one.events[-1:] for one in followed if not one.events or one.events[-1][0] != "result"]
            if wrong:
                raise SystemExit(f"{len(wrong)} streams did not come to a result, such as: {wrong[0]}")
    report("no streams", without)
    report(f"{given.streams} streams", beside)
    grown = [after.pss_mb - before.pss_mb for before, after in zip(without, beside, strict=True)]
    print(f"a stream costs   {_spread([mb * 1024 / given.streams for mb in grown], 0)} kB of PSS")
    print(f"first event      {_spread(begin_ms, 0)} ms after all were sent at once, median of the streams")


if __name__ == "__main__":
    main()
