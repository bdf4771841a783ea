"""HTML in, the same HTML out: only what people read is translated."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from service.pipeline import document
from service.pipeline.formats import html_units
from service.pipeline.formats.html_scan import scan
from tests.pipeline.permuting import LIVE, louder, permuting, same, translated, tree

WORDS = st.sampled_from(
    (
        "river", "the", "Harbour", "opens", "3.5", "on", "Monday", "café", "&amp;", "&lt;b&gt;", "&nbsp;", "R&D", "🎉",
        "it's", "{name}", "%s", "[1]", "水曜日", "a&#769;", "end.", "Stop!", "(yes)", ",",
        "https://example.org/a_b?c=1&d=2",
    )
)  # fmt: skip
TEXT = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
VALUE = st.sampled_from(["", "a", "x y", "a&amp;b", "a>b", "/p?q=1&r=2", "it's", "a &quot;b&quot;"])
QUOTED = VALUE.map(lambda value: f'"{value}"')
NAMES = st.sampled_from(["class", "href", "data-x", "ID", "title", "alt", "aria-label", "style"])
ATTRIBUTES = st.lists(st.tuples(NAMES, QUOTED), max_size=3, unique_by=lambda pair: pair[0].lower()).map(
    lambda pairs: "".join(f" {name}={value}" for name, value in pairs)
)
INLINE = st.sampled_from(["b", "i", "a", "SPAN", "em", "u", "sub", "mark", "x-y", "q"])
BLOCKS = st.sampled_from(["div", "section", "blockquote", "ul", "DIV", "article"])
LEAVES = st.one_of(
    TEXT,
    st.sampled_from(
        [
            "<br>", "<img alt='a picture' src=p.png>", "<!-- a <b> note -->", "<code>make <b>run</b></code>", " ",
            "\n  ", '<span translate="no">Acme Desk</span>', "<kbd>Ctrl</kbd>", "<input placeholder='a name'>",
            "<wbr>", "x < y",
            "<script>if (a < b) { c('</p>') }</script>", "<style>p > a { color: red }</style>",
            "<svg><path d='M0'/></svg>",
        ]
    ),
)  # fmt: skip


def _element(name: st.SearchStrategy[str], inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda tag, attributes, body: f"<{tag}{attributes}>{body}</{tag}>", name, ATTRIBUTES, inner)


def _several(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(inner, min_size=1, max_size=4).map(" ".join) | st.lists(inner, max_size=3).map("".join)


LINES = st.recursive(LEAVES, lambda inner: _element(INLINE, _several(inner)), max_leaves=8)
TREES = st.recursive(
    _element(st.sampled_from(["p", "h2", "LI", "td-x"]), _several(LINES)),
    lambda inner: _element(BLOCKS, _several(inner | TEXT)),
    max_leaves=4,
).map(lambda body: re.sub(r"(?i)<a\b([^<>]*)>((?:(?!</a>).)*)<a\b", r"<a\1>\2<i", body))
SOUP = st.lists(
    st.one_of(
        TEXT,
        st.sampled_from(
            [
                "<b>", "</b>", "<i>", "</i>", "<p>", "</p>", "<div class=x>", "</div>", "<br/>", "<li>", "<a href=x>",
                "</a>", "<", "</", "<!", "<!--", "-->", "<?x?>", "<td>", "<table>", "<code>", "</code>", "<title>",
                "</title>", "<x", "'", "<script>", "</script>", "<pre>", "</pre>", "<span translate=no>", "</span>",
                "&", "&am", "&#x", "\r\n", ">",
            ]
        ),
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.one_of(TREES, SOUP))
def test_what_is_not_changed_is_the_same_to_the_byte(source: str) -> None:
    """A translator that changes nothing gets nothing changed, whatever the markup."""
    assert translated(source, "html", same).text == source


@settings(max_examples=60, deadline=None)
@given(TREES, st.integers(0, 9))
def test_no_translator_can_break_the_tree(source: str, seed: int) -> None:
    """Elements, their nesting, attributes, comments, scripts and code are those of the source, and no more."""
    made = translated(source, "html", permuting(seed))
    assert tree(made.text) == tree(source)
    for check in made.checks:
        assert 0 <= check.start <= check.end <= len(made.text)


@settings(max_examples=40, deadline=None)
@given(SOUP, st.integers(0, 9))
def test_broken_markup_keeps_its_marks(source: str, seed: int) -> None:
    """Tags that nobody closed are all still there, in the same number."""
    made = translated(source, "html", permuting(seed))
    marks = [
        Counter(text[t.start : t.end] for t in scan(text) if t.kind not in ("text", "raw", "rcdata"))
        for text in (source, made.text)
    ]
    assert marks[1] == marks[0]


@settings(max_examples=40, deadline=None)
@given(TREES, st.integers(0, 9))
@example("<p>river<b>Harbour</b>https://example.org/a_b?c=1&d=2</p>", 0)
@example("<p>a_b<i>https://example.org/a_b?c=1&d=2</i></p>", 3)
@example("<p>x@y.org<i>https://example.org/a_b?c=1&d=2</i> and</p>", 0)
def test_protected_stretches_are_exact(source: str, seed: int) -> None:
    """Placeholders, addresses, emoji and words of code come back as often as they were sent."""
    made = translated(source, "html", permuting(seed)).text
    for wanted in ("{name}", "https://example.org/a_b?c=1&d=2", "%s", "[1]", "🎉", "<kbd>Ctrl</kbd>"):
        assert made.count(wanted) == source.count(wanted)


@settings(max_examples=60, deadline=None)
@given(SOUP)
def test_the_scanner_finds_what_a_parser_finds(source: str) -> None:
    """Tokens cover the text without gaps, and the tags are those that a parser sees."""
    tokens = list(scan(source))
    assert "".join(source[token.start : token.end] for token in tokens) == source
    opened = [token.name for token in tokens if token.kind == "open"]
    known = {"b", "i", "p", "div", "li", "a", "code", "span", "pre", "script", "title"}
    root = LexborHTMLParser(source).root
    # A parser makes more of unclosed tags and drops what cannot stand in a table; it never sees what is no tag.
    seen = {node.tag for node in root.traverse(include_text=False)} & known if root is not None else set()
    assert seen - {"html", "head", "body"} <= set(opened) | {"p"}


def blocks(source: str) -> list[str]:
    """What is translated of a text."""
    read = document.layout_of(source, "html")
    return ["".join(atom.text for atom in unit.atoms if atom.kind in ("text", "mask")).strip() for unit in read.units]


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("<p>One <b>two</b></p>three", ["One two", "three"]),
        ("<ul><li>One<li>Two</ul>", ["One", "Two"]),
        ("<p>One<p>Two<div>Three", ["One", "Two", "Three"]),
        ("<title>A &amp; B</title>", ["A & B"]),
        ('<img alt="A picture"><input placeholder=Name><a title=\'The "site"\'>x</a>',
         ["x", "A picture", "Name", 'The "site"']),
        ('<meta name="description" content="Words"><meta property="og:url" content="http://x">', ["Words"]),
        ("<script>a</script><style>b</style><pre>c</pre><textarea>d</textarea>e", ["e"]),
        ('<div translate="no">a<p>b <b translate="yes">c</b></p></div>d', ["c", "d"]),
        ('<p class="x notranslate">a</p><p>b</p>', ["b"]),
        ('<p translate="no">a<p>b', ["b"]),
        ('<table><tr><td translate="no">a<td>b</table>', ["b"]),
        ("<svg><title>a</title></svg><math><mi>x</mi></math>", []),
        ("<svg><![CDATA[a > b]]></svg>c", ["c"]),
        ("<!--[if IE]><p>a</p><![endif]--><!doctype html>b", ["b"]),
        ("<option label='A place'>One</option>", ["A place", "One"]),
        ("a <my-card>b</my-card>", ["a", "b"]),
    ],
)  # fmt: skip
def test_what_is_translated(source: str, texts: list[str]) -> None:
    """Blocks, titles and attributes for people; not code, scripts or what is marked."""
    assert blocks(source) == texts


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("<p>See <a href='x'>our site</a>, please.</p>", "<p>SEE <a href='x'>OUR SITE</a>, PLEASE.</p>"),
        ("<P>Cheap &lt;b&gt; talk</P>", "<P>CHEAP &lt;B&gt; TALK</P>"),
        ("<p>Ten&nbsp;km away", "<p>TEN&nbsp;KM AWAY"),
        ("<img alt=fish>", '<img alt="FISH">'),
        ("<img alt='it&apos;s'>", "<img alt='IT&#39;S'>"),
        ("<p>Water is H<sub>2</sub>O here.</p>", "<p>WATER IS H<sub>2</sub>O HERE.</p>"),
        ("<p>As told<sup>1</sup>.</p>", "<p>AS TOLD<sup>1</sup>.</p>"),
        ("<b>All of it.</b> Then <i>more</i>.", "<b>ALL OF IT.</b> THEN <i>MORE</i>."),
        ("<b>One. Two</b> three.", "<b>ONE. TWO</b> THREE."),
        ("Use <code>make</code> now", "USE <code>make</code> NOW"),
        ("All <code>Widget</code>s work", "ALL <code>Widget</code>s WORK"),
        ("<span>Left</span><span>Right</span>", "<span>LEFT</span><span>RIGHT</span>"),
        ("<p>one <b>two <i>three</b> four</i>", "<p>ONE <b>TWO <i>THREE</b> FOUR</i>"),
        ("line\n  wrapped <b>here</b>", "LINE\n  WRAPPED <b>HERE</b>"),
    ],
)
def test_marks_find_their_words(source: str, wanted: str) -> None:
    """A translation word for word has every mark where it was."""
    assert translated(source, "html", louder).text == wanted


def test_an_element_follows_its_words() -> None:
    """The inner text, translated alone, is found where the translation has it; word order may change."""
    known = {
        "The red house is old.": "Es vieja la casa roja.",
        "red house": "casa roja",
        "Read the rules and the news today.": "Hoy lea las noticias y las reglas.",
        "the rules": "las reglas",
        "the news": "las noticias",
    }
    source = "<p>The <b>red house</b> is old. Read <a>the rules</a> and <i>the news</i> today.</p>"
    made = translated(source, "html", lambda text: known[text])
    assert made.text == "<p>Es vieja la <b>casa roja</b>. Hoy lea <i>las noticias</i> y <a>las reglas</a>.</p>"
    assert made.checks == ()


def test_a_guess_is_told() -> None:
    """An element whose words are not found stands in proportion, at the edges of words, and the reply says so."""
    made = translated(
        "<p>Aaa <b>bbb ccc</b> ddd.</p>", "html", lambda text: {"bbb ccc": "zz"}.get(text, "Ee ff gg hh.")
    )
    assert made.text == "<p>Ee <b>ff gg</b> hh.</p>"
    (check,) = made.checks
    assert (check.check, check.action) == ("marks_guessed", "flagged")
    assert made.text[check.start : check.end] == "Ee <b>ff gg</b> hh."


def test_markup_of_a_translator_is_text() -> None:
    """What a model writes never becomes live markup."""
    made = translated("<p title='Some words'>Some words</p>", "html", lambda text: LIVE).text
    assert tree(made) == tree("<p title='x'>y</p>")
    assert "&lt;b&gt;" in made


def test_time_is_linear_in_what_makes_parsers_slow() -> None:
    """Deep nesting, unclosed marks and endless attributes end at once."""
    for piece in (
        "<div>",
        "<b>",
        "<!--",
        "<a b=",
        "</p>",
        "<p><button>",
        "&",
        "<span><i></i>x</span>",
        "<li><b>",
        "x<sub>",
    ):
        source = piece * 5_000
        assert "".join(source[token.start : token.end] for token in scan(source)) == source
        html_units.read(source)
