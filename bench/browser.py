"""How Chromium is started, for pictures and for tests."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
# A browser that calls nobody by itself, and that starts as root.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def program() -> str | None:
    """The installed browser, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)
