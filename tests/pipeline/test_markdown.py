"""Markdown in, the same Markdown out."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline import document
from service.pipeline.formats import md_blocks, md_inline
from tests.pipeline.permuting import LIVE, louder, permuting, same, translated

WORDS = st.sampled_from(
    ["river", "the", "Harbour", "opens", "on", "Monday", "café", "R&D", "🎉", "it's", "{name}", "%s", "[1]", "end."]
)
TEXT = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)
MARKS = st.one_of(
    TEXT,
    TEXT.map(lambda text: f"**{text}**"),
    TEXT.map(lambda text: f"*{text}*"),
    TEXT.map(lambda text: f"~~{text}~~"),
    TEXT.map(lambda text: f"[{text}](http://example.org/a_b 'A title')"),
    st.sampled_from(
        (
            "`code *x*`", "``a ` b``", "![some image](i.png)", "[guide]", "[the guide][guide]", "<https://example.org>",
            "<kbd>Ctrl</kbd>", "<b>very</b>", "[^1]", "https://example.org/x_y_z", "\\*", "&amp;", "<br>",
            "<!-- no -->", "a_b", "2*3", ",", "Stop!", "水曜日",
        )
    ),
)  # fmt: skip
LINE = st.lists(MARKS, min_size=1, max_size=4).map(" ".join)
PARAGRAPH = st.lists(LINE, min_size=1, max_size=3).map("\n".join)
SOLID = st.sampled_from(
    (
        "```py\nx = *1*\n```", "    indented *code*", "---", "<div align=center>\n<b>Some words</b>\n</div>",
        "$$\nx_1\n$$", "| A head | B |\n|---|:-:|\n| one *cell* | `x` y |", "> [!NOTE]\n> Some words",
        "Title words\n===========", "- [ ] task",
    )
)  # fmt: skip
BLOCK = st.one_of(
    PARAGRAPH,
    SOLID,
    LINE.map(lambda line: f"## {line}"),
    PARAGRAPH.map(lambda text: "\n".join(f"> {line}" for line in text.split("\n"))),
    st.tuples(st.sampled_from(["- ", "* ", "1. "]), PARAGRAPH).map(lambda two: two[0] + two[1].replace("\n", "\n  ")),
)
END = "\n\n[guide]: http://example.org/guide 'Guide title'\n[^1]: A note.\n"
TEXTS = st.lists(BLOCK, min_size=1, max_size=4).map(lambda blocks: "\n\n".join(blocks) + END)
SOUP = st.text(st.sampled_from("ab *_`[]()<>!#-+|~&\\\n\t:.1$"), max_size=60)


def shape(source: str) -> list[tuple[str, Counter[str]]]:
    """The blocks of a text, and the marks inside of each, whatever their order."""
    found = []
    references = document.layout_of(source, "markdown").references
    for block in md_blocks.blocks(source):
        text = "\n".join(source[slice(*line)] for line in block.lines)
        marks: Counter[str] = Counter()
        if block.kind in ("paragraph", "heading"):
            for atom in md_inline.read(text, references).atoms:
                if atom.kind == "mask" or atom.kind in ("open", "close"):
                    marks[atom.kind + re.sub(r"#\d+", "", atom.name or text[atom.start : atom.end])] += 1
        found.append((block.kind, marks))
    return found


@settings(max_examples=60, deadline=None)
@given(st.one_of(TEXTS, SOUP))
def test_what_is_not_changed_is_the_same_to_the_byte(source: str) -> None:
    """A translator that changes nothing gets nothing changed."""
    assert translated(source, "markdown", same).text == source


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(0, 9))
def test_no_translator_can_break_the_structure(source: str, seed: int) -> None:
    """Blocks, emphasis, links, code and placeholders are those of the source, and as many."""
    made = translated(source, "markdown", permuting(seed))
    assert shape(made.text) == shape(source)
    for wanted in (
        "{name}",
        "%s",
        "[1]",
        "🎉",
        "`code *x*`",
        "(http://example.org/a_b ",
        "https://example.org/x_y_z",
        "[^1]",
    ):
        assert made.text.count(wanted) == source.count(wanted)
    for check in made.checks:
        assert 0 <= check.start <= check.end <= len(made.text)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("# One *two* #\n", "# ONE *TWO* #\n"),
        ("---\ntitle: a\n---\nwords\n", "---\ntitle: a\n---\nWORDS\n"),
        ("```\nwords\n```\nmore\n", "```\nwords\n```\nMORE\n"),
        ("a list:\n\n1. one\n   more\n\n       code\n\n2. two", "A LIST:\n\n1. ONE\n   MORE\n\n       code\n\n2. TWO"),
        ("> quote\n> goes **on**\n", "> QUOTE\n> GOES **ON**\n"),
        ("| one | two |\n|---|---|\n| a `x` | b |\n", "| ONE | TWO |\n|---|---|\n| A `x` | B |\n"),
        ("see [guide] now\n\n[guide]: http://x.org\n", "SEE [GUIDE][guide] NOW\n\n[guide]: http://x.org\n"),
        ("see [guide][] now\n\n[guide]: http://x.org\n", "SEE [GUIDE][guide] NOW\n\n[guide]: http://x.org\n"),
        ("[guide]\n\n[guide]: http://x.org\n", "[GUIDE][guide]\n\n[guide]: http://x.org\n"),
        ('[text](u_v "the title")', '[TEXT](u_v "THE TITLE")'),
        ("![a picture](i.png)", "![A PICTURE](i.png)"),
        ("line one  \nline two\\\nline three", "LINE ONE  \nLINE TWO\\\nLINE THREE"),
        ("- [x] done\n- [ ] open", "- [x] DONE\n- [ ] OPEN"),
        ("<p align=center>Hi <b>you</b></p>\n\nwords", "<p align=center>HI <b>YOU</b></p>\n\nWORDS"),
        ("word[^1]\n\n[^1]: a note", "WORD[^1]\n\n[^1]: A NOTE"),
        ("price $5 and $6", "PRICE $5 AND $6"),
        ("where $x_1 + y$ is", "WHERE $x_1 + y$ IS"),
        ("a \\* b &lt; c", "A \\* B < C"),
        ("Title\n=====\n\ntext", "TITLE\n=====\n\nTEXT"),
        ("::: note\nwords\n:::", "::: note\nWORDS\n:::"),
        ("the `Widget`s work", "THE `Widget`s WORK"),
    ],
)
def test_constructs(source: str, wanted: str) -> None:
    """Each construct keeps its form around words that change."""
    assert translated(source, "markdown", louder).text == wanted


@pytest.mark.parametrize(
    "text", ["# words", "- words", "1. words", "> words", "``` words", "a | b", "[x]: y", LIVE, "*words*"]
)
def test_words_that_look_like_markup_are_escaped(text: str) -> None:
    """What a model writes stays text: no heading, list, link or emphasis comes of it."""
    made = translated("Some words\n\n| Some words |\n|---|\n", "markdown", lambda _: text).text
    assert shape(made) == shape("Some words\n\n| Some words |\n|---|\n")


def test_time_is_linear_in_what_makes_parsers_slow() -> None:
    """Runs of openers without ends are read at once."""
    for piece in (
        "[",
        "![",
        "*a ",
        "`a ``",
        "<!--",
        "<a ",
        "_a_b",
        "> ",
        "- ",
        "![a](",
        "~~a ",
        "$a",
        "{%",
        "||",
        "\\",
        "**a_",
    ):
        document.layout_of(piece * 2_000, "markdown")
