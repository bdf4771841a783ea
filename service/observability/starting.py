"""Turns tracing on in a process where the settings ask for it."""

from __future__ import annotations

from importlib.util import find_spec

from service.config import Settings, SettingsError
from service.observability import tracing


def check_tracing(settings: Settings) -> None:
    """Refuse to start where tracing is asked for and cannot be.

    Raises:
        SettingsError: the packages are missing, or a file cannot be read.
    """
    if not settings.otlp_endpoint:
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        raise SettingsError(
            "PRECIS_OTLP_ENDPOINT: the packages of OpenTelemetry are not installed; "
            "`pip install -r requirements-embedded.txt` brings them"
        )
    if settings.otlp_headers_file is not None and not settings.otlp_headers_file.is_file():
        raise SettingsError(f"PRECIS_OTLP_HEADERS_FILE: there is no file {settings.otlp_headers_file}")


def start_tracing(settings: Settings, role: str) -> None:
    """Trace from here on, where the settings ask for it; in a process of its own, that is after a fork.

    Raises:
        SettingsError: as `check_tracing`.
    """
    check_tracing(settings)
    if settings.otlp_endpoint:
        from service.observability.exporting import make_tracer

        tracing.use(
            make_tracer(
                settings.otlp_endpoint,
                role,
                ratio=settings.trace_sample_ratio,
                headers_file=settings.otlp_headers_file,
            )
        )


def stop_tracing() -> None:
    """Send what is left, for at most two seconds."""
    tracing.use(None)
