"""The API against its own description: whatever is sent, the reply is one that /openapi.json tells of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from service.api.app import RESOURCES, create_app
from service.config import Settings
from service.engines.extractive.engine import ExtractiveEngine
from service.engines.fake import FakeEngine
from service.jobs.database import Database
from service.jobs.store import Store
from service.pipeline.pipeline import Pipeline
from service.serving.dispatcher import Dispatcher
from service.serving.inproc import InprocBackend
from service.serving.sharing import Sharing


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.schemas.BaseSchema]:
    """The real pipeline over an extractive engine and one that translates by copying."""
    backend = InprocBackend(
        lambda: Dispatcher(
            {"extractive": ExtractiveEngine(), "fake": FakeEngine()},
            max_rows=1000, max_cost=10**7, sharing=Sharing(coalesce=True),
        )
    )  # fmt: skip
    limits = Settings(runtime_dir=tmp_path_factory.mktemp("run"))
    store = Store(Database(f"sqlite://{tmp_path_factory.mktemp('jobs')}/jobs.db"), max_bytes=10**7)
    app = create_app(limits, Pipeline(backend, limits), draining=lambda: False, live=lambda: True, store=store)
    yield schemathesis.openapi.from_wsgi("/openapi.json", app)
    store.close()
    backend.close()


OPERATIONS = [
    (one.method, one.path, valid)
    for resource in RESOURCES
    for one in resource.operations
    for valid in (True, False)
    if one.path != "/metrics" and (valid or one.request)  # without a body there is nothing to do wrong
]


@pytest.mark.parametrize(("method", "path", "valid"), OPERATIONS)
def test_replies_are_the_described_ones(
    described: schemathesis.schemas.BaseSchema, method: str, path: str, valid: bool
) -> None:
    """No failure of the service, a documented status, the media type and the shape that go with it."""
    mode = GenerationMode.POSITIVE if valid else GenerationMode.NEGATIVE
    # What a description cannot tell: see `_untold`. Items of a batch are wrong alone, so that a wrong one is accepted.
    left_out = [
        not_a_server_error,
        positive_data_acceptance,
        *([negative_data_rejection] if path in ("/v1/batch", "/v1/jobs") else []),
    ]

    @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=described[path][method].as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        reply = case.call_and_validate(excluded_checks=left_out)
        assert reply.status_code < 500 or reply.json()["code"] == "deadline"
        if valid and reply.status_code not in (200, 202):
            # What `text` and `html` are to each other is not described where a request stands within a job.
            within = path == "/v1/jobs" and str(reply.json().get("field", "")).startswith("request")
            assert within or _untold(reply.json()), (case.body, reply.json())

    holds()


def _untold(problem: dict[str, Any]) -> bool:
    """A key used twice, no keys, unknown engines and languages, odd terms and hosts, NUL, no letters, no time left."""
    named = str(problem.get("field", "")).rpartition(".")[2].partition("[")[0]
    told = problem["code"] == "bad_request" and (
        named in ("engine", "translate_engine", "format", "keep", "glossary", "url") or "NUL" in problem["detail"]
    )
    return told or problem["code"] in (
        "unsupported_language",
        "no_text",
        "deadline",
        "idempotency_conflict",
        "not_found",
    )
