"""What the running service answered to the requests that the OpenAPI document shows.

The replies lie in a file that `python -m scripts.examples --write` records; a test holds that the service still
answers so.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent.parent / "data" / "examples.json"


@cache
def _recorded() -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    found: dict[str, dict[str, dict[str, dict[str, Any]]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def of(operation: str, status: int, media_type: str) -> dict[str, Any]:
    """The Example Objects of an operation's replies, by the name of the request that each answers.

    Args:
        operation: its id.
        status: of the replies.
        media_type: of the replies.
    """
    kept = _recorded().get(operation, {}).get(f"{status} {media_type}", {})
    return {name: {"value": value} for name, value in kept.items()}
