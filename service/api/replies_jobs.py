"""Shapes of the replies of /v1/jobs. See `replies`."""

from __future__ import annotations

from typing import Literal

from service.api.replies import ItemErrorShape
from service.api.replies_batch import BatchErrorShape, BatchResultShape
from service.api.shapes import Offset, Shape


class JobProgressShape(Shape):
    """Items: done in all, failed of these, and how many there are."""

    done: Offset
    failed: Offset
    total: Offset


class JobWebhookShape(Shape):
    """Whom the end of the job is told to, and how far that has come."""

    url: str
    state: Literal["pending", "delivered", "failed"]
    attempts: Offset


class JobReplyShape(Shape):
    """A job. It has succeeded when all items have been done, also where some of them failed; times in UTC."""

    id: str
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: JobProgressShape
    created_at: str
    started_at: str | None
    finished_at: str | None
    expires_at: str | None
    results_url: str
    webhook: JobWebhookShape | None
    error: ItemErrorShape | None


class JobListShape(Shape):
    """Jobs, newest first; `next` is the `before` of the next page."""

    jobs: list[JobReplyShape]
    next: str | None


class JobResultsShape(Shape):
    """Results in the order of the items, as far as they follow one another; `next` is the `after` of the next page."""

    results: list[BatchResultShape | BatchErrorShape]
    next: Offset | None
    complete: bool
