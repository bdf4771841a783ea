"""Examples of replies, from the real service: `python -m scripts.examples [--write]`.

`--write` keeps them in `service/data/examples.json`, which the OpenAPI document shows; a test holds that they are
current.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from service.api import keys
from service.api.app import RESOURCES
from service.api.examples import FILE
from service.api.guards import EVENTS
from service.api.openapi import JSON
from service.api.resource import Operation
from tests.process.service import serving, wait_until

# Long, and told of in docs/OBSERVABILITY.md.
LEFT_OUT = frozenset({"metrics"})
_TIMEOUT_S = 60.0
# More a minute than a recording asks for, its polling included.
_LIMITS = "requests_per_minute = 6000\nconcurrency = 8\ncharacters_per_month = 40_000_000\n"
_MANY = 600  # items that a job is still busy with when it is told to end

Example = tuple[str, str, str, Any]
Recorded = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Recorder:
    """Asks one service; each answer is an example: operation, status and type, name, value."""

    http: httpx.Client

    def ask(self, operation: str, name: str, method: str, path: str, body: object = None) -> Example:
        reply = self.http.request(method, path, json=body).raise_for_status()
        return operation, f"{reply.status_code} {JSON}", name, reply.json()

    def stream(self, operation: str, name: str, path: str, body: object) -> Example:
        reply = self.http.post(path, json=body, headers={"Accept": EVENTS}).raise_for_status()
        return operation, f"200 {EVENTS}", name, reply.text

    def succeeded(self, path: str) -> bool:
        return bool(self.http.get(path).raise_for_status().json()["state"] == "succeeded")


def _requests(recorder: _Recorder, operation: Operation) -> Iterator[Example]:
    for name, body in operation.examples.items():
        yield recorder.ask(operation.name, name, operation.method, operation.path, dict(body))
        if operation.events:
            yield recorder.stream(operation.name, name, operation.path, dict(body))


def _jobs(recorder: _Recorder, submit: Operation) -> Iterator[Example]:
    """The life of jobs, by the examples of what submits them."""
    paths = []
    for name, body in submit.examples.items():
        example = recorder.ask(submit.name, name, "POST", "/v1/jobs", dict(body))
        yield example
        paths.append((name, f"/v1/jobs/{example[-1]['id']}"))
    for name, path in paths:
        wait_until(partial(recorder.succeeded, path), f"{name} is done")
        yield recorder.ask("job", name, "GET", path)
        yield recorder.ask("job_results", name, "GET", f"{path}/results")
    yield recorder.ask("list_jobs", "newest", "GET", "/v1/jobs")
    yield recorder.ask("cancel_job", "ended", "DELETE", paths[0][1])
    item = {"task": "detect", "request": {"text": "The town library reopened on Monday."}}
    busy = recorder.http.post("/v1/jobs", json={"items": [item] * _MANY}).raise_for_status().json()
    yield recorder.ask("cancel_job", "under way", "DELETE", f"/v1/jobs/{busy['id']}")


@contextmanager
def _service() -> Iterator[httpx.Client]:
    """The embedded default with jobs, and one caller who has limits."""
    key = keys.new_key()
    with tempfile.TemporaryDirectory(prefix="precis-examples-") as folder:
        file = Path(folder) / "keys.toml"
        file.write_text(f'[newsroom]\nhash = "{keys.hash_line(key)}"\n{_LIMITS}')
        with serving(engines="extractive apertium", jobs_database="", keys_file=file) as service:
            url, headers = f"http://127.0.0.1:{service.port}", {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S) as http:
                yield http


def record() -> Recorded:
    """Every documented operation's replies: by operation, by status and type, by the name of the request.

    Raises:
        httpx.HTTPError: the service does not answer, or refuses an example.
    """
    made: Recorded = {}
    operations = [one for resource in RESOURCES for one in resource.operations if one.name not in LEFT_OUT]
    with _service() as http:
        recorder = _Recorder(http)
        for operation in operations:
            if operation.name == "jobs":
                found = _jobs(recorder, operation)
            elif operation.request:
                found = _requests(recorder, operation)
            elif operation.path.startswith("/v1/jobs"):
                continue  # part of the life of a job
            else:
                found = iter([recorder.ask(operation.name, "now", operation.method, operation.path)])
            for name, kind, example, value in found:
                made.setdefault(name, {}).setdefault(kind, {})[example] = value
    return made


def main() -> None:
    """Print what was recorded, or keep it."""
    text = json.dumps(record(), ensure_ascii=False, indent=1) + "\n"
    if "--write" in sys.argv:
        FILE.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
