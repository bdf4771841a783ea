"""HTML pages: what is visible, what of it is the article, and that no page can hurt."""

from __future__ import annotations

import pytest

from service.pipeline.clean import clean_html
from service.pipeline.formats.html_doc import lay_over, looks_like_html
from service.pipeline.formats.html_page import MAX_DEPTH, PageBlock, depth_of, read_page
from service.records import Article

STORY = [
    f"On day {n} the council of Velmar &amp; Kell said that the <b>old bridge</b> over the river would stay closed to "
    "carts, and that nobody knew when the works at its northern end would be finished."
    for n in range(6)
]
PAGE = (
    "<!doctype html><html><head><title>Bridge stays closed until autumn - The Lantern</title><style>p{}</style></head>"
    "<body><nav><ul><li><a href=/>Home</a><li><a href=/s>Sport</a></ul></nav><script>var a = '<p>no</p>';</script>"
    "<main><article><h1>Bridge stays closed until autumn</h1>"
    + "".join(f"<p>{line}</p>" for line in STORY)
    + "<p>Subscribe to our newsletter for more news like this.</p></article></main>"
    "<footer><p>© 2021 The Lantern. All rights reserved.</p></footer></body></html>"
)


def kept(article: Article) -> list[str]:
    return [article.text[b.start : b.end] for b in article.blocks]


def test_page_comes_down_to_its_story() -> None:
    """Of a news page title and paragraphs remain; menus, calls and footers are reported as removed."""
    article = clean_html(PAGE)
    assert article.title is not None
    assert article.text[article.title.start : article.title.end] == "Bridge stays closed until autumn"
    assert len(article.blocks) == 6
    assert kept(article)[0].startswith("On day 0 the council of Velmar & Kell said that the old bridge over")
    gone = {article.text[r.start : r.end]: r.rule for r in article.removed}
    assert gone["Home"] and gone["Sport"]
    assert gone["Subscribe to our newsletter for more news like this."] == "newsletter"
    assert gone["© 2021 The Lantern. All rights reserved."] == "copyright"
    assert "var a" not in article.text


def test_clean_false_keeps_all_visible_text() -> None:
    """Without cleaning all visible text stays, and only the title is set apart."""
    article = clean_html(PAGE, clean=False)
    assert article.removed == ()
    assert "Home" in kept(article)
    assert article.title is not None


def test_kinds_follow_the_elements() -> None:
    """Headings and list items keep their kind."""
    article = clean_html("<h2>Part one</h2><p>Text of it, a sentence.</p><ul><li>first</li></ul>", clean=False)
    assert [b.kind for b in article.blocks] == ["heading", "paragraph", "item"]


def test_plain_text_sent_as_html() -> None:
    """Text without any mark-up is plain text, entities decoded, lines kept."""
    article = clean_html("Salt &amp; bread are on the table.\n\nNobody has touched them so far.")
    assert article.text == "Salt & bread are on the table.\n\nNobody has touched them so far."
    assert len(article.blocks) == 2


@pytest.mark.parametrize(
    "html",
    [
        "",
        "\x00",
        "<",
        "<p>",
        "<html><body><p>Cut off in the mid",
        "<p>A lone \ud800 surrogate.</p>",
        "<!--" * 2000 + "<p>x",
        "<title>only a title</title>",
        "<p " + " ".join(f"a{i}=1" for i in range(9000)) + ">Text that stands here.</p>",
        "<script>" * 500,
        "<frameset><frame src=x></frameset>",
    ],
)
def test_broken_pages_are_defined(html: str) -> None:
    """Broken, odd and empty pages give an article, never an exception."""
    article = clean_html(html)
    assert all(kept(article))


def test_deep_nesting_is_read_without_a_tree() -> None:
    """A page of many thousand nested elements is read as a row of tags and text."""
    html = (
        "<div>" * 30_000 + "The text &amp; nothing but the text.<script>no</script><br>More of it." + "</div>" * 30_000
    )
    assert depth_of(html) > MAX_DEPTH
    assert kept(clean_html(html)) == ["The text & nothing but the text.", "More of it."]


def test_hidden_text_is_not_visible() -> None:
    """What a browser does not show is not in the text, unless that is all there is."""
    page = read_page(
        "<p hidden>a</p><p style='display: none'>b</p><noscript>c</noscript><ruby>字<rt>じ</rt></ruby><p>d</p>"
    )
    assert [block.text for block in page.blocks] == ["字", "d"]
    assert [block.text for block in read_page("<div style='visibility:hidden'>all</div>").blocks] == ["all"]


def test_blocks_are_divided_where_a_reader_sees_it() -> None:
    """Inline elements do not divide, block elements and line breaks do, blanks collapse."""
    page = read_page("<div>one <i>two</i>\n\n three<p>four\u00a0five<br>six</p>seven</div>")
    assert [block.text for block in page.blocks] == ["one two three", "four five", "six", "seven"]


def test_lay_over_prefers_the_copy_among_the_story() -> None:
    """A sentence that is both teaser and paragraph is kept where the other paragraphs are."""
    lines = [f"This is paragraph number {n} of a story about a bridge that was closed." for n in range(4)]
    blocks = [PageBlock(lines[1], "p"), *[PageBlock("Menu", "p")] * 5, *[PageBlock(line, "p") for line in lines]]
    assert lay_over("\n".join(lines), blocks) == frozenset({6, 7, 8, 9})


def test_short_page_falls_back_to_plain_rules() -> None:
    """A page too short for extractors keeps its sentence."""
    article = clean_html("<p>The ferry did not sail today because of the storm.</p>")
    assert kept(article) == ["The ferry did not sail today because of the storm."]


@pytest.mark.parametrize(("text", "expected"), [("a < b", False), ("<p>", True), ("x</b>", True), ("1<2>3", False)])
def test_looks_like_html(text: str, expected: bool) -> None:
    """Angle brackets alone are no mark-up."""
    assert looks_like_html(text) is expected
