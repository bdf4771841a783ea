"""Bodies of /v1/batch: loose for reading, so that items fail alone, and whole for /openapi.json."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from service.api.schema_types import MAX_LIST, Text
from service.api.schemas import DetectBody, SummarizeBody, TranslateBody
from service.api.validation import Body

_LONGEST_ID = 200
ItemId = Annotated[Text, Field(max_length=_LONGEST_ID, description="comes back with the result; need not be unique")]


class BatchBody(Body):
    """A batch as it is read: the items are read one by one."""

    items: list[Any] = Field(min_length=1, max_length=MAX_LIST)


class ItemEnvelope(Body):
    """What stands around the request of an item."""

    LONGEST_ID: ClassVar = _LONGEST_ID

    id: ItemId | None = None
    task: Literal["summarize", "translate", "detect"]
    request: Any


class SummarizeItem(Body):
    """A summary within a batch."""

    id: ItemId | None = None
    task: Literal["summarize"]
    request: SummarizeBody


class TranslateItem(Body):
    """A translation within a batch."""

    id: ItemId | None = None
    task: Literal["translate"]
    request: TranslateBody


class DetectItem(Body):
    """A detection within a batch."""

    id: ItemId | None = None
    task: Literal["detect"]
    request: DetectBody


class BatchShape(Body):
    """Tasks of any kind, each with the body that its own endpoint takes."""

    items: list[Annotated[SummarizeItem | TranslateItem | DetectItem, Field(discriminator="task")]] = Field(
        min_length=1, max_length=MAX_LIST, description="what is wrong with an item is that item's error"
    )
