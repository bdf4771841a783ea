"""Elements that a caller wants left as they are, by the names of their tags."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z][\w.:-]{0,60}")


class IgnoredTags:
    """Marks the elements for the translation of markup, and takes the marks away again.

    Args:
        tags: names; what cannot be one is passed over.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        names = [re.escape(tag) for tag in tags if _NAME.fullmatch(tag)]
        # Unlike anything the text can hold, so that taking it away changes nothing else.
        self._mark = f' translate="no" data-m="{secrets.token_hex(8)}"'
        self._start = re.compile(rf"<(?:{'|'.join(names)})(?=[\s/>])", re.IGNORECASE) if names else None

    def hidden(self, texts: Sequence[str]) -> list[str]:
        """The texts with every start tag marked."""
        start = self._start
        if start is None:
            return list(texts)
        return [start.sub(lambda match: match.group() + self._mark, text) for text in texts]

    def shown(self, text: str) -> str:
        """A text without the marks."""
        return text.replace(self._mark, "")
