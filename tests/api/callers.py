"""An app with a file of keys, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.api import keys, stores
from service.api.app import create_app
from service.config import Settings
from tests.api.conftest import Bench

KEY = "precis_" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cE3gI5kM7o"
OTHER = "precis_" + "qW2eR4tY6uI8oP0aS1dF3gH5jK7lZ9xC2vB4nM6q"
UNKNOWN = "precis_" + "zZ9yY8xX7wW6vV5uU4tT3sS2rR1qQ0pP9oO8nN7m"
BEARER = {"Authorization": f"Bearer {KEY}"}
GOOD = {"text": "The bridge opens today. It was closed."}


def table(name: str, key: str = KEY, more: str = "") -> str:
    """One key as the file has it."""
    return f'[{name}]\nhash = "{keys.hash_line(key)}"\n{more}\n'


class Guarded(Bench):
    """An app that wants keys; requests carry `KEY` unless they name headers of their own."""

    def __init__(self, folder: Path, text: str, **settings: Any) -> None:
        self.file = folder / "keys.toml"
        self.file.write_text(text)
        super().__init__(Settings(keys_file=self.file, runtime_dir=folder, **settings))

    def __post_init__(self) -> None:
        self.callers = stores.callers_of(self.settings)
        self.app = create_app(
            self.settings, self.pipeline, draining=lambda: False, live=lambda: True, callers=self.callers
        )
        self.client = self.app.test_client()

    def ask(
        self,
        method: str = "POST",
        path: str = "/v1/summarize",
        body: object = None,
        headers: Mapping[str, str] = BEARER,
    ) -> Any:
        """One request, read to its end."""
        given = {"json": GOOD if body is None else body} if method == "POST" else {}
        return self.client.open(path, method=method, headers=dict(headers), buffered=True, **given)


Make = Callable[..., Guarded]


@contextmanager
def making(folder: Path) -> Iterator[Make]:
    """A maker of guarded apps that are closed in the end."""
    made: list[Guarded] = []

    def make(text: str | None = None, **settings: Any) -> Guarded:
        made.append(Guarded(folder, table("news") if text is None else text, **settings))
        return made[-1]

    yield make
    for app in made:
        app.callers.close()
