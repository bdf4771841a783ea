"""The same call by both clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from precis_client import AsyncClient, Client, RetryPolicy

# Waits that a test can afford.
QUICK = RetryPolicy(attempts=4, first_wait_s=0.01, longest_wait_s=5.0)


class Ask(Protocol):
    """Makes a client, asks it, closes it: `ask(url, "detect", "text", key="…")`. Events are gathered into a list."""

    def __call__(self, url: str, method: str, /, *args: Any, make: dict[str, Any] | None = None, **options: Any) -> Any:
        """What the call gives, or raises."""
        ...


def threads(url: str, method: str, /, *args: Any, make: dict[str, Any] | None = None, **options: Any) -> Any:
    """By `Client`."""
    with Client(url, **{"retry": QUICK, **(make or {})}) as client:
        found = _method(client, method)(*args, **options)
        return list(found) if hasattr(found, "__next__") else found


def loop(url: str, method: str, /, *args: Any, make: dict[str, Any] | None = None, **options: Any) -> Any:
    """By `AsyncClient`."""

    async def ask() -> Any:
        async with AsyncClient(url, **{"retry": QUICK, **(make or {})}) as client:
            found = _method(client, method)(*args, **options)
            return [one async for one in found] if hasattr(found, "__anext__") else await found

    return asyncio.run(ask())


def _method(client: object, name: str) -> Callable[..., Any]:
    found: Any = client
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]  # a method by its name
