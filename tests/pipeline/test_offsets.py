"""Offsets in UTF-16 units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.pipeline.offsets import utf16_map


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("😀𝒳a"), max_size=40))
def test_agrees_with_encoding(text: str) -> None:
    """Every offset equals the number of UTF-16 units before it."""
    convert = utf16_map(text)
    for offset in range(len(text) + 1):
        assert convert(offset) == len(text[:offset].encode("utf-16-le")) // 2


@pytest.mark.parametrize("text", ["", "plain", "żółć 漢字"])
def test_identity_in_the_basic_plane(text: str) -> None:
    """Without wide characters an offset is the same in both units."""
    assert [utf16_map(text)(i) for i in range(len(text) + 1)] == list(range(len(text) + 1))
