"""The greedy cover that sources and provenance are chosen by."""

from __future__ import annotations

from service.covering import cover

WHERE = {"a": [0, 1], "b": [0], "c": [1], "d": [2], "e": [0, 1, 2]}
WEIGHTS = {"a": 2.0, "b": 1.0, "c": 2.0, "d": 0.5, "e": 0.1}


def test_each_text_is_taken_for_what_the_others_do_not_hold() -> None:
    """The heaviest first; what it holds counts for nobody else any more, but is told with all it holds."""
    assert [(index, round(held, 1)) for index, held in cover(WEIGHTS, WHERE, least=0.0, most=3)] == [
        (1, 4.1), (0, 3.1), (2, 0.6),
    ]  # fmt: skip


def test_bounds() -> None:
    """No more than wanted, and none but the first that adds too little."""
    assert [index for index, _ in cover(WEIGHTS, WHERE, least=0.0, most=1)] == [1]
    assert [index for index, _ in cover(WEIGHTS, WHERE, least=0.8, most=3)] == [1, 0]
    assert [index for index, _ in cover(WEIGHTS, WHERE, least=9.0, most=3)] == [1]
    assert cover({}, WHERE, least=0.0, most=3) == []


def test_a_favour_decides_between_texts_that_hold_about_the_same() -> None:
    """And of equals the first is taken."""
    assert cover(WEIGHTS, WHERE, least=0.0, most=1, favour=lambda index: 2.0 if index == 0 else 1.0)[0][0] == 0
    assert cover({"x": 1.0}, {"x": [4, 3]}, least=0.0, most=1)[0][0] == 3
