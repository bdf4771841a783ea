"""The bench of the guards: it counts what it says it counts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench import guards as bench
from service.engines.seq2seq import guards

SENTENCES = {
    "en": ("The old harbour was closed on Friday after a storm.", "Two bakers opened a shop near the station."),
    "de": (
        "Der alte Hafen wurde am Freitag nach einem Sturm gesperrt.",
        "Zwei Bäcker eröffneten ein Geschäft am Bahnhof.",
    ),
}


def test_spoilt_translations_are_spoilt() -> None:
    """Every way of spoiling gives another text than the good one, and one that a guard notices here."""
    source, good = SENTENCES["en"][0], SENTENCES["de"][0]
    for kind, spoil in bench.SPOILERS.items():
        made = spoil(source, good, random.Random(1))
        assert made != good
        if kind not in ("cut to 30 %", "cut to 50 %", "said twice"):
            assert guards.check(source, made, "en", "de"), kind


def test_the_table_counts_alarms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Good references raise none; a file that is a copy of the other raises one for each line."""
    folder = tmp_path / "flores"
    folder.mkdir()
    (folder / "en.txt").write_text("\n".join(SENTENCES["en"]), "utf-8")
    (folder / "de.txt").write_text("\n".join(SENTENCES["de"]), "utf-8")
    assert bench.main([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "4 reference translations, 2 directions" in out
    assert "| false alarms | 0.00% |" in out
    assert "| copy | 100% | 2 |" in out
    (folder / "de.txt").write_text("\n".join(SENTENCES["en"]), "utf-8")
    assert bench.main([str(tmp_path), "--show", "1"]) == 0
    out = capsys.readouterr().out
    assert "| false alarms | 100.00% |" in out
    assert "| untranslated | 100.00% |" in out
