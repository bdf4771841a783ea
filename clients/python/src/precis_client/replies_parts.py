"""Parts that several replies have in common. See `replies`."""

from __future__ import annotations

from dataclasses import dataclass

from precis_client.decoding import Reply


@dataclass(frozen=True, kw_only=True)
class TokenUsage(Reply):
    """Tokens, or words for engines without a tokenizer."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Timing(Reply):
    """Milliseconds: all, waiting for engines, in engines."""

    total: float = 0.0
    queue: float = 0.0
    model: float = 0.0


@dataclass(frozen=True, kw_only=True)
class UsedModel(Reply):
    """A model that took part."""

    id: str
    revision: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Provenance(Reply):
    """What made the reply, so that it can be made again."""

    service_version: str = ""
    models: tuple[UsedModel, ...] = ()
    config_digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Warned(Reply):
    """Something to know of a reply that is good otherwise."""

    code: str
    detail: str = ""
