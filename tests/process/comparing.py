"""Whether a reply is the one that was shown."""

from __future__ import annotations

from typing import Any

# These differ from run to run or from machine to machine.
VOLATILE = frozenset({"id", "timing_ms", "provenance"})


def differences(shown: Any, got: Any, path: str = "", *, volatile: frozenset[str] = VOLATILE) -> list[str]:
    """Where a reply differs from the one that is shown, the volatile fields aside, a line each."""
    if isinstance(shown, dict) and isinstance(got, dict):
        keys = sorted((shown.keys() | got.keys()) - volatile)
        pairs = [(f"{path}.{key}", shown.get(key), got.get(key)) for key in keys]
    elif isinstance(shown, list) and isinstance(got, list) and len(shown) == len(got):
        pairs = [(f"{path}[{at}]", one, other) for at, (one, other) in enumerate(zip(shown, got, strict=True))]
    else:
        return [] if shown == got else [f"{path}: shown {shown!r}, service {got!r}"]
    return [line for where, one, other in pairs for line in differences(one, other, where, volatile=volatile)]
