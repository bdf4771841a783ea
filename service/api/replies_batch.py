"""Shapes of the replies of /v1/batch. See `replies`."""

from __future__ import annotations

from typing import Literal

from service.api.replies import DetectReplyShape, ItemErrorShape, SummarizeReplyShape, TranslateReplyShape
from service.api.shapes import Offset, Shape


class BatchResultShape(Shape):
    """An item that was done: the reply that its own endpoint would give."""

    index: Offset
    id: str | None
    status: Literal["ok"]
    result: SummarizeReplyShape | TranslateReplyShape | DetectReplyShape


class BatchErrorShape(Shape):
    """An item that failed, alone."""

    index: Offset
    id: str | None
    status: Literal["error"]
    error: ItemErrorShape


class BatchReplyShape(Shape):
    """One result an item, in order."""

    results: list[BatchResultShape | BatchErrorShape]
