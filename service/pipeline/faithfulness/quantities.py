"""Placeholder until quantities are merged."""

from __future__ import annotations

from service.pipeline.faithfulness.items import Unsupported


class QuantityIndex:
    """Finds nothing."""

    def __init__(self, text: str, language: str) -> None:
        self._text = text

    def unsupported(self, output: str, language: str) -> tuple[Unsupported, ...]:
        """Nothing."""
        return ()
