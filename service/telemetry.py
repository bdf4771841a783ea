"""Logs, metrics and traces for the rest of the service; none ever holds text, keys or addresses of callers."""

from __future__ import annotations

from service.observability.http_metrics import UNSUPPORTED_KINDS, HttpMetrics
from service.observability.lane_metrics import ROW_ENDINGS, LaneMetrics
from service.observability.logs import bind_request, configure_logging, logger
from service.observability.process_metrics import count_restart, model_ready
from service.observability.rendering import render_metrics
from service.observability.series import (
    MULTIPROCESS_VARIABLE,
    OTHER,
    forget_process,
    share_metrics,
)
from service.observability.starting import check_tracing, start_tracing, stop_tracing

__all__ = [
    "MULTIPROCESS_VARIABLE",
    "OTHER",
    "ROW_ENDINGS",
    "UNSUPPORTED_KINDS",
    "HttpMetrics",
    "LaneMetrics",
    "bind_request",
    "check_tracing",
    "configure_logging",
    "count_restart",
    "forget_process",
    "logger",
    "model_ready",
    "render_metrics",
    "share_metrics",
    "start_tracing",
    "stop_tracing",
]
