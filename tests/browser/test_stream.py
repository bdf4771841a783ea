"""Replies that come bit by bit, and services that do not give them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser import prepared
from tests.browser.desk import Desk, sitting, url_of
from tests.browser.streaming import EVENTS, Streaming, streaming
from tests.process.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.heavy, pytest.mark.process]

LANGUAGE = {"code": "en", "confidence": 0.97, "detected": True}
FIRST, REST = "The mill in Eastbrook closed", " on Friday. It made flour for 300 years."


@pytest.fixture
def script() -> Iterator[Streaming]:
    """An API that streams on command."""
    with streaming() as running:
        yield running


@pytest.fixture
def live(browser: Browser, script: Streaming) -> Iterator[Desk]:
    """Its page, with one target."""
    with sitting(browser, url_of(script.port)) as desk:
        desk.page.add_init_script("localStorage['precis.targets'] = JSON.stringify(['es'])")
        yield desk.open()


def begin(desk: Desk) -> None:
    """Send the article."""
    desk.write(prepared.TEXT)
    desk.page.click("#send")


def test_a_summary_grows(live: Desk, script: Streaming) -> None:
    """Language, summary and each translation appear as soon as they are there, and the end puts everything together."""
    begin(live)
    script.say(script.event("language", language=LANGUAGE), script.event("summary.delta", text=FIRST, index=0))
    live.page.wait_for_selector("#summary .prose[aria-busy]")
    prose = live.one("#summary .prose")
    live.page.wait_for_function("() => document.querySelector('#summary .prose').textContent.endsWith('closed')")
    assert prose.get_attribute("lang") == "en"
    assert "English, 97% sure" in live.one("#summary").inner_text()
    assert live.one("#cancel").is_visible()
    made = prepared.reply(translations=[prepared.translation("es", "El molino cerró.")])
    script.say(script.event("summary.delta", text=REST, index=0), script.event("summary", summary=made["summary"]))
    live.page.wait_for_selector(".card[aria-busy]")
    assert prose.inner_text() == prepared.TEXT
    script.say(script.event("translation", index=0, translation=made["translations"][0]))
    live.page.wait_for_selector(".card .prose")
    assert not live.one("#original").is_visible()
    script.say(script.event("result", result=made))
    script.end()
    live.done()
    assert live.one("#original .source").inner_text() == prepared.TEXT
    live.said("Summary ready: 1 sentence. 1 translation.")
    assert EVENTS in script.accepted[0]


def test_a_summary_that_is_written_anew(live: Desk, script: Streaming) -> None:
    """What was sent before is dropped where the service says so."""
    begin(live)
    script.say(
        script.event("language", language=LANGUAGE),
        script.event("summary.delta", text="Something else.", index=0),
        script.event("summary.delta", text=FIRST, index=0, reset=True),
    )
    live.page.wait_for_function("() => document.querySelector('#summary .prose')?.textContent.endsWith('closed')")
    assert live.one("#summary .prose").inner_text() == FIRST
    script.say(script.event("result", result=prepared.reply()))
    script.end()
    live.done()


def test_portions_do_not_matter(live: Desk, script: Streaming) -> None:
    """Events cut anywhere, also inside of a character, with comments between them, are the same events."""
    begin(live)
    text = "Die Mühle 🌾 schließt."
    whole = b": keep-alive\n\n" + script.event("language", language=LANGUAGE).replace(b"\n", b"\r\n")
    whole += script.event("summary.delta", text=text, index=0)
    script.say(*(whole[at : at + 1] for at in range(len(whole))))
    live.page.wait_for_function("() => document.querySelector('#summary .prose')?.textContent.endsWith('schließt.')")
    assert live.one("#summary .prose").inner_text() == text
    script.say(script.event("result", result=prepared.reply()))
    script.end()
    live.done()


def test_a_stream_that_fails(live: Desk, script: Streaming) -> None:
    """A failure in the middle is told like any other, and nothing half stays on show."""
    begin(live)
    script.say(script.event("language", language=LANGUAGE), script.event("summary.delta", text=FIRST, index=0))
    live.page.wait_for_selector("#summary .prose[aria-busy]")
    problem = {"code": "engine_failed", "title": "The request failed", "detail": "the engine broke", "status": 500}
    script.say(script.event("error", error=problem))
    script.end()
    words = live.problem().inner_text()
    assert "Something went wrong in the service" in words
    assert "the engine broke" in words
    assert not live.one("#result").is_visible()
    assert live.page.input_value("#text") == prepared.TEXT


def test_a_stream_that_breaks_off(live: Desk, script: Streaming) -> None:
    """A connection that ends before the result is no result."""
    begin(live)
    script.say(script.event("language", language=LANGUAGE))
    script.end()
    assert "The reply broke off" in live.problem().inner_text()


def test_a_stream_is_cancelled(live: Desk, script: Streaming) -> None:
    """Escape ends a stream and brings back the result before."""
    begin(live)
    script.say(script.event("result", result=prepared.reply()))
    script.end()
    live.done()
    live.page.click("#send")
    script.say(script.event("language", language=LANGUAGE), script.event("summary.delta", text="New", index=0))
    live.page.wait_for_selector("#summary .prose[aria-busy]")
    live.page.keyboard.press("Escape")
    live.said("Cancelled")
    live.page.wait_for_selector("#original .source")
    assert live.one("#summary .prose").inner_text() == prepared.TEXT
    # The server notices at its next write.
    script.say(b": keep-alive\n\n" * 2)


def test_a_refused_stream_is_asked_for_plainly(live: Desk, script: Streaming) -> None:
    """Where the way does not let streams through, the whole reply is asked for, and from then on at once."""
    script.refuses = True
    live.expected.append("status of 400")
    live.summarize(prepared.TEXT)
    live.summarize_again()
    assert [EVENTS in accept for accept in script.accepted] == [True, False, False]


def test_a_service_without_streams(slow_desk: Desk, scripted: Service) -> None:
    """Events are asked for exactly where the service's own description offers them."""
    document = scripted.get("/openapi.json").json
    offered = EVENTS in document["paths"]["/v1/summarize"]["post"]["responses"]["200"]["content"]
    slow_desk.summarize("The mill closed. It made flour.")
    sent = [one for one in slow_desk.requests if one.method == "POST"]
    assert len(sent) == 1
    assert (EVENTS in sent[0].headers["accept"]) is offered
