"""The guards on outputs: clear cases in several scripts, what must pass, and linear time."""

from __future__ import annotations

import random
import time

import pytest

from service.engines.seq2seq import guards
from service.engines.seq2seq.letters import letters, scripts_of, weight, words

# One short story in several languages, written for this test.
STORY = {
    "en": "The ferry to the northern islands stopped running on Friday because a storm had damaged the old pier.",
    "de": "Die Fähre zu den nördlichen Inseln fährt seit Freitag nicht mehr, weil ein Sturm den alten Steg zerstörte.",
    "fr": "Le ferry vers les îles du nord ne circule plus depuis vendredi, car une tempête a abîmé le vieux quai.",
    "es": "El ferri a las islas del norte dejó de circular el viernes porque un temporal dañó el viejo muelle.",
    "ca": "El ferri a les illes del nord va deixar de circular divendres perquè un temporal va malmetre el vell moll.",
    "ru": "Паром на северные острова перестал ходить в пятницу, потому что шторм повредил старый причал.",
    "uk": "Пором на північні острови перестав ходити в п'ятницю, бо шторм пошкодив старий причал.",
    "zh-Hans": "由于暴风雨损坏了旧码头，开往北部岛屿的渡轮从星期五起停运。",
    "ja": "嵐で古い桟橋が壊れたため、北の島々へ向かうフェリーは金曜日から運休している。",
    "ko": "폭풍으로 낡은 부두가 파손되어 북쪽 섬으로 가는 여객선이 금요일부터 운항을 멈췄다.",
    "ar": "توقفت العبارة المتجهة إلى الجزر الشمالية عن العمل يوم الجمعة لأن عاصفة ألحقت أضرارا بالرصيف القديم.",
    "hi": "तूफ़ान से पुराना घाट टूट जाने के कारण उत्तरी द्वीपों की नाव शुक्रवार से नहीं चल रही है।",
    "th": "เรือข้ามฟากไปหมู่เกาะทางเหนือหยุดวิ่งตั้งแต่วันศุกร์ เพราะพายุทำให้ท่าเรือเก่าเสียหาย",
}
PAIRS = [(source, target) for source in STORY for target in STORY if source != target]


def reasons(source: str, output: str, source_language: str = "en", target_language: str = "de") -> set[str]:
    """What the guards complain about."""
    return {verdict.reason for verdict in guards.check(source, output, source_language, target_language)}


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_good_translations_pass(source: str, target: str) -> None:
    """In all directions, with nothing to say."""
    assert guards.check(STORY[source], STORY[target], source, target) == ()


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_copies_are_noticed(source: str, target: str) -> None:
    """The source as it is, in capitals, or with a word changed is no translation."""
    text = STORY[source]
    assert reasons(text, text, source, target) & {"untranslated", "wrong_script"}
    assert reasons(text, text.upper() + ".", source, target) & {"untranslated", "wrong_script"}
    assert reasons(text, text.replace(text.split()[0], "Xyz", 1), source, target) & {
        "untranslated",
        "wrong_script",
    } or (
        len(text.split()) < 4  # a whole sentence is one stretch where no blanks separate words
    )


@pytest.mark.parametrize("language", STORY)
def test_loops_are_noticed(language: str) -> None:
    """A word, a few words or the whole text over and over, at the end or in the middle."""
    text = STORY[language]
    for stretch in (4, 9, 21):
        tail = text[10 : 10 + stretch]
        blank = "" if language in ("zh-Hans", "ja", "th") else " "
        looped = text + blank + blank.join([tail] * 12)
        assert "loop" in {guards.loop_in_text(looped, STORY["en"]).reason}, stretch
        assert not guards.loop_in_text(looped + text, text).ok
    assert not guards.loop_in_text(" ".join([text] * 3), text).ok


@pytest.mark.parametrize(
    "text",
    [
        "salad salad salad salad salad",
        "Er sagte, dass er sagte, dass er sagte, dass er sagte, dass er",
        "aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "hahahahahahahahahahahaha",
        "非常非常非常非常非常非常好",
        "The council met. The council met. The council met.",
        "one of the most of the most of the most of the most important",
    ],
)
def test_famous_loops_are_noticed(text: str) -> None:
    """Kinds of loops that translation models are known for."""
    assert guards.loop_in_text(text, "A short and ordinary sentence about a salad.").reason == "loop"


def test_varied_loops_are_noticed() -> None:
    """The same said over and over with small changes is a loop though no stretch repeats exactly."""
    chance = random.Random(2)
    said = " ".join(f"the mayor of the old town said {chance.choice('abcdefgh')}" for _ in range(9))
    assert guards.loop_in_text(said, STORY["en"]).reason == "loop"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No, no, no!",
        "New York, New York",
        "Name .......................................... Page 12",
        "| --- | --- | --- | --- |",
        "1000000000 and 0.00000001",
        "Sehr, sehr gut.",
        "12 12 2012, 12:12",
        "Was sich liebt, das neckt sich.",
    ],
)
def test_honest_repetition_passes(text: str) -> None:
    """Short repetition, leaders and rules are no loops."""
    assert guards.loop_in_text(text, "").ok or text.startswith("1000000000")


def test_what_the_source_repeats_the_output_may_repeat() -> None:
    """A chorus stays a chorus, unless it never ends."""
    source = "Row, row, row, row your boat. " + "Ha ha ha ha ha ha ha!"
    assert guards.loop_in_text("Ruder, ruder, ruder, ruder dein Boot. Ha ha ha ha ha ha ha!", source).ok
    assert not guards.loop_in_text("Ruder dein Boot. " + "Ha " * 40, source).ok


def test_loops_in_tokens() -> None:
    """Runs of any period in token ids, anywhere; not digits and leaders, and not what the source has."""
    chance = random.Random(1)
    good = [chance.randrange(50_000) for _ in range(60)]
    assert guards.loop_in_tokens(good).ok
    assert guards.loop_in_tokens([]).ok
    assert guards.loop_in_tokens([*good, 7, 7, 7, 7, 7]).ok
    for period in (1, 2, 3, 5, 8, 20, 40):
        loop = good[:period] * (8 if period < 3 else 4)
        assert guards.loop_in_tokens([*good, *loop]).reason == "loop", period
        assert guards.loop_in_tokens([*good[:30], *loop, *good[30:]]).reason == "loop", period
        assert guards.loop_in_tokens([*good, *loop], [*loop, 1, 2, 3]).ok


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_cuts_are_noticed(source: str, target: str) -> None:
    """A fifth of a translation, and one with as much again added, do not pass for all of it."""
    text = STORY[target]
    assert guards.length_ratio(STORY[source], text[: len(text) // 5]).reason == "too_short"
    assert guards.length_ratio(STORY[source], text * 3).reason == "too_long"
    assert guards.length_ratio(STORY[source], "").reason == "too_short"
    assert guards.length_ratio(STORY[source], text).ok


def test_short_texts_may_differ_much_in_length() -> None:
    """A word can become three; a word cannot become a paragraph."""
    assert guards.length_ratio("Yes.", "Jawohl!").ok
    assert guards.length_ratio("Advertisement", "广告").ok
    assert guards.length_ratio("", "").ok
    assert guards.length_ratio("Yes.", STORY["de"]).reason == "too_long"
    assert guards.length_ratio("", STORY["de"]).reason == "too_long"


@pytest.mark.parametrize(
    "text",
    [
        "Maria Lindqvist",
        "Toyota Yaris 1.5, 2021",
        "42",
        "",
        "https://example.org/a/b/c?d=e",
        "news@example.org, www.example.org/some/words/here @somebody_we_know #somethingnew",
        "Hotel Sacher, Wien",
        "radio",
        "Reuters / AFP",
        "東京",
        "FC Barcelona – Real Madrid 3:2",
    ],
)
@pytest.mark.parametrize("target", ["fr", "ru", "ja"])
def test_names_and_numbers_stay_as_they_are(text: str, target: str) -> None:
    """What has no ordinary words to translate is not doubted when it is copied."""
    assert guards.untranslated(text, text, "de", target).ok


def test_the_same_language_is_no_translation() -> None:
    """A segment in its own language passes, whichever way the tag is written."""
    assert guards.untranslated(STORY["en"], STORY["en"], "en", "en-GB").ok


def test_neighbours_may_agree_in_all_but_a_word() -> None:
    """Between very close languages only a long exact copy is doubted."""
    bokmaal = "Vi skal ikke se på dette nå, sa hun, men det kan vi gjøre i morgen eller i neste uke."
    assert guards.untranslated(bokmaal, bokmaal.replace("nå", "nu").replace("uke", "uge"), "nb", "da").ok
    assert not guards.untranslated(bokmaal, bokmaal, "nb", "da").ok
    assert guards.untranslated("Det kan vi gjøre.", "Det kan vi gjøre.", "nb", "da").ok


def test_unknown_languages_are_checked_for_copies_only() -> None:
    """A tag the table does not have raises nothing."""
    assert guards.untranslated(STORY["en"], STORY["ru"], "en", "tlh").ok
    assert not guards.untranslated(STORY["en"], STORY["en"], "en", "tlh").ok


def test_details_hold_no_text_of_the_caller() -> None:
    """Figures only, for logs."""
    looped = "geheim geheim geheim geheim geheim geheim geheim geheim"
    for verdict in guards.check(looped[:20], looped, "en", "de"):
        assert verdict.detail and "geheim" not in verdict.detail
        assert not verdict.ok


@pytest.mark.parametrize("odd", ["\ud800" * 50, "\x00" * 50, "🙂" * 50, " " * 50, "a\u0301" * 50, "١٢٣" * 20])
def test_odd_characters_break_nothing(odd: str) -> None:
    """Lone surrogates, control characters, emoji, blanks, marks and other digits."""
    guards.check(odd, odd, "en", "ru")
    guards.check(STORY["en"], odd, "en", "ru")
    guards.check(odd, STORY["en"], "ru", "en")


@pytest.mark.parametrize("unit", ["word ", "ab", "文", "x1 y2 z3 "])
def test_long_texts_take_linear_time(unit: str) -> None:
    """Half a million characters are answered at once."""
    text = unit * (500_000 // len(unit))
    start = time.process_time()
    guards.check(STORY["en"], text, "en", "de")
    guards.check(text, text, "en", "de")
    assert time.process_time() - start < 10


def test_words_and_weights() -> None:
    """Marks stay with their words, scripts without blanks fall apart, Han characters weigh more."""
    assert words("हिन्दी भाषा, l'été 2024 rock-and-roll!") == ["हिन्दी", "भाषा", "l'été", "2024", "rock-and-roll"]
    assert words("猫cat") == ["猫", "c", "a", "t"]
    assert weight("猫") > 2 * weight("c")
    assert letters("Яя a!1")["CYRILLIC"] == 2
    assert scripts_of("Jpan") >= {"HIRAGANA", "CJK"}
    assert scripts_of("Zzzz") == frozenset()
