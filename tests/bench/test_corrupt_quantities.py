"""The corruptions that recall is measured with."""

from __future__ import annotations

import pytest

from bench.corrupt_quantities import corrupt_quantities

TEXTS = [
    ("On 5 March 2024 profits rose 20% to $5.2 million, three times as much.", "en"),
    ("Am 5. März 2024 stiegen die Gewinne um 20 % auf 5,2 Millionen Euro.", "de"),
    ("2024年3月5日，利润增长20%，达到500万欧元。", "zh"),
]


@pytest.mark.parametrize(("text", "language"), TEXTS)
def test_a_corruption_changes_one_place(text: str, language: str) -> None:
    """What is around the change is as it was, and the change is a change."""
    found = corrupt_quantities(text, language, 7)
    assert {"digit", "number", "percent"} <= {kind for _, _, _, kind in found}
    for changed, start, end, _ in found:
        assert changed != text
        assert changed.startswith(text[:start])
        assert text.endswith(changed[end:])


def test_the_same_seed_gives_the_same() -> None:
    """Another seed gives other corruptions, the same one the same."""
    text, language = TEXTS[0]
    assert corrupt_quantities(text, language, 1) == corrupt_quantities(text, language, 1)
    assert corrupt_quantities(text, language, 1) != corrupt_quantities(text, language, 2)


def test_what_the_source_says_is_avoided() -> None:
    """No corruption puts a number into the text that its source has."""
    source = " ".join(str(number) for number in range(10) if number != 3)
    assert {text for text, _, _, kind in corrupt_quantities("4 people", "en", 1, source) if kind == "digit"} == {
        "3 people"
    }
