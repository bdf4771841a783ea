"""Logs: one JSON object a line on stderr, without text, keys or addresses of callers."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

_MAX_FRAMES = 40

Event = MutableMapping[str, Any]


def configure_logging(role: str, level: str, stream: TextIO | None = None) -> None:
    """One JSON object a line from here on: `ts`, `level`, `event`, `role`, and `request_id` where one is bound.

    Lines of libraries (the standard `logging`) take the same form.

    Args:
        role: which process this is: `api`, `model`, `serve`.
        level: least level written: `debug`, `info`, `warning` or `error`.
        stream: where lines go instead of stderr, for tests.
    """
    target = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]

    def add_role(_logger: object, _method: str, event: Event) -> Event:
        event["role"] = role
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        add_role,
        _traceback_without_values,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=stream is None,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            keep_exc_info=False,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.INFO))


def logger() -> structlog.typing.FilteringBoundLogger:
    """The logger of this process; `configure_logging` decides what becomes of its lines."""
    made: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return made


def bind_request(request_id: str, ids: Mapping[str, str] | None = None) -> None:
    """Put the id, and those of the trace, on every line this thread or task writes until the next call."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id, **(ids or {}))


def _traceback_without_values(_logger: object, _method: str, event: Event) -> Event:
    # The message of an exception may quote what was being worked on: only types and places are logged.
    given = event.pop("exc_info", None)
    if not given:
        return event
    if isinstance(given, BaseException):
        error: BaseException | None = given
    else:
        error = given[1] if isinstance(given, tuple) else sys.exc_info()[1]
    chain: list[dict[str, object]] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
        places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        chain.append({"type": type(error).__qualname__, "frames": places})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    event["exception"] = chain
    return event
