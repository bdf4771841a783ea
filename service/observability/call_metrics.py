"""What an API process counts of its calls of model processes."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from service.errors import PrecisError
from service.observability import tracing
from service.observability.series import SECONDS, once

SERVICE = "precis.v1.Model"


class ModelCall:
    """One call, as a context: counted, timed and traced, with the code of the failure that leaves it.

    Args:
        method: of the protocol.
    """

    def __init__(self, method: str) -> None:
        self._method = method
        self._span = tracing.span(
            f"{SERVICE}/{method}",
            {"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": method},
            kind=tracing.CLIENT,
        )

    def __enter__(self) -> ModelCall:
        self._started_s = time.monotonic()
        self._span.__enter__()
        return self

    def leave(self) -> None:
        """Be the current span no longer: a generator's caller does other work before it ends."""
        self._span.leave()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        code = "ok"
        if isinstance(error, PrecisError):
            code = error.code
        elif error is not None:
            code = "cancelled" if isinstance(error, GeneratorExit) else "engine_failed"
        series = _series()
        series["calls"].labels(self._method, code).inc()
        series["seconds"].labels(self._method).observe(time.monotonic() - self._started_s)
        self._span.set({"precis.code": code})
        self._span.__exit__(kind, error, place)


@once
def _series() -> dict[str, Any]:
    from prometheus_client import Counter, Histogram

    return {
        "calls": Counter("precis_model_calls", "calls of model processes", ["method", "code"]),
        "seconds": Histogram(
            "precis_model_call_seconds", "time of a call of a model process", ["method"], buckets=SECONDS
        ),
    }
