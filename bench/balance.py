"""Several model processes behind one API: shares, lost requests and times when one dies, hangs or is replaced.

    python -m bench.balance [shares|killed|hung|rolling|probes ...]

Starts real processes on free ports, with an engine that takes a set time for a request, so that what is measured is
what lies around engines.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.process.cluster import GO_ON, KILL, STOP, TERM, Load, Replica, cluster
from tests.process.service import Reply, Service, serving, wait_until

ROWS = {"fake_script": "rows=32"}
PROBES = 1000


def ask(service: Service, index: int, ms: int) -> Reply:
    """A request that takes about so many milliseconds in a model process, other than all others."""
    return service.post("/v1/summarize", {"text": f"Text {index} fake:steps={ms} fake:step_ms=1 goes on. The end."})


def shares() -> None:
    """Requests that each of three replicas had of 600."""
    with cluster(3, model=ROWS) as made, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: ask(made.api, n, 5), range(600)))
        counts = [replica.ended() for replica in made.replicas]
    print(f"shares   {counts} of {sum(counts)} requests, 3 replicas, 8 callers")


def killed() -> None:
    """`kill -9` of one of two under load, and its return."""
    with cluster(model=ROWS) as made:
        victim = made.replicas[0]
        with Load(lambda n: ask(made.api, n, 200), 16).running() as load:
            wait_until(lambda: victim.running() >= 4, "it holds requests")
            victim.send(KILL)
            victim.wait()
            more(load, 200)
            victim.start()
            back_s = wait_until(lambda: victim.ended() > 0, "it is used again")
        report("killed", load)
        print(f"killed   used again {back_s:.2f} s after it was ready")


def hung() -> None:
    """SIGSTOP of one of two under load, and SIGCONT."""
    with cluster(model=ROWS) as made:
        victim = made.replicas[0]
        with Load(lambda n: ask(made.api, n, 100), 16).running() as load:
            wait_until(lambda: victim.running() >= 4, "it holds requests")
            victim.send(STOP)
            stopped_s = time.monotonic()
            wait_until(lambda: longest(load) > 1, "the requests it held are answered", 60)
            held_s = time.monotonic() - stopped_s
            more(load, 200)
            victim.send(GO_ON)
            before = victim.ended()
            back_s = wait_until(lambda: victim.ended() > before + 50, "it is used again")
        report("hung", load)
        print(f"hung     first held request answered after {held_s:.1f} s, used again after {back_s:.2f} s")


def rolling() -> None:
    """SIGTERM and a new process in the place of each of two, one after the other, under load."""
    with cluster(model=ROWS) as made:
        with Load(lambda n: ask(made.api, n, 30), 12).running() as load:
            for replica in made.replicas:
                more(load, 300)
                _replace(replica)
            more(load, 300)
        report("rolling", load)


def _replace(replica: Replica) -> None:
    replica.send(TERM)
    status = replica.wait()
    replica.start()
    wait_until(lambda: replica.ended() > 0, "the new one is used")
    print(f"rolling  one ended with status {status}")


def probes() -> None:
    """`/livez` on both ports while every row of the model and every thread but one are busy."""
    with serving(api_workers=1, api_threads=32, fake_script="rows=31") as service, ThreadPoolExecutor(31) as pool:
        calls = [pool.submit(ask, service, index, 60_000) for index in range(31)]
        wait_until(lambda: _in_flight(service) >= 31, "all busy")
        for name, port in (("management port", service.management_port), ("port of the API", service.port)):
            times = sorted(service.request("GET", "/livez", port=port).took_s * 1000 for _ in range(PROBES))
            print(f"probes   {name}: p50 {statistics.median(times):.1f} ms, p99 {times[PROBES * 99 // 100]:.1f} ms, "
                  f"highest {times[-1]:.1f} ms")  # fmt: skip
        service.process.kill()
        for call in calls:
            with contextlib.suppress(OSError):
                call.result()


def _in_flight(service: Service) -> float:
    lines = service.probe("/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("precis_http_requests_in_flight"))


def more(load: Load, count: int) -> None:
    """Wait for so many more replies."""
    until = len(load.replies) + count
    wait_until(lambda: len(load.replies) >= until, "the load goes on", 60)


def longest(load: Load) -> float:
    """The longest time of a reply so far, in seconds."""
    return max((reply.took_s for reply in list(load.replies)), default=0.0)


def report(name: str, load: Load) -> None:
    """How many requests there were, how they ended, and how long they took."""
    times = sorted(reply.took_s * 1000 for reply in load.replies)
    print(f"{name:<8} {len(times)} requests, by status {load.statuses()}, p50 {statistics.median(times):.0f} ms, "
          f"p99 {times[len(times) * 99 // 100]:.0f} ms, highest {times[-1]:.0f} ms")  # fmt: skip


PARTS: dict[str, Callable[[], None]] = {
    "shares": shares, "killed": killed, "hung": hung, "rolling": rolling, "probes": probes
}  # fmt: skip


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    for part in parser.parse_args().parts or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
