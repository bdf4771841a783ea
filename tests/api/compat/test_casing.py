"""Translations in the manner of their source."""

from __future__ import annotations

import pytest

from service.api.compat.casing import as_source


@pytest.mark.parametrize(
    ("source", "made", "wanted"),
    [
        ("Settings", "Ajustes.", "Ajustes"),
        ("SETTINGS", "Ajustes", "AJUSTES"),
        ("settings page", "Página de ajustes", "página de ajustes"),
        ("Good morning.", "Buenos días.", "Buenos días."),
        ("Good morning", "buenos días", "Buenos días"),
        ("hello", "NASA", "NASA"),
        ("设置", "Settings.", "Settings"),
        ("wait", "espera...", "espera..."),
        ("  Hi ", "  Hola. ", "  Hola "),
        ("One\nTwo", "uno.\nDos.", "uno.\nDos."),
        ("I", "Yo", "Yo"),
        ("", "", ""),
        ("x", "", ""),
    ],
)
def test_as_source(source: str, made: str, wanted: str) -> None:
    """Stop, first letter and capitals follow the source; what does not apply stays."""
    assert as_source(source, made) == wanted
