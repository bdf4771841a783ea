"""What an editor does with the page, against the real service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.desk import ARTICLE, Desk, sitting, url_of
from tests.process.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.heavy, pytest.mark.process]

HTML = (
    "<!doctype html><html lang='en'><body><nav>Home Weather Sport</nav><article><h1>Bridge open</h1>"
    "<p>The bridge over the Elm opened on Monday after four years. It cost 12 million pounds.</p>"
    "<p>Lorries have to take the old road until June, the county said.</p></article>"
    "<footer>© The Eastbrook Post. All rights reserved.</footer></body></html>"
)


def test_paste_and_summarize(open_desk: Desk) -> None:
    """A pasted article becomes a summary of its own sentences, with its language and how sure that is."""
    open_desk.paste(ARTICLE)
    open_desk.send()
    text = open_desk.one("#summary .prose").inner_text()
    assert "struck noon on Tuesday" in text
    assert "English, 100% sure" in open_desk.one("#summary .meta").inner_text()
    assert open_desk.one("#summary .kicker").inner_text() == "Harbour clock runs on time"
    open_desk.said("Summary ready: 2 sentences.")
    assert open_desk.page.evaluate("document.activeElement.id") == "summary-head"


def test_offsets_are_right_behind_emoji(open_desk: Desk) -> None:
    """What is marked in the original is exactly what the summary says, and the original is complete."""
    open_desk.summarize()
    assert open_desk.body()["offsets"] == "utf16"
    marked = open_desk.one("#original .source").all_inner_texts()
    said = open_desk.one("#summary .sentence").all_inner_texts()
    assert marked == said
    assert "🕰️" in said[0]
    lines = [line for line in ARTICLE.split("\n") if line]
    assert open_desk.one("#original .pane p").all_inner_texts() == lines


def test_what_was_left_out_is_struck(open_desk: Desk) -> None:
    """Boilerplate is struck through, says by which rule, and can be found from the legend and hidden."""
    open_desk.summarize()
    removed = open_desk.one("#original del[data-rule]")
    assert removed.all_inner_texts() == ["Published: Updated:", "Read more:", "Ten gardens to visit this spring"]
    assert removed.first.get_attribute("title") == "Left out: dates and times of the page"
    assert "line-through" in removed.first.evaluate("(node) => getComputedStyle(node).textDecorationLine")
    open_desk.page.click("#original .rule >> text=links to other articles")
    assert open_desk.one("#original del.lit").inner_text() == "Read more:"
    open_desk.page.click("#original .rule >> text=links to other articles")
    assert open_desk.one("#original del.lit").inner_text() == "Ten gardens to visit this spring"
    open_desk.page.check("#hide-removed")
    assert not removed.first.is_visible()


def test_html_is_noticed(open_desk: Desk) -> None:
    """Pasted HTML is read as HTML, and the original shows its visible text."""
    open_desk.paste(HTML)
    open_desk.said("Read as HTML")
    assert open_desk.page.is_checked("input[value=html]")
    open_desk.send()
    assert set(open_desk.body()) >= {"html"}
    assert open_desk.one("#original .pane p").all_inner_texts()[0] == "Home Weather Sport"
    assert "<p>" not in open_desk.one("#original").inner_text()


@pytest.mark.parametrize(
    ("name", "content", "kind", "words"),
    [
        ("story.txt", ARTICLE.encode(), "text", "story.txt was read"),
        ("story.html", HTML.encode(), "html", "story.html was read"),
        ("story.md", b"# Bridge\n\nThe bridge opened on Monday.", "text", "story.md was read"),
        ("latin.txt", "Das Café öffnet am Montag.".encode("latin-1"), "text", "latin.txt was read as windows-1252"),
        ("wide.txt", "Das Café öffnet.".encode("utf-16"), "text", "wide.txt was read as utf-16le"),
        (
            "old.htm",
            '<html><meta charset="iso-8859-2"><p>Źródło</p></html>'.encode("iso-8859-2"),
            "html",
            "old.htm was read as iso-8859-2",
        ),
    ],
)
def test_a_file_is_chosen(open_desk: Desk, tmp_path: Path, name: str, content: bytes, kind: str, words: str) -> None:
    """A text, HTML or Markdown file in any usual encoding lands on the sheet, and its name is told."""
    path = tmp_path / name
    path.write_bytes(content)
    open_desk.page.set_input_files("#file", path)
    open_desk.said(words)
    assert open_desk.page.is_checked(f"input[value={kind}]")
    text = open_desk.page.input_value("#text")
    assert text
    assert "�" not in text
    if name in ("latin.txt", "wide.txt"):
        assert "Café" in text


def test_a_file_that_is_no_text_is_refused(open_desk: Desk, tmp_path: Path) -> None:
    """A picture is not put on the sheet, and the reader is told why."""
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00")
    open_desk.page.set_input_files("#file", path)
    assert "picture.png is not a text file" in open_desk.problem().inner_text()
    assert open_desk.page.input_value("#text") == ""


DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: "text/plain" }));
  const given = { bubbles: true, cancelable: true, dataTransfer: data };
  const at = document.getElementById("source");
  for (const kind of ["dragenter", "dragover"]) at.dispatchEvent(new DragEvent(kind, given));
  const seen = document.body.classList.contains("dropping");
  at.dispatchEvent(new DragEvent("drop", given));
  return seen;
}"""


def test_a_file_is_dropped(open_desk: Desk) -> None:
    """A file dropped anywhere lands on the sheet, which shows that it will, also where a result is on show."""
    open_desk.summarize()
    assert open_desk.page.evaluate(DROP, ["dropped.txt", "The mill closes. It made flour for 300 years."])
    open_desk.said("dropped.txt was read")
    assert open_desk.one("body").get_attribute("data-state") == "edit"
    assert open_desk.page.input_value("#text").startswith("The mill closes.")
    assert "dropping" not in (open_desk.one("body").get_attribute("class") or "")


def test_length_and_form(open_desk: Desk) -> None:
    """Bounds in sentences, words and characters and all forms are asked for as chosen, and kept by what comes."""
    open_desk.write(ARTICLE)
    open_desk.page.select_option("#length", "words")
    open_desk.page.fill("#amount", "12")
    open_desk.page.select_option("#format", "bullets")
    open_desk.page.select_option("#facts", "strict")
    open_desk.send()
    sent = open_desk.body()
    assert (sent["length"], sent["format"], sent["faithfulness"]) == ({"words": 12}, "bullets", "strict")
    assert open_desk.one("#summary li").count() >= 1
    assert not open_desk.one("#summary li").first.inner_text().startswith("-")
    open_desk.page.select_option("#length", "sentences")
    open_desk.page.fill("#amount", "1")
    open_desk.page.select_option("#format", "headline")
    open_desk.send()
    assert open_desk.body()["length"] == {"sentences": 1}


@pytest.mark.parametrize("amount", ["0", "-3", "1.5", "999999", ""])
def test_an_impossible_length_is_not_sent(open_desk: Desk, amount: str) -> None:
    """A length that makes no sense is told at once, and the field is where one lands."""
    open_desk.write(ARTICLE)
    open_desk.page.select_option("#length", "words")
    open_desk.page.fill("#amount", amount)
    open_desk.page.click("#send")
    assert "Length: Give a whole number from 1 to 10,000." in open_desk.problem().inner_text()
    assert open_desk.page.evaluate("document.activeElement.id") == "amount"


def test_translations_side_by_side(open_desk: Desk) -> None:
    """Targets are chosen by name, stand side by side in their own language, and are remembered."""
    open_desk.page.click("#pick")
    open_desk.page.keyboard.type("spa")
    open_desk.page.keyboard.press("Enter")
    open_desk.page.fill("#filter", "")
    open_desk.page.check("#choices input[value=ca]")
    open_desk.page.keyboard.press("Escape")
    assert not open_desk.one("#picker").is_visible()
    assert open_desk.one("#chips .chip").all_inner_texts() == ["Spanish", "Catalan"]
    open_desk.summarize()
    cards = open_desk.one("#translations .card")
    assert cards.count() == 2
    boxes = [cards.nth(index).bounding_box() for index in range(2)]
    assert boxes[0] and boxes[1]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert [cards.nth(index).locator(".prose").get_attribute("lang") for index in range(2)] == ["es", "ca"]
    assert "Rough translation" in cards.first.inner_text()
    open_desk.said("2 translations.")
    open_desk.page.reload()
    open_desk.page.wait_for_selector("#chips .chip >> nth=1")
    open_desk.page.click("#chips button[aria-label='Remove Catalan']")
    assert json.loads(open_desk.page.evaluate("localStorage['precis.targets']")) == ["es"]


def test_an_unreachable_target_says_so(open_desk: Desk) -> None:
    """A translation that cannot be made is told in plain words beside the one that can, and in the list."""
    open_desk.page.evaluate("localStorage['precis.targets'] = JSON.stringify(['es', 'ru'])")
    open_desk.page.reload()
    open_desk.page.wait_for_selector("#chips .chip >> nth=1")
    open_desk.summarize()
    assert "Nothing here translates from English into Russian." in open_desk.one(".card").nth(1).inner_text()
    open_desk.page.click("#pick")
    assert "not from English" in open_desk.one("#choices li:has(input[value=ru])").inner_text()


def test_how_it_was_made(open_desk: Desk) -> None:
    """Engine, facts, share read and time stand in plain words behind one heading."""
    open_desk.page.evaluate("localStorage['precis.targets'] = JSON.stringify(['fr'])")
    open_desk.page.reload()
    open_desk.page.wait_for_selector("#chips .chip")
    open_desk.summarize()
    open_desk.page.click("#about summary")
    words = open_desk.one("#about").inner_text()
    assert "Sentences taken from the article as they stand" in words
    assert "Everything that was looked up is in the article: numbers and dates, names" in words
    assert "English to French, by way of Spanish, by apertium" in words
    assert "characters; the rest was left out" in words


def test_copying(open_desk: Desk) -> None:
    """The buttons copy exactly the text of the summary and of a translation, and say that they did."""
    open_desk.page.evaluate("localStorage['precis.targets'] = JSON.stringify(['es'])")
    open_desk.page.reload()
    open_desk.page.wait_for_selector("#chips .chip")
    open_desk.summarize()
    open_desk.page.click("#summary .copy")
    open_desk.said("Copied")
    assert open_desk.clipboard() == " ".join(open_desk.one("#summary .sentence").all_inner_texts())
    open_desk.page.get_by_role("button", name="Copy the Spanish translation").click()
    assert open_desk.clipboard() == open_desk.one(".card .prose").inner_text()


def test_new_article(open_desk: Desk) -> None:
    """A new article begins with an empty sheet; editing keeps the text, and options stay."""
    open_desk.page.select_option("#length", "long")
    open_desk.summarize()
    open_desk.page.click("#edit")
    assert open_desk.page.input_value("#text") == ARTICLE
    open_desk.send()
    open_desk.page.click("#fresh")
    assert open_desk.page.input_value("#text") == ""
    assert open_desk.page.evaluate("document.activeElement.id") == "text"
    assert not open_desk.one("#result").is_visible()
    assert open_desk.page.input_value("#length") == "long"


@pytest.mark.parametrize(
    ("example", "language"), [("en", "en"), ("de", "de"), ("es", "es"), ("ar", "ar"), ("ja", "ja"), ("html", "en")]
)
def test_examples(open_desk: Desk, example: str, language: str) -> None:
    """Each example is recognized, summarized, and has something that is left out."""
    open_desk.page.click(f"[data-example={example}]")
    open_desk.send()
    assert open_desk.one("#summary .prose").get_attribute("lang") == language
    assert open_desk.one("#summary .sentence[data-n]").count() >= 1
    assert open_desk.one("#original del").count() >= 1


def test_keyboard_only(open_desk: Desk) -> None:
    """Everything can be done with Tab, Space, Enter, Escape and Ctrl+Enter, and the focus is always visible."""
    page = open_desk.page
    open_desk.page.focus("#text")
    page.keyboard.insert_text(ARTICLE)
    for _ in range(30):
        if page.evaluate("document.activeElement.id") == "pick":
            break
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(() => { const node = document.activeElement;"
            " const shown = node.name === 'kind' ? node.nextElementSibling : node;"
            " return getComputedStyle(shown).outlineStyle; })()"
        )
        assert style != "none", page.evaluate("document.activeElement.outerHTML")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "filter"
    page.keyboard.type("spanish")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "pick"
    page.keyboard.press("Control+Enter")
    open_desk.done()
    page.wait_for_selector("#translations .card .prose")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    open_desk.said("Copied")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.n") == "1"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.matches('#original .source')")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.matches('#summary .sentence')")


def test_themes(browser: Browser, embedded: Service) -> None:
    """The system's theme is followed until the reader chooses one, which the next visit begins with."""
    ground = "getComputedStyle(document.body).backgroundColor"
    with sitting(browser, url_of(embedded.port), color_scheme="dark") as desk:
        desk.open()
        dark = desk.page.evaluate(ground)
        desk.page.get_by_role("button", name="Switch to the light theme").click()
        light = desk.page.evaluate(ground)
        assert dark != light
        desk.page.reload()
        assert desk.page.evaluate(ground) == light
        desk.page.get_by_role("button", name="Switch to the dark theme").click()
        assert desk.page.evaluate(ground) == dark


def test_a_second_visit_loads_nothing_again(open_desk: Desk) -> None:
    """Files of the page come from the browser's cache, and no visit asks another host."""
    transferred = (
        "performance.getEntriesByType('resource').filter((e) => e.name.includes('/ui/')).map((e) => e.transferSize)"
    )
    open_desk.page.reload()
    open_desk.page.wait_for_selector("#language option >> nth=1", state="attached")
    sizes = open_desk.page.evaluate(transferred)
    assert len(sizes) > 20
    assert set(sizes) == {0}
    open_desk.page.context.set_offline(True)
    open_desk.expected.append("ERR_INTERNET_DISCONNECTED")
    open_desk.write(ARTICLE)
    open_desk.page.click("#send")
    assert "The service cannot be reached" in open_desk.problem().inner_text()
    assert open_desk.page.input_value("#text") == ARTICLE
    open_desk.page.context.set_offline(False)
    open_desk.send()
    assert not open_desk.one("#problem").is_visible()
