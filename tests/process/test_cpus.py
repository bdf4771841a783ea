"""What is decided about CPUs reaches the processes it is meant for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.process.service import Service, serving, wait_until

pytestmark = pytest.mark.process


def environment(pid: int) -> dict[str, str]:
    """The environment a process was started with."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def lines(service: Service) -> list[str]:
    """The events of the service's log."""
    return [json.loads(line)["event"] for line in service.log.read_text().splitlines()]


def test_children_get_what_was_decided_for_the_cpus_granted() -> None:
    """Model process and API processes are told the same, and one line of the log says it."""
    with serving(cpus=1.5, api_workers=0) as service:
        model = environment(service.model_pid())
        assert (model["OMP_NUM_THREADS"], model["PRECIS_ENGINE_THREADS"]) == ("1", "1")
        assert model["GOMP_SPINCOUNT"] == "300000"
        api = service.children("gunicorn")
        assert len(api) == 2  # gunicorn's own process and one worker
        assert environment(api[0])["PRECIS_API_WORKERS"] == "1"
        assert any(
            line.endswith("CPUs granted (PRECIS_CPUS): 1 engine threads, 1 API workers") for line in lines(service)
        )


def test_no_thread_that_loaded_engines_is_left() -> None:
    """What a load leaves behind would count against the engine's threads: only those that serve are there."""
    with serving(engine_threads=2) as service:
        names = {path.read_text().strip() for path in Path(f"/proc/{service.model_pid()}/task").glob("*/comm")}
        assert not any("asyncio" in name or "ThreadPool" in name for name in names)
        wait_until(service.model_ready, "the model process answers")
