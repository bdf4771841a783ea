"""A service with keys on while clients mean harm in many ways at once: what its honest callers see meanwhile.

    python -m bench.abuse [--seconds 30] [--pause 0.05] [--only bad_keys deaf ...]

Starts the service on free ports with extractive summaries. The abusers of `bench/abusers.py` all run at the same time
in two processes of low priority, each pausing so long between two turns; `--only` without a name runs none. Two honest
callers with a good key ask for languages and short summaries, every time on a new connection. Prints their times, what
each abuser was answered, and memory, threads and descriptors before, at most and after. Ends with status 1 when
something was answered that must not be.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.abusers import ABUSERS, REFUSED
from service.api import keys
from tests.process.service import Reply, Service, serving

PACE_S = 0.05
IDLE_S = 30.0
TEXT = "The bridge over the river opened on Monday. It had been closed since March. Repairs cost two million."
HONEST: tuple[tuple[str, dict[str, object]], ...] = (
    ("/v1/detect", {"text": TEXT}),
    ("/v1/summarize", {"text": TEXT, "length": "short"}),
)


@dataclass
class Figures:
    """What was seen."""

    replies: dict[str, list[Reply]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    answers: dict[str, dict[str, int]] = field(default_factory=dict)
    before: tuple[int, int, int] = (0, 0, 0)
    highest: tuple[int, int, int] = (0, 0, 0)
    after: tuple[int, int, int] = (0, 0, 0)
    idle_after_s: float = 0.0

    def percentile(self, path: str, share: float) -> float:
        """Milliseconds that this share of honest requests took at most."""
        times = sorted(reply.took_s * 1000 for reply in self.replies[path])
        return times[min(len(times) - 1, int(len(times) * share))]

    def statuses(self) -> Counter[str]:
        """How honest requests ended."""
        return Counter(str(reply.status) for told in self.replies.values() for reply in told) + self.failures

    def wrongs(self) -> dict[str, dict[str, int]]:
        """What abusers were answered and must not be: success, and a failure of ours."""
        found = {}
        for name, told in self.answers.items():
            bad = {
                status: count
                for status, count in told.items()
                if status.startswith("5") and status not in ("501", "505")
            }
            bad |= {status: count for status, count in told.items() if name in REFUSED and status.startswith("2")}
            if bad:
                found[name] = bad
        return found


@contextmanager
def guarded() -> Iterator[tuple[Service, str, str]]:
    """A service with two keys: one of an honest caller, one of an abuser, with limits."""
    honest, abuser = keys.new_key(), keys.new_key()
    with tempfile.TemporaryDirectory(prefix="precis-abuse-") as folder:
        file = Path(folder) / "keys.toml"
        limits = "requests_per_second = 20\nconcurrency = 4\n"
        file.write_text(
            f'[honest]\nhash = "{keys.hash_line(honest)}"\n[abuser]\nhash = "{keys.hash_line(abuser)}"\n{limits}'
        )
        with serving(keys_file=file, engines="extractive", log_level="error") as service:
            yield service, honest, abuser


def sizes(service: Service) -> tuple[int, int, int]:
    """PSS in MB, threads and descriptors of all processes of the service."""
    pss = threads = descriptors = 0
    for pid in {service.process.pid, *service.children("service"), *service.children("gunicorn")}:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            pss += int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1])
            threads += len(list(Path(f"/proc/{pid}/task").iterdir()))
            descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
        except (OSError, StopIteration):
            continue
    return pss // 1000, threads, descriptors


def ask(service: Service, key: str, figures: Figures, number: int, stop: threading.Event) -> None:
    """One honest caller, at its own pace."""
    path, body = HONEST[number % len(HONEST)]
    told = figures.replies.setdefault(path, [])
    count = 0
    while not stop.is_set():
        count += 1
        try:
            varied = body | {"text": f"{body['text']} This was number {count}."}
            told.append(service.post(path, varied, X_API_Key=key))
        except OSError as error:
            figures.failures[type(error).__name__] += 1
        stop.wait(PACE_S)


def measure(seconds: float, pause_s: float, names: list[str]) -> Figures:
    """Run honest callers and abusers beside each other, then wait until the service is idle again."""
    figures = Figures()
    with guarded() as (service, honest, abuser):
        for path, body in HONEST * 20:
            service.post(path, body, X_API_Key=honest)
        figures.before = sizes(service)
        command = [sys.executable, "-m", "bench.abusers", str(service.port), abuser, str(pause_s)]
        harmful = [
            subprocess.Popen([*command, *half], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for half in (names[0::2], names[1::2])
        ]
        ended = threading.Event()
        honest_callers = [
            threading.Thread(target=ask, args=(service, honest, figures, number, ended)) for number in range(2)
        ]
        ended.wait(3)  # by then the abusers have begun
        for caller in honest_callers:
            caller.start()
        started_s = time.monotonic()
        while time.monotonic() - started_s < seconds:
            now = sizes(service)
            figures.highest = (
                max(figures.highest[0], now[0]), max(figures.highest[1], now[1]), max(figures.highest[2], now[2])
            )  # fmt: skip
            ended.wait(0.5)
        ended.set()
        for caller in honest_callers:
            caller.join()
        for process in harmful:
            told, _ = process.communicate(timeout=120)
            figures.answers |= json.loads(told)
        figures.idle_after_s = _until_idle(service, figures)
    return figures


def _until_idle(service: Service, figures: Figures) -> float:
    """Seconds until descriptors and threads are what they were, or the time for it is over."""
    started_s = time.monotonic()
    pause = threading.Event()
    while True:
        figures.after = sizes(service)
        passed_s = time.monotonic() - started_s
        if figures.after[2] <= figures.before[2] + 4 or passed_s > IDLE_S:
            return passed_s
        pause.wait(0.5)


def report(figures: Figures) -> None:
    """Print everything."""
    for path, told in figures.replies.items():
        times = [reply.took_s * 1000 for reply in told]
        print(f"honest     {path:<14} {len(told)} requests, p50 {statistics.median(times):.0f} ms, "
              f"p99 {figures.percentile(path, 0.99):.0f} ms, highest {max(times):.0f} ms")  # fmt: skip
    print(f"honest     by status {dict(figures.statuses())}")
    for name, (before, highest, after) in zip(
        ("MB PSS", "threads", "descriptors"),
        zip(figures.before, figures.highest, figures.after, strict=True),
        strict=True,
    ):
        print(f"service    {name:<14} {before} before, {highest} at most, {after} after")
    print(f"service    idle again {figures.idle_after_s:.1f} s after the last abuser")
    for name, answers in sorted(figures.answers.items()):
        print(f"abuser     {name:<18} {dict(sorted(answers.items()))}")
    for name, answers in figures.wrongs().items():
        print(f"WRONG      {name:<18} {answers}")


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--pause", type=float, default=0.05)
    parser.add_argument("--only", nargs="*", default=list(ABUSERS), choices=list(ABUSERS))
    options = parser.parse_args()
    figures = measure(options.seconds, options.pause, options.only)
    report(figures)
    return 1 if figures.wrongs() else 0


if __name__ == "__main__":
    sys.exit(main())
