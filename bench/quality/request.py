"""What a run is asked for, and which rows it may see."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ROWS = ("tune", "held", "all")


@dataclass(frozen=True, slots=True)
class Request:
    """One run of the tables.

    Attributes:
        data: folder of the collections.
        rows: which half: `tune` to look at while changing things, `held` to report, or `all`.
        limit: most rows of one collection, language or direction; 0 for all.
        peers: names of the peers wanted; None for all.
        cache: where their environments are made.
        keep: folder that gets what each system was given and made, as JSON; None for nowhere.
    """

    data: Path
    rows: str = "held"
    limit: int = 0
    peers: frozenset[str] | None = None
    cache: Path = Path()
    keep: Path | None = None

    def wants(self, peer: str) -> bool:
        """Whether a peer was asked for."""
        return self.peers is None or peer in self.peers

    def pick(self, rows: Iterable[tuple[str | bytes, T]]) -> list[T]:
        """Return the rows of the half that was asked for, at most `limit`, in their order.

        Args:
            rows: what decides each row's half (its content), and the row.
        """
        found = [row for content, row in rows if self.rows == "all" or half(content) == self.rows]
        return found[: self.limit] if self.limit else found


def half(content: str | bytes) -> str:
    """Return the half a row belongs to, whatever stands beside it: SHA-256 of its content, even is `tune`."""
    raw = content.encode("utf-8") if isinstance(content, str) else content
    return "held" if hashlib.sha256(raw).digest()[-1] % 2 else "tune"
