"""A job as callers see it: the same object in every reply and in the webhook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from service.jobs.job import Job


def told(job: Job) -> Mapping[str, object]:
    """The object; times in RFC 3339, UTC."""
    webhook = None
    if job.webhook_url is not None:
        webhook = {"url": job.webhook_url, "state": job.webhook_state, "attempts": job.webhook_attempts}
    return {
        "id": job.id,
        "state": job.state,
        "progress": {"done": job.done, "failed": job.failed, "total": job.total},
        "created_at": _time(job.created),
        "started_at": _time(job.started),
        "finished_at": _time(job.finished),
        "expires_at": _time(job.expires),
        "results_url": f"/v1/jobs/{job.id}/results",
        "webhook": webhook,
        "error": json.loads(job.error) if job.error is not None else None,
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
