"""Sentences of the summary and their places in the original light each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.desk import ARTICLE, Desk, sitting, url_of
from tests.process.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.heavy, pytest.mark.process]

FILLER = "\n\n".join(
    f"On day {day} the committee met in the hall and talked about benches, lamps and the old oak by the gate."
    for day in range(1, 60)
)
LONG = f"{ARTICLE}\n\n{FILLER}"


def in_view(desk: Desk, selector: str) -> bool:
    """Whether an element is inside of the part of the original that is shown."""
    found: bool = desk.page.evaluate(
        """(selector) => {
          const outer = document.querySelector("#original .pane").getBoundingClientRect();
          const inner = document.querySelector(selector).getBoundingClientRect();
          return inner.top >= outer.top && inner.bottom <= outer.bottom;
        }""",
        selector,
    )
    return found


def test_hovering_a_sentence_lights_its_source(open_desk: Desk) -> None:
    """The source lights up with the sentence, nothing else does, and both go out again."""
    open_desk.summarize()
    for index in range(2):
        open_desk.one("#summary .sentence").nth(index).hover()
        lit = open_desk.one("#original .lit")
        assert lit.count() == 1
        assert lit.inner_text() == open_desk.one("#summary .sentence.lit").inner_text()
    open_desk.one("h1").hover()
    assert open_desk.one(".lit").count() == 0


def test_a_source_out_of_view_is_scrolled_to(open_desk: Desk) -> None:
    """Pointing at a sentence brings its source into view in the original; the page itself stays where it is."""
    open_desk.page.select_option("#length", "sentences")
    open_desk.page.fill("#amount", "40")
    open_desk.summarize(LONG)
    last = open_desk.one("#summary .sentence").last
    last.scroll_into_view_if_needed()
    open_desk.page.evaluate("document.querySelector('#original .pane').scrollTop = 0")
    before = open_desk.page.evaluate("scrollY")
    last.hover()
    assert in_view(open_desk, "#original .source.lit")
    assert open_desk.page.evaluate("scrollY") == before
    first = open_desk.one("#summary .sentence").first
    first.focus()
    assert in_view(open_desk, "#original .source.lit")


def test_a_source_shows_its_sentence(open_desk: Desk) -> None:
    """The other way round: a source lights the sentence, is named after it, and Enter goes there and back."""
    open_desk.summarize()
    source = open_desk.one("#original .source").nth(1)
    assert source.get_attribute("title") == "Source of sentence 2 of the summary"
    source.hover()
    assert open_desk.one("#summary .lit").get_attribute("data-n") == "2"
    source.focus()
    open_desk.page.keyboard.press("Enter")
    assert open_desk.page.evaluate("document.activeElement.dataset.n") == "2"
    assert open_desk.page.evaluate("document.activeElement.matches('#summary .sentence')")
    open_desk.page.keyboard.press("Enter")
    assert open_desk.page.evaluate("document.activeElement.matches('#original .source')")


def test_links_have_names_and_say_what_they_do(open_desk: Desk) -> None:
    """For screen readers a sentence is a link with its own words as its name, and a hint what Enter does."""
    open_desk.summarize()
    sentence = open_desk.one("#summary .sentence").first
    assert sentence.get_attribute("role") == "link"
    described = sentence.get_attribute("aria-describedby")
    assert open_desk.one(f"#{described}").text_content() == "Press Enter to go to where the original says this."


def test_selecting_a_sentence_does_not_lead_away(open_desk: Desk) -> None:
    """Whoever marks words with the mouse keeps place and focus."""
    open_desk.summarize()
    box = open_desk.one("#summary .sentence").first.bounding_box()
    assert box
    open_desk.page.mouse.move(box["x"] + 20, box["y"] + 12)
    open_desk.page.mouse.down()
    open_desk.page.mouse.move(box["x"] + 200, box["y"] + 12, steps=4)
    open_desk.page.mouse.up()
    assert open_desk.page.evaluate("String(getSelection())") != ""
    assert not open_desk.page.evaluate("document.activeElement.matches('#original .source')")


def test_a_tap_on_a_phone_goes_there_and_back(browser: Browser, embedded: Service) -> None:
    """On a narrow screen a tap on a sentence scrolls the page to its source, and a tap there back."""
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with sitting(browser, url_of(embedded.port), **phone) as desk:
        desk.open().summarize(LONG)
        desk.one("#summary .sentence").nth(1).tap()
        desk.page.wait_for_function("() => document.activeElement.matches('#original .source')")
        visible = "document.activeElement.getBoundingClientRect().top"
        assert 0 <= desk.page.evaluate(visible) < 740
        desk.page.tap("#original .source.lit")
        desk.page.wait_for_function("() => document.activeElement.matches('#summary .sentence')")
        assert 0 <= desk.page.evaluate(visible) < 740
