"""How large the body of a request may be, by where it goes. The edge asks before it reads, the application again."""

from __future__ import annotations

from service.config import Settings

JOBS_PATH = "/v1/jobs"


def limit(settings: Settings, method: str, path: str) -> int:
    """Bytes that the body of a request may have; only what takes many items in one body may have more."""
    if method == "POST" and path == JOBS_PATH:
        return largest(settings)
    return settings.max_body_bytes


def largest(settings: Settings) -> int:
    """Bytes of the largest body on any path."""
    return max(settings.max_body_bytes, settings.jobs_max_body_bytes)


def limit_of_head(settings: Settings, head: bytes) -> int:
    """The same from the bytes of a request's head; a path that is written in an unusual way has the common limit."""
    method, _, rest = head[: head.find(b"\r\n")].partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    return limit(settings, method.decode("latin-1"), path.decode("latin-1"))
