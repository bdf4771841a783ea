"""Bodies of /v1/jobs: loose for reading, so that items fail alone, and whole for /openapi.json."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from service.api.schema_types import WHOLE, Text
from service.api.schemas import DetectBody, SummarizeBody, TranslateBody
from service.api.schemas_batch import DetectItem, ItemId, SummarizeItem, TranslateItem
from service.api.validation import Body

# Above every setting, so that a list of a million items ends early.
MOST_ITEMS = 100_000

_Retain = Annotated[
    int,
    Field(ge=1, le=366 * 86_400, description="seconds to keep the job after its end; at most what is set up here"),
    WHOLE,
]


class WebhookBody(Body):
    """Whom to tell that the job has ended."""

    url: Text = Field(min_length=1, max_length=2000, description="https, on a host that the operator allows")


class JobsBody(Body):
    """A job as it is read: one request, or items that are read one by one."""

    id: ItemId | None = None
    task: Literal["summarize", "translate", "detect"] | None = None
    request: Any = None
    items: list[Any] | None = Field(None, min_length=1, max_length=MOST_ITEMS)
    webhook: WebhookBody | None = None
    retain_s: _Retain | None = None


class _Around(Body):
    webhook: WebhookBody | None = None
    retain_s: _Retain | None = None


class SummarizeJob(_Around):
    """One summary."""

    id: ItemId | None = None
    task: Literal["summarize"]
    request: SummarizeBody


class TranslateJob(_Around):
    """One translation."""

    id: ItemId | None = None
    task: Literal["translate"]
    request: TranslateBody


class DetectJob(_Around):
    """One detection."""

    id: ItemId | None = None
    task: Literal["detect"]
    request: DetectBody


class ItemsJob(_Around):
    """Many tasks of any kind."""

    items: list[Annotated[SummarizeItem | TranslateItem | DetectItem, Field(discriminator="task")]] = Field(
        min_length=1, max_length=MOST_ITEMS, description="what is wrong with an item is that item's error"
    )


class JobShape(RootModel[SummarizeJob | TranslateJob | DetectJob | ItemsJob]):
    """One task, or many."""
