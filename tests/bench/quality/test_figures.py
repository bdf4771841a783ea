"""The figures of the quality tables, counted by hand."""

from __future__ import annotations

import hashlib
import math
import random
from pathlib import Path

import numpy as np
import pytest

from bench.quality import cleaning, guards, langid, segmentation, summaries, translation
from bench.quality.articles import Item
from bench.quality.corpora import visible
from bench.quality.intervals import bootstrap, f1, mean, ratio
from bench.quality.request import Request, half
from bench.quality.systems.segmentation import ends
from service.engines.seq2seq import guards as service_guards


def test_half_is_decided_by_content() -> None:
    """The half of a row is the parity of its SHA-256, for text and bytes alike, now and later."""
    for text in ("a", "b", "ü", ""):
        even = int(hashlib.sha256(text.encode()).hexdigest(), 16) % 2 == 0
        assert half(text) == half(text.encode()) == ("tune" if even else "held")
    assert [half(text) for text in "abcdefgh"] == ["held", "held", "tune", "tune", "tune", "held", "held", "held"]


def test_halves_are_apart_and_complete() -> None:
    """Every row is in exactly one half; `limit` takes from the front."""
    rows = [(str(number), number) for number in range(200)]
    tune, held, both = (Request(Path(), rows=name).pick(rows) for name in ("tune", "held", "all"))
    assert sorted(tune + held) == both == list(range(200))
    assert 60 < len(held) < 140
    assert Request(Path(), rows="held", limit=3).pick(rows) == held[:3]


def test_intervals_are_the_same_on_every_run() -> None:
    """The draws are seeded, and they hold the value between them."""
    values = [[random.Random(1).random() for _ in range(50)], [0.5, 0.7]]
    one, other = mean(values), mean(values)
    assert one == other
    assert one.value == pytest.approx((sum(values[0]) / 50 + 0.6) / 2)
    assert one.low < one.value < one.high


def test_interval_has_the_width_of_theory() -> None:
    """For 1 000 coin flips, half right, it is 1.96 standard errors on either side."""
    found = mean([[0.0, 1.0] * 500])
    assert found.value == 0.5
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 1000), rel=0.1)


def test_large_groups_are_drawn_like_small_ones() -> None:
    """More rows than are kept for the next system give an interval of the right width too."""
    found = mean([[0.0, 1.0] * 2000])
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 4000), rel=0.1)


def test_pooled_and_mean_of_groups_differ() -> None:
    """Pooled counts rows, otherwise every group counts the same; nothing at all is no number."""
    groups = [[1.0] * 9, [0.0]]
    assert mean(groups, pooled=True).value == pytest.approx(0.9)
    assert mean(groups).value == pytest.approx(0.5)
    assert math.isnan(mean([]).value)


def test_statistics_by_hand() -> None:
    """F1 of 4 found, 6 expected, 3 common is 0.6; a ratio over nothing is 0."""
    assert f1(np.array([[4.0, 6.0, 3.0], [0.0, 0.0, 0.0]])).tolist() == [0.6, 0.0]
    assert ratio(np.array([[1.0, 4.0], [0.0, 0.0]])).tolist() == [0.25, 0.0]
    assert bootstrap([[(4, 6, 3)]], f1).shown() == "0.600 [0.600, 0.600]"


def test_token_scores_by_hand() -> None:
    """Four words of six are right and four of five are there: case, order and punctuation do not count."""
    f1_score, precision, recall = cleaning.token_scores("The boat, the lake AND more", "and the the boat sank")
    assert (precision, recall) == (pytest.approx(4 / 6), pytest.approx(4 / 5))
    assert f1_score == pytest.approx(8 / 11)
    assert cleaning.token_scores("", "x") == (0.0, 0.0, 0.0)


def test_calibration_by_hand() -> None:
    """Two at 0.95 with one right, two at 0.55 with one right: (2 × 0.45 + 2 × 0.05) / 4 off on average."""
    told = langid.calibration([(0.95, True), (0.95, False), (0.55, True), (0.55, False)])
    assert told.startswith("0.250 [")
    assert langid.calibration([]) == "–"


def test_coverage_by_hand() -> None:
    """Of ten texts the two surest are right, and the third, which has a twin that is wrong, cannot be had alone."""
    sure = [(0.9, True), (0.8, True), (0.7, True), (0.7, False), (0.1, False)]
    assert langid.coverage(sure, 10) == "0.200"
    assert langid.coverage([], 10) == "–"


def test_codes_of_other_systems_are_understood() -> None:
    """Macrolanguages, withdrawn codes and scripts name the language they mean."""
    assert [langid.base(code) for code in ("no", "iw", "zh-Hant", "por", "xx")] == ["nb", "he", "zh", "pt", "xx"]


def test_documents_are_joined_as_their_script_is() -> None:
    """With a blank between sentences, without one in Chinese and Japanese; the last end is no boundary."""
    english, chinese = segmentation.join("en", ["One.", "Two."]), segmentation.join("zh-Hant", ["一。", "二。"])
    assert (english.text, english.ends) == ("One. Two.", {4})
    assert (chinese.text, chinese.ends) == ("一。二。", {2})


def test_pieces_are_found_again() -> None:
    """Pieces of a text give the places of their ends, with or without the blanks they had."""
    text = "One. Two!  One."
    assert ends(text, ["One. ", "Two!  ", "One."]) == ends(text, ["One.", "Two!", "One."]) == [4, 9, 15]
    assert ends(text, ["", "Other."]) == []


def test_summary_of_equal_length_is_cut() -> None:
    """The best ranked sentences up to the reference's words, in reading order, the last ranked one cut."""
    item = Item("en", "", ("One two three.", "Four five.", "Six seven eight."), ("a b c d",), 1)
    assert summaries.cut(item, {"order": [2, 0, 1], "chosen": [2]}) == "one Six seven eight."
    assert summaries.chosen(item, {"order": [2, 0, 1], "chosen": [0, 2]}) == "One two three. Six seven eight."


def test_translation_scores_suit_the_script() -> None:
    """Equal texts score 100 in BLEU where no blanks part words, and intervals hold the score."""
    lines = ["今天天气很好，我们去城里散步。", "明天可能会下雨，请带上雨伞再出门。"]
    chrf, bleu = translation.scores(lines, lines, "zh-Hans")
    assert (round(chrf.value), round(bleu.value)) == (100, 100)
    for target, line in (("ja", "明日は雨が降るでしょう"), ("ko", "내일은 비가 오겠습니다")):
        half_right = translation.scores([line[:6]], [line], target)[0]
        assert 0 < half_right.value < 100
        assert translation.scores([line], [line], target)[1].value == pytest.approx(100)


def test_visible_text_is_what_a_page_shows() -> None:
    """Blocks one a line, inline tags inside them, scripts and the head left out."""
    page = (
        "<html><head><title>No</title></head><body><nav><a href=x>Home</a></nav><p>A <b>bold</b> word"
        "<br>next</p><script>var x</script><div>Outer<p>inner</p>again</div></body></html>"
    )
    assert visible(page).split("\n") == ["Home", "A bold word", "next", "Outer", "inner", "again"]


def test_spoilt_translations_are_spoilt() -> None:
    """Every way of spoiling gives another text than the good one, and most give one that a guard notices here."""
    source, good = (
        "The old harbour was closed on Friday after a storm.",
        ("Der alte Hafen wurde am Freitag nach einem Sturm gesperrt."),
    )
    for kind, spoil in guards.SPOILERS.items():
        made = spoil(source, good, random.Random(1))
        assert made != good
        if kind not in ("cut to 30 %", "cut to 50 %", "said twice"):
            assert service_guards.check(source, made, "en", "de"), kind
