"""What fields of request bodies are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from service.api.validation import BRANCH

MAX_TAG = 35  # BCP-47 tags in use are no longer, and no longer one is ever repeated in a reply
MAX_LIST = 1000  # above every setting, so that a list of a million items ends early
MAX_TERMS = 1000
MAX_TERM = 200
PLANNED = "is not supported yet"


def _no_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not hold NUL characters")
    return value


def _term(value: str) -> str:
    if not value.strip():
        raise ValueError("must hold more than blanks")
    if value != value.strip():
        raise ValueError("must not begin or end with a blank")
    if not value.isprintable():
        raise ValueError("must not hold control characters or line breaks")
    return value


def _branch(value: Any) -> str:
    return f"{BRANCH}many" if isinstance(value, list) else f"{BRANCH}one"


def _whole(value: Any) -> Any:
    # JSON has one kind of number, and some writers put a point into all of them.
    return int(value) if isinstance(value, float) and value.is_integer() else value


# A default is not validated: this one only marks a bound that was not given, and null stays refused.
LEFT_OUT: Any = None

Text = Annotated[str, AfterValidator(_no_nul)]
Term = Annotated[str, Field(min_length=1, max_length=MAX_TERM), AfterValidator(_term)]
LanguageTag = Annotated[str, Field(min_length=1, max_length=MAX_TAG), AfterValidator(_no_nul)]
WHOLE = BeforeValidator(_whole)
EngineId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9._:/@-]{1,100}$", description="`auto`, or a model id of `/v1/models`"),
]
Texts = Annotated[
    Annotated[Text, Tag(f"{BRANCH}one")]
    | Annotated[list[Text], Field(min_length=1, max_length=MAX_LIST), Tag(f"{BRANCH}many")],
    Discriminator(_branch),
]
Targets = Annotated[
    Annotated[LanguageTag, Tag(f"{BRANCH}one")]
    | Annotated[list[LanguageTag], Field(min_length=1, max_length=MAX_LIST), Tag(f"{BRANCH}many")],
    Discriminator(_branch),
]


def one_of(*names: str) -> Callable[[dict[str, Any]], None]:
    """Tell in a schema that exactly one of these fields is given, which leaves no room for null."""

    def tell(schema: dict[str, Any]) -> None:
        for name in names:
            field = schema["properties"][name]
            if "anyOf" in field:
                (kind,) = (one for one in field.pop("anyOf") if one != {"type": "null"})
                field.update(kind)
        schema["oneOf"] = [{"required": [name]} for name in names]

    return tell
