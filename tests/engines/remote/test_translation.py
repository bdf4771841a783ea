from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from service.errors import EngineFailed, UnsupportedLanguage
from service.records import Job, TranslateResult, Usage
from tests.engines.remote.driving import engine, error_of, run, translate, translation_job
from tests.engines.remote.scripted import Asked, Behaviour, ScriptedServer, says, script

# Every word reversed: no language, but unlike its source, with names, numbers and marks in place.
_WORD = re.compile(r"(?<!\S)[^\W\d_]+(?=[.,]?(?!\S))")


def backwards(text: str) -> str:
    return _WORD.sub(lambda match: match[0][::-1], text)


def is_lines(asked: Asked) -> bool:
    return "numbered lines" in asked.system


def obey(asked: Asked) -> Iterator[bytes]:
    """A server that does as it is told."""
    if not is_lines(asked):
        return says("\n".join(map(backwards, asked.fenced)))
    return says("\n".join(re.sub(r"^(\[\d+\] )(.*)", lambda m: m[1] + backwards(m[2]), line) for line in asked.fenced))


def through(behave: Behaviour, job: Job) -> tuple[tuple[str, ...], list[Asked]]:
    """Translations and what was asked for them."""
    with ScriptedServer(behave) as server:
        made = engine(server.url)
        try:
            return translate(made, job), server.asked
        finally:
            made.close()


TEXTS = tuple(f"Number {n} lives in a small green house." for n in range(45))


def test_every_segment_has_its_translation() -> None:
    """Forty-five segments go in three questions and come back in order, with their blanks and what is no language."""
    texts = (*TEXTS, "  padded text here \n", "12.50", "", "two\nlines of text")
    with ScriptedServer(obey) as server:
        made = engine(server.url)
        job = translation_job(*texts)
        result, usage = run(made, job)
        made.close()
    assert result.segments == tuple(backwards(text) for text in texts)  # type: ignore[union-attr]
    assert result.route == ("en", "de")  # type: ignore[union-attr]
    assert len(server.asked) == 4
    assert usage == Usage(400, 28)
    assert "from English into German (Deutsch)" in server.asked[0].system


def test_nothing_to_translate_asks_nobody() -> None:
    """Numbers and blanks alone come back as they are."""
    found, asked = through(obey, translation_job("1, 2, 3", "\n"))
    assert found == ("1, 2, 3", "\n")
    assert asked == []


def spoil(change: Callable[[list[str]], list[str]]) -> Behaviour:
    def behave(asked: Asked) -> Iterator[bytes]:
        if not is_lines(asked):
            return obey(asked)
        return says("\n".join(change([f"[{n}] {backwards(text)}" for n, text in enumerate(TEXTS[:4], 1)])))

    return behave


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: lines[::-1],
        lambda lines: [line[4:] for line in lines],
        lambda lines: ["Sure! Here you are:", *lines],
        lambda lines: [lines[0], "and a remark", *lines[1:]],
        lambda lines: [" ".join(lines)],
        lambda lines: [],
    ],
)
def test_lines_that_do_not_match_are_asked_for_one_by_one(change: Callable[[list[str]], list[str]]) -> None:
    """Lines left out, added, swapped, joined or without numbers never shift a translation to its neighbour."""
    found, asked = through(spoil(change), translation_job(*TEXTS[:4]))
    assert found == tuple(map(backwards, TEXTS[:4]))
    assert len(asked) == 5


def test_only_the_bad_line_is_asked_for_again() -> None:
    """One line that was not translated costs one more question, the others stand."""
    found, asked = through(spoil(lambda lines: [*lines[:2], f"[3] {TEXTS[2]}", lines[3]]), translation_job(*TEXTS[:4]))
    assert found == tuple(map(backwards, TEXTS[:4]))
    assert [one.fenced for one in asked[1:]] == [[TEXTS[2]]]


KEPT = "Write to ann@example.org or see https://example.org/a?b=1 for {name}, %s and <b>more</b> by 1,250.50 now."


@pytest.mark.parametrize("part", ["ann@example.org", "https://example.org/a?b=1", "{name}", "%s", "<b>"])
def test_what_must_survive_is_checked(part: str) -> None:
    """An address or placeholder that is lost is asked for once more and then refused."""
    good = backwards(KEPT)
    bad = good.replace(part, "")
    found, asked = through(script(bad, good), translation_job(KEPT))
    assert (found, len(asked)) == ((good,), 2)
    assert "placeholder" in asked[1].system.rsplit("refused:")[-1]
    error = error_of(lambda: through(script(bad), translation_job(KEPT)))
    assert isinstance(error, EngineFailed)
    assert "it changed a web address" in error.detail


def test_a_number_is_asked_for_again_but_may_be_put_in_words() -> None:
    """Numbers count whatever their separators; one that is still gone in a second answer was left out on purpose."""
    good = backwards(KEPT)
    assert through(script(good.replace("1,250.50", "1.250,50")), translation_job(KEPT))[1:] != ()
    found, asked = through(script(good.replace("1,250.50", "1\u202f250,50")), translation_job(KEPT))
    assert len(asked) == 1
    bad = good.replace("1,250.50", "many")
    found, asked = through(script(bad, good), translation_job(KEPT))
    assert (found, len(asked)) == ((good,), 2)
    found, asked = through(script(bad), translation_job(KEPT))
    assert (found, len(asked)) == ((bad,), 2)
    found, asked = through(script(bad, ""), translation_job(KEPT))
    assert (found, len(asked)) == ((bad,), 2)
    found, asked = through(script("", bad), translation_job(KEPT))
    assert (found, len(asked)) == ((bad,), 2)


LONG = "The council has decided that the old bridge must be closed while the new one is being built beside it."


@pytest.mark.parametrize(
    ("answer", "target", "reason"),
    [
        (LONG, "de", "it repeated the text"),
        (LONG.upper(), "de", "it repeated the text"),
        ("The bridge is to be closed and the new one built by the council of the town.", "de", "another language"),
        ("Le pont sera ferme pendant la construction du nouveau pont selon un conseil municipal.", "ru", "script"),
        ("Мост закроют.", "ja", "script"),
        ("市議会決定古橋閉鎖新橋建設中古橋閉鎖必要有建設開始後古橋撤去", "ja", "another language"),
        ("Ja.", "de", "left out most"),
        ("Der Rat sagt, " + "und dann und wann, " * 12, "de", "repeated itself"),
        ("Der Rat hat entschieden.\n\nNote: I translated this.", "de", "more lines"),
        ("Der Rat hat am Abend etwas anderes beschlossen als am Morgen zuvor. " * 9, "de", "long"),
        ("", "de", "empty"),
    ],
)
def test_bad_translations_are_refused(answer: str, target: str, reason: str) -> None:
    """Copies, other languages, gaps, loops and chatter become a typed error, never a translation."""
    error = error_of(lambda: through(script(answer), translation_job(LONG, target=target)))
    assert isinstance(error, EngineFailed)
    assert reason in error.detail


def test_names_and_close_languages_may_stay_as_they_are() -> None:
    """A line of names is no failure to translate, nor is a sentence that reads the same in the next language."""
    found, _ = through(script("Ingrid Solberg, Lindvik"), translation_job("Ingrid Solberg, Lindvik", target="ja"))
    assert found == ("Ingrid Solberg, Lindvik",)
    same = "Han kommer hjem til Oslo hver dag og drikker kaffe."
    found, _ = through(script(same), translation_job(same, source="nb", target="da"))
    assert found == (same,)


def test_a_source_that_repeats_may_be_repeated() -> None:
    """A refrain is not taken for a loop."""
    refrain = "La la la la la la la la la la la la la, sang the children of the village."
    sung = "La la la la la la la la la la la la la, sangen die Kinder aus dem Dorf."
    assert through(script(sung), translation_job(refrain))[0] == (sung,)


def test_a_very_long_segment_is_translated_in_stretches() -> None:
    """Ten thousand characters of one segment come back complete and in order."""
    text = " ".join(f"sentence {n} goes on and on," for n in range(400))
    found, asked = through(obey, translation_job(text))
    assert found == (backwards(text),)
    assert len(asked) == 3


def test_a_direction_that_is_not_set_is_refused() -> None:
    """The settings say which languages the model writes."""
    made = engine("http://127.0.0.1:9")
    assert isinstance(error_of(lambda: made.prepare(translation_job("Hi", target="sw"))), UnsupportedLanguage)
    made.close()


def checks_of(behave: Behaviour, job: Job) -> list[tuple[int, str, str]]:
    """What the engine reports of the guards."""
    with ScriptedServer(behave) as server:
        made = engine(server.url)
        result, _ = run(made, job)
        made.close()
    assert isinstance(result, TranslateResult)
    return [(one.segment, one.check, one.action) for one in result.checks]


def test_doubts_are_reported_by_segment() -> None:
    """A refused answer was asked for again; a doubted one that came twice is flagged."""
    spoiled = spoil(lambda lines: [*lines[:2], f"[3] {TEXTS[2]}", lines[3]])
    assert checks_of(spoiled, translation_job("1", *TEXTS[:4])) == [(3, "untranslated", "redecoded")]
    assert checks_of(obey, translation_job(*TEXTS[:4])) == []
    good = backwards(KEPT)
    bad = good.replace("1,250.50", "many")
    assert checks_of(script(bad, good), translation_job(KEPT)) == [(0, "number", "redecoded")]
    assert checks_of(script(bad), translation_job(KEPT)) == [(0, "number", "flagged")]


def test_the_guards_of_all_engines_look_too() -> None:
    """What only they doubt is asked for once more, then taken and flagged."""
    twice = f"{backwards(LONG)} {backwards(LONG)}"
    for answers, action in (((twice, backwards(LONG)), "redecoded"), ((twice,), "flagged")):
        found = checks_of(script(*answers), translation_job(LONG))
        assert found == [(0, "loop", action), (0, "too_long", action)]
