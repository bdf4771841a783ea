"""Logs and metrics as the rest of the service uses them; neither ever holds text, keys or addresses of callers."""

from __future__ import annotations

from service.observability.http_metrics import UNSUPPORTED_KINDS, HttpMetrics
from service.observability.lane_metrics import ROW_ENDINGS, LaneMetrics
from service.observability.logs import bind_request, configure_logging, logger
from service.observability.process_metrics import count_restart
from service.observability.series import (
    MULTIPROCESS_VARIABLE,
    OTHER,
    forget_process,
    render_metrics,
    share_metrics,
)

__all__ = [
    "MULTIPROCESS_VARIABLE",
    "OTHER",
    "ROW_ENDINGS",
    "UNSUPPORTED_KINDS",
    "HttpMetrics",
    "LaneMetrics",
    "bind_request",
    "configure_logging",
    "count_restart",
    "forget_process",
    "logger",
    "render_metrics",
    "share_metrics",
]
