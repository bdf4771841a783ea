"""Texts of all scripts, doubts in them, and text that would like to be markup."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import prepared
from tests.browser.desk import ARTICLE, Desk, sitting, url_of
from tests.process.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = [pytest.mark.heavy, pytest.mark.process]

HINDI = (
    "पुस्तकालय दो साल बाद सोमवार को फिर खुल गया। छत की मरम्मत पर बीस लाख रुपये खर्च हुए। "
    "सुबह नौ बजे दरवाज़े के सामने चार सौ लोग खड़े थे। अब पुस्तकालय रात आठ बजे तक खुला रहेगा।"
)
HEBREW = (
    "הספרייה העירונית נפתחה מחדש ביום שני אחרי שנתיים של שיפוצים. הגג דלף מאז הסערה של שנת 2024.\n\n"
    "Eastbrook Post\n\n"
    "העירייה שילמה את רוב החשבון והקוראים נתנו את השאר. הספרייה תהיה פתוחה מעתה עד שמונה בערב."
)
THAI = (
    "ห้องสมุดประชาชนของเมืองเปิดอีกครั้งเมื่อวันจันทร์หลังจากซ่อมแซมมาสองปี หลังคารั่วตั้งแต่พายุในปี 2567 "
    "เทศบาลจ่ายค่าใช้จ่ายส่วนใหญ่และผู้อ่านบริจาคส่วนที่เหลือ ห้องสมุดจะเปิดถึงสองทุ่มทุกวันนับจากนี้"
)


def answer(desk: Desk, reply: dict[str, Any]) -> None:
    """Let the service answer with a prepared reply."""

    def fulfil(route: Route) -> None:
        route.fulfill(status=200, content_type="application/json", body=json.dumps(reply))

    desk.page.route("**/v1/summarize", fulfil)


def test_each_text_has_its_own_direction(open_desk: Desk) -> None:
    """A Hindi summary runs to the right, its Urdu translation to the left, each in its language; the page does not."""
    open_desk.page.evaluate("localStorage['precis.targets'] = JSON.stringify(['ur'])")
    open_desk.page.reload()
    open_desk.page.wait_for_selector("#chips .chip")
    open_desk.summarize(HINDI)
    attributes = "(node) => [node.lang, node.dir, getComputedStyle(node).direction]"
    assert open_desk.one("#summary .prose").evaluate(attributes) == ["hi", "ltr", "ltr"]
    assert open_desk.one(".card .prose").evaluate(attributes) == ["ur", "rtl", "rtl"]
    assert open_desk.one("#text").get_attribute("lang") == "hi"
    assert open_desk.one("html").evaluate("(node) => [node.lang, node.dir]") == ["en", "ltr"]


def test_right_to_left_originals(open_desk: Desk) -> None:
    """A Hebrew article runs to the left; a line in it that has no Hebrew runs to the right."""
    open_desk.summarize(HEBREW)
    pane = open_desk.one("#original .pane")
    assert pane.evaluate("(node) => [node.lang, node.dir]") == ["he", "rtl"]
    directions = [line.get_attribute("dir") for line in pane.locator("p").all()]
    assert directions == [None, "ltr", None]
    summary = open_desk.one("#summary .prose").bounding_box()
    column = open_desk.one("#summary").bounding_box()
    assert summary and column
    assert summary["x"] + summary["width"] == pytest.approx(column["x"] + column["width"], abs=1)


@pytest.mark.parametrize(("text", "language"), [(HEBREW, "he"), (THAI, "th"), (HINDI, "hi"), (ARTICLE, "en")])
@pytest.mark.parametrize("width", [360, 1920])
def test_nothing_sticks_out(browser: Browser, embedded: Service, width: int, text: str, language: str) -> None:
    """No width and no script makes the page scroll sideways, before or after the summary."""
    with sitting(browser, url_of(embedded.port), viewport={"width": width, "height": 800}) as desk:
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        desk.open()
        desk.page.click("#pick")
        assert desk.page.evaluate(wide) <= 0
        desk.page.keyboard.press("Escape")
        desk.summarize(text)
        assert desk.one("#summary .prose").get_attribute("lang") == language
        desk.page.click("#about summary")
        assert desk.page.evaluate(wide) <= 0


def test_doubts_are_marked_and_named(open_desk: Desk) -> None:
    """What is not in the source is marked in the text, its kind is said beside it and listed below."""
    summary = "The mill in Westbrook closed. It made flour for 500 years."
    spanish = "El molino 🌾 de Sur cerró."
    answer(
        open_desk,
        prepared.reply(
            summary=summary,
            made={
                "faithfulness": prepared.unsupported(
                    prepared.doubt(summary, "Westbrook", "name"), prepared.doubt(summary, "500 years", "amount")
                )
            },
            translations=[
                prepared.translation(
                    "es",
                    spanish,
                    faithfulness=prepared.unsupported({"start": 16, "end": 19, "text": "Sur", "kind": "name"}),
                    checks=[{"check": "too_short", "action": "flagged", "segment": 0, "start": 0, "end": 9}],
                )
            ],
        ),
    )
    open_desk.summarize(prepared.TEXT)
    marked = open_desk.one("#summary mark.doubt")
    assert [mark.evaluate("(node) => node.firstChild.data") for mark in marked.all()] == ["Westbrook", "500 years"]
    assert "(not in the article: name)" in (marked.first.text_content() or "")
    assert open_desk.one("#summary .doubts li").all_inner_texts() == ["Westbrook name", "500 years amount"]
    assert open_desk.one("#translations .doubts bdi").get_attribute("lang") == "es"
    assert open_desk.one(".card mark.doubt").evaluate("(node) => node.firstChild.data") == "Sur"
    assert "doubtful: it was very short" in (open_desk.one(".card mark.flag").first.text_content() or "")
    open_desk.said("3 doubtful facts.")
    open_desk.page.click("#summary .copy")
    open_desk.said("Copied")
    assert open_desk.clipboard() == summary


def test_everything_unusual_is_said_in_plain_words(open_desk: Desk) -> None:
    """Warnings, fallbacks, routes and second looks are sentences, also those that this page does not know yet."""
    answer(
        open_desk,
        prepared.reply(
            made={
                "engine": "bart",
                "degraded": "extractive",
                "route": ["de", "en", "de"],
                "checks": [
                    {"task": "summarize", "check": "loop", "action": "redecoded"},
                    {"task": "translate", "check": "brand_new", "action": "flagged"},
                ],
            },
            warnings=[
                {"code": "shortened", "detail": "short detail"},
                {"code": "brand_new", "detail": "Something that only the service knows."},
            ],
            language={"code": "und", "confidence": 0.0, "detected": True},
        ),
    )
    open_desk.summarize(prepared.TEXT)
    words = open_desk.one("#summary").inner_text()
    assert "No whole sentence fits the length, so one was cut." in words
    assert "Something that only the service knows." in words
    assert "Language not recognized" in words
    assert "Made of the article's own sentences" in words
    assert "German to German, by way of English" in words
    open_desk.page.click("#about summary")
    about = open_desk.one("#about").inner_text()
    assert "it repeated itself: replaced" in about
    assert "brand new: kept, look at it" in about


def test_a_sentence_without_source_says_so(open_desk: Desk) -> None:
    """A sentence that nothing supports is no link, and says why."""
    answer(open_desk, prepared.reply(made={"sentences": [{"text": prepared.TEXT, "sources": []}]}))
    open_desk.summarize(prepared.TEXT)
    sentence = open_desk.one("#summary .sentence")
    assert sentence.get_attribute("role") is None
    assert sentence.get_attribute("title") == "Nothing in the original says this."


def test_text_never_becomes_markup(open_desk: Desk, tmp_path: Path) -> None:
    """Markup in an article, a file's name, a failure, or any text of a reply is shown as it is written."""
    path = tmp_path / "<img src=x onerror=document.body.dataset.owned=1>.txt"
    path.write_text(f"{prepared.EVIL} The mill closed on Friday. It made flour for 300 years.")
    open_desk.page.set_input_files("#file", path)
    open_desk.said("<img src=x")
    open_desk.page.check("input[value=text]")
    open_desk.send()
    assert prepared.EVIL in open_desk.one("#original .pane").inner_text()
    evil = prepared.EVIL
    answer(
        open_desk,
        prepared.reply(
            summary=evil,
            made={
                "engine": evil,
                "degraded": evil,
                "route": ["en", evil],
                "faithfulness": prepared.unsupported({"start": 0, "end": 9, "text": evil, "kind": evil}),
            },
            title=evil,
            translations=[
                prepared.translation("es", evil, engine=evil, quality=evil),
                {"language": evil, "status": "error", "error": {"code": evil, "detail": evil, "supported": [evil]}},
            ],
            cleaning={"removed": [{"start": 0, "end": 3, "rule": evil, "text": "The"}]},
            warnings=[{"code": evil, "detail": evil}],
        ),
    )
    open_desk.send()
    open_desk.page.wait_for_selector("#translations .card >> nth=1")
    open_desk.page.click("#about summary")
    assert open_desk.one("#result img, #result script").count() == 0
    open_desk.page.unroute("**/v1/summarize")
    problem = {"code": evil, "title": evil, "detail": evil, "field": evil, "supported": [evil], "request_id": evil}
    open_desk.page.route(
        "**/v1/summarize",
        lambda route: route.fulfill(status=400, content_type="application/problem+json", body=json.dumps(problem)),
    )
    open_desk.expected.append("400 (Bad Request)")
    open_desk.page.click("#send")
    assert evil in open_desk.problem().inner_text()
    assert open_desk.page.evaluate("document.body.dataset.owned") is None
    assert open_desk.one("main img, main script").count() == 0


def test_markup_cannot_be_made_even_on_purpose(open_desk: Desk) -> None:
    """The policy refuses text as markup to every script of the page."""
    open_desk.expected += ["TrustedHTML", "violation: require-trusted-types-for"]
    caught = open_desk.page.evaluate(
        "() => { try { document.body.innerHTML = '<p>x</p>'; return ''; } catch (error) { return error.name; } }"
    )
    assert caught == "TypeError"


def test_colours_of_the_system_are_kept(browser: Browser, embedded: Service) -> None:
    """With forced colours sources, the lit sentence and the kind of the article can still be told."""
    with sitting(browser, url_of(embedded.port), forced_colors="active") as desk:
        desk.open().summarize()
        desk.one("#summary .sentence").first.hover()
        style = "(node) => [getComputedStyle(node).textDecorationLine, getComputedStyle(node).backgroundColor]"
        lit = desk.one("#original .source.lit").evaluate(style)
        other = desk.one("#original .source:not(.lit)").evaluate(style)
        assert lit[0] == other[0] == "underline"
        assert lit[1] != other[1]


def test_still_for_those_who_want_it_still(browser: Browser, embedded: Service) -> None:
    """Without a wish for less motion colours change softly; with it nothing moves."""
    seconds = "(node) => getComputedStyle(node).transitionDuration"
    for wish, moves in (("no-preference", True), ("reduce", False)):
        with sitting(browser, url_of(embedded.port), reduced_motion=wish) as desk:
            desk.open().summarize()
            assert (desk.one("#summary .sentence").first.evaluate(seconds) != "0s") is moves
