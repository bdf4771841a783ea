"""The ladder of attempts: what is decoded again, how, and which attempt is kept."""

from __future__ import annotations

import pytest

from service.engines.seq2seq.assembly import Row
from service.engines.seq2seq.attempts import MOST_ATTEMPTS, Attempt, Decoding, failed, judge
from service.engines.seq2seq.params import DecodeParams
from service.errors import EngineFailed
from service.records import Task

PARAMS = DecodeParams(pad=1, start=2, eos=(2,), max_new_tokens=64)
SOURCE = "The ferry to the northern islands stopped running on Friday because of a storm."
GOOD = "Die Fähre zu den nördlichen Inseln fährt seit Freitag wegen eines Sturms nicht mehr."
LOOP = "Die Fähre " + "zu den Inseln " * 19


def row(text: str = SOURCE, params: DecodeParams = PARAMS) -> Row:
    """A row from English to German."""
    return Row(tuple(range(20)), params, (text,), (0,), ("en", "de"))


def judged(text: str, *, cut: bool = False, source: str = SOURCE) -> Attempt:
    """The verdict on a translation."""
    return judge(Task.TRANSLATE, row(source), text, 20, cut=cut)


@pytest.mark.parametrize(
    ("text", "cut", "doubts", "usable"),
    [
        (GOOD, False, (), True),
        (LOOP, False, ("loop", "too_long"), True),
        (LOOP, True, ("loop", "no_end"), False),
        (GOOD, True, ("no_end",), False),
        (SOURCE, False, ("untranslated",), True),
        ("Fähre.", False, ("too_short",), True),
        ("", False, ("too_short",), False),
    ],
)
def test_translations_are_judged(text: str, cut: bool, doubts: tuple[str, ...], usable: bool) -> None:
    """Every kind of doubt has its name; without an end or a word there is nothing to deliver."""
    attempt = judged(text, cut=cut)
    assert (attempt.doubts, not attempt.unusable) == (doubts, usable)


def test_what_has_no_letters_is_not_judged() -> None:
    """Figures and marks are no language."""
    assert judged("", source="12 – 14 | 15") == Attempt("", 20)


@pytest.mark.parametrize(
    ("text", "cut", "kept", "doubts"),
    [
        ("One is here. Two is", True, "One is here.", ()),
        ("One is here. Two is there.", True, "One is here. Two is there.", ()),
        ("One is here and two", True, "One is here and two", ("no_end",)),
        ("One is here and two", False, "One is here and two", ()),
        ("", False, "", ("too_short",)),
        ("So so so so so so so so so so so so.", False, "So so so so so so so so so so so so.", ("loop",)),
    ],
)
def test_summaries_are_judged(text: str, cut: bool, kept: str, doubts: tuple[str, ...]) -> None:
    """A summary at its bound loses the sentence that was broken off, and is doubted only when it has no other."""
    assert judge(Task.SUMMARIZE, row(), text, 20, cut=cut) == Attempt(kept, 20, doubts)


def test_the_ladder_has_an_end() -> None:
    """Beams first, then a stronger penalty; the bound on tokens stays; a good attempt ends it."""
    decoding = Decoding(row(), 0, [judged(LOOP)])
    first = decoding.again(32)
    assert first is not None
    assert (first.beams, first.no_repeat_ngram_size, first.max_new_tokens) == (4, 3, 64)
    decoding.attempts.append(judged(LOOP))
    second = decoding.again(32)
    assert second is not None
    assert (second.beams, second.max_new_tokens) == (1, 64)
    assert second.repetition_penalty > first.repetition_penalty > 1
    decoding.attempts.append(judged(LOOP))
    assert len(decoding.attempts) == MOST_ATTEMPTS
    assert decoding.again(32) is None
    assert Decoding(row(), 0, [judged(LOOP), judged(GOOD)]).again(32) is None
    few = Decoding(row(), 0, [judged(LOOP)]).again(2)
    assert few is not None and few.beams == 2


def test_an_output_that_was_too_short_has_to_go_on() -> None:
    """The next attempt may not end at once, and never has to pass its bound."""
    longer = Decoding(row(), 0, [judged("Fähre.")]).again(32)
    assert longer is not None and 8 <= longer.min_new_tokens <= 20
    tight = DecodeParams(pad=1, start=2, eos=(2,), max_new_tokens=5)
    bounded = Decoding(row(params=tight), 0, [judged("Fähre.")]).again(32)
    assert bounded is not None and bounded.min_new_tokens == 4


def test_the_best_attempt_is_kept_and_reported() -> None:
    """A good one replaces a doubted one; of doubted ones the least bad is delivered and flagged."""
    output = Decoding(row(), 0, [judged(LOOP), judged(GOOD)]).output()
    assert (output.text, output.checks) == (GOOD, (("loop", "redecoded"), ("too_long", "redecoded")))
    output = Decoding(row(), 0, [judged(LOOP), judged("Fähre."), judged(LOOP, cut=True)]).output()
    assert output.text == "Fähre."
    assert set(output.checks) == {("loop", "redecoded"), ("too_long", "redecoded"), ("too_short", "flagged")}
    output = Decoding(row(), 0, [judged("Fähre."), judged("Boot."), failed()]).output()
    assert (output.text, output.checks) == ("Fähre.", (("too_short", "flagged"),))
    assert Decoding(row(), 0, [judged(GOOD)]).output().checks == ()


def test_nothing_usable_is_an_error() -> None:
    """The error says what the best attempt lacked."""
    with pytest.raises(EngineFailed, match="no end"):
        Decoding(row(), 0, [judged(LOOP, cut=True), failed(), judged(GOOD, cut=True)]).output()
    with pytest.raises(EngineFailed, match="no usable output"):
        Decoding(row(), 0, [failed()]).output()
