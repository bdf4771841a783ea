"""What stays as it is, and what becomes what the caller says, in every format."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline.requests import TranslateRequest
from service.pipeline.terms import Terms
from tests.pipeline.permuting import louder, permuting, same, translated, translating
from tests.pipeline.scripted import context


def found(
    text: str, keep: tuple[str, ...] = (), glossary: dict[str, str] | None = None
) -> list[tuple[str, str | None]]:
    """Terms found in a text, with what each becomes."""
    return [(text[one.start : one.end], one.target) for one in Terms(keep, glossary).find(text)]


@pytest.mark.parametrize(
    ("text", "keep", "glossary", "wanted"),
    [
        ("Acme acme Acmes", ("Acme",), {}, [("Acme", None)]),
        ("New York City in New York", ("New York", "New York City"), {}, [("New York City", None), ("New York", None)]),
        (
            "Bank, bank and BANK; banks",
            (),
            {"bank": "banco"},
            [("Bank", "banco"), ("bank", "banco"), ("BANK", "banco")],
        ),
        ("US and us", (), {"US": "EE. UU.", "us": "nosotros"}, [("US", "EE. UU."), ("us", "nosotros")]),
        ("C++ and .NET, C", ("C++", ".NET"), {}, [("C++", None), (".NET", None)]),
        ("ein Straßenfest", (), {"Straße": "calle"}, []),
        ("我在北京大学学习", ("北京大学",), {}, [("北京大学", None)]),
        ("İstanbul Istanbul", (), {"istanbul": "x"}, [("Istanbul", "x")]),
        ("the art of state-of-the-art", ("art",), {}, [("art", None), ("art", None)]),
    ],
)
def test_terms_are_whole_words(
    text: str, keep: tuple[str, ...], glossary: dict[str, str], wanted: list[tuple[str, str | None]]
) -> None:
    """The longest first; kept terms in their case, glossary terms in their own case before any other."""
    assert found(text, keep, glossary) == wanted


@pytest.mark.parametrize(
    ("source", "form", "wanted"),
    [
        ("Visit Acme Desk at https://acme.example/a_b.", "text", "VISIT Acme Desk AT https://acme.example/a_b."),
        (
            "Hello {name}, %d of ${total} for %(who)s {{x.y}} now",
            "text",
            "HELLO {name}, %d OF ${total} FOR %(who)s {{x.y}} NOW",
        ),
        ("Write to a.b@c.example, @desk or #news_1 today", "text", "WRITE TO a.b@c.example, @desk OR #news_1 TODAY"),
        ("Click <0>here</0> or <b>there</b><br/> now", "text", "CLICK <0>HERE</0> OR <b>THERE</b><br/> NOW"),
        ("Great news 🎉👍🏽 today :tada: ok [1].", "text", "GREAT NEWS 🎉👍🏽 TODAY :tada: OK [1]."),
        (r"One line\nanother line", "text", r"ONE LINE\nANOTHER LINE"),
        ("Open ./run.sh or C:\\new\\x.txt with --force", "text", "OPEN ./run.sh OR C:\\new\\x.txt WITH --force"),
        ("the getName() of snake_case in v1.2.3", "text", "THE getName() OF snake_case IN v1.2.3"),
        (
            "{count, plural, one {# file} other {# files}} left",
            "text",
            "{count, plural, one {# file} other {# files}} LEFT",
        ),
        ("wide\u3000blank  and\u00a0more\ttab", "text", "WIDE\u3000BLANK  AND\u00a0MORE\tTAB"),
        ("<p>See <b>Acme</b> Desk &amp; {name}</p>", "html", "<p>SEE <b>Acme</b> Desk &amp; {name}</p>"),
        ("<p>At Acme\n Desk now</p>", "html", "<p>AT Acme\n Desk NOW</p>"),
        ("- at **Acme Desk** `x`", "markdown", "- AT **Acme Desk** `x`"),
        ("X_1 and {a} and {b}", "text", "X_1 AND {a} AND {b}"),
    ],
)
def test_protected_stretches(source: str, form: str, wanted: str) -> None:
    """Placeholders, addresses, handles, emoji, paths and code are exact in each format."""
    assert translated(source, form, louder, keep=("Acme Desk",)).text == wanted


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("Bank rules are strict.", "Banco RULES ARE STRICT."),
        ("The bank is open. The Bank is big.", "THE banco IS OPEN. THE Banco IS BIG."),
        ("river", "RIVER"),
        ("bank", "banco"),
        ("Bank\n\n- bank", "Banco\n\n- banco"),
    ],
)
def test_glossary_takes_the_capital_of_its_place(source: str, wanted: str) -> None:
    """At the start of a sentence as the source was, inside as the word was, and alone too."""
    assert translated(source, "text", louder, glossary=(("bank", "banco"),)).text == wanted


@pytest.mark.parametrize("form", ["text", "html", "markdown"])
def test_glossary_in_every_format(form: str) -> None:
    """The target is written as text of the format."""
    made = translated("We like R and D here", form, same, glossary=(("R and D", "I<D>"),)).text
    assert (
        made
        == {"text": "We like I<D> here", "html": "We like I&lt;D&gt; here", "markdown": "We like I\\<D> here"}[form]
    )


def test_a_lost_placeholder_is_translated_around() -> None:
    """A model that loses a stand-in gets the sentence in pieces, and the reply says so."""
    asked = translating(lambda text: text.replace("X_2", "").upper() if "X_2" in text else text.upper())
    request = TranslateRequest(("Dear {name}, you have {count} books.",), ("es",), "en")
    (made,) = asked.pipeline().translate(request, context()).translations
    assert made.text == "DEAR {name}, YOU HAVE {count} BOOKS."
    (check,) = made.checks
    assert (check.check, check.action, check.segment) == ("protected_lost", "piecewise", 0)
    assert made.text[check.start : check.end] == made.text
    assert [segment.text for segment in asked.jobs[1].segments] == ["Dear", ", you have", "books."]


def test_a_stand_in_may_change_its_form() -> None:
    """Case and blanks inside it do not matter; order does not either."""
    made = translated("Take {a} and {b}.", "text", lambda text: "Y x _ 2 o x_1." if "X_1" in text else text)
    assert (made.text, made.checks) == ("Y {b} o {a}.", ())


def test_an_empty_answer_keeps_the_sentence() -> None:
    """A paragraph is never gone: what came back empty stays as it was, and is flagged."""
    made = translated("One here.\n\nTwo here.", "text", lambda text: "" if "Two" in text else text.upper())
    assert made.text == "ONE HERE.\n\nTwo here."
    assert [(one.check, one.action, one.segment) for one in made.checks] == [("untranslated", "flagged", 1)]


def test_the_same_language_is_left_alone() -> None:
    """Where source and target are one, nothing is translated and no glossary is applied."""
    request = TranslateRequest(("the bank",), ("en",), "en", glossary=(("bank", "x"),))
    (made,) = translating(louder).pipeline().translate(request, context()).translations
    assert (made.text, made.engine) == ("the bank", "none")


def test_the_language_is_told_by_what_people_read() -> None:
    """Scripts, tags and attributes of a page say nothing about its language."""
    script = "<script>var the = 'and of the in is it that';</script>"
    page = f"{script}<p class='the and of'>Die Brücke ist seit Montag wieder offen.</p>"
    reply = translating(louder).pipeline().translate(TranslateRequest((page,), ("de",), format="html"), context())
    assert reply.languages[0].language == "de"


PIECES = st.sampled_from(
    (
        "the", "river", "Acme", "Acme Desk", "bank", "{x}", "%s", "https://e.org/?a=1", "a@b.org", "@me", "🎉", "[2]",
        "end.", "été", "<0>", "</0>", "\\n", "  ", "snake_case", "北京", "Desk", ",", "(ok)", "x[3]",
    )
)  # fmt: skip
EXACT = ("{x}", "%s", "https://e.org/?a=1", "a@b.org", "@me", "🎉", "[2]", "[3]", "<0>", "</0>", "\\n", "snake_case")


@settings(max_examples=80, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=10).map(" ".join), st.integers(0, 9))
def test_every_protected_stretch_is_exact(source: str, seed: int) -> None:
    """Whatever a model does, each is there as often as before; the glossary's target as often as its term."""
    made = translated(source, "text", permuting(seed), keep=("Acme Desk", "Acme"), glossary=(("bank", "ribera"),))
    for wanted in EXACT:
        assert made.text.count(wanted) == source.count(wanted)
    if not any(check.check == "untranslated" for check in made.checks):
        assert made.text.casefold().count("ribera") == source.count("bank")
