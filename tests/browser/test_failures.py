"""What goes wrong, told in plain words; what takes long, cancelled; keys and limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.api.callers import KEY, OTHER, UNKNOWN, table
from tests.browser.desk import ARTICLE, Desk, sitting, url_of
from tests.process.service import Service, serving, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.heavy, pytest.mark.process]

SLOW = "The mill closed on Friday. fake:steps=600 fake:step_ms=100 It made flour for 300 years."


def failing(desk: Desk, text: str, status: int) -> str:
    """The message shown for a text that fails with this status."""
    desk.expected.append(f"status of {status}")
    desk.write(text)
    desk.page.click("#send")
    return desk.problem().inner_text()


def test_nothing_to_send(slow_desk: Desk) -> None:
    """Without an article nothing is sent, and the reader is led to the sheet."""
    slow_desk.page.click("#send")
    assert "Paste an article first" in slow_desk.problem().inner_text()
    assert slow_desk.page.evaluate("document.activeElement.id") == "text"
    assert not [one for one in slow_desk.requests if one.method == "POST"]


def test_an_engine_that_fails(slow_desk: Desk) -> None:
    """A failure in the service says so, with its number; the article stays, and the next try goes."""
    words = failing(slow_desk, "The mill closed. fake:fail It made flour.", 500)
    assert "Something went wrong in the service" in words
    assert "Number of this request:" in words
    assert slow_desk.page.input_value("#text").startswith("The mill closed.")
    assert slow_desk.one("#problem").get_attribute("role") == "alert"
    slow_desk.summarize("The mill closed. It made flour.")
    assert not slow_desk.one("#problem").is_visible()


def test_a_text_that_is_too_long(slow_desk: Desk) -> None:
    """A limit of the service is told with the name of the field as the page calls it."""
    words = failing(slow_desk, "word " * 110_000, 422)
    assert "The article is too long" in words
    assert "Article: " in words
    assert "500000" in words


def test_a_body_that_is_too_large(slow_desk: Desk) -> None:
    """More than the service reads at all is refused, and the page says that it is the article."""
    slow_desk.expected.append("status of 413")
    slow_desk.one("#text").evaluate("(node) => { node.value = ('語'.repeat(60) + '\\n').repeat(12000); }")
    slow_desk.page.click("#send")
    assert "The article is too large" in slow_desk.problem().inner_text()


def test_a_target_that_fails_alone(slow_desk: Desk) -> None:
    """A target without an engine does not take the summary with it."""
    slow_desk.page.evaluate("localStorage['precis.targets'] = JSON.stringify(['de', 'xx'])")
    slow_desk.page.reload()
    slow_desk.page.wait_for_selector("#chips .chip")
    assert slow_desk.one("#chips .chip").all_inner_texts() == ["German"]
    slow_desk.summarize("The mill closed. It made flour.")
    assert slow_desk.one(".card .prose").inner_text().startswith("[de]")


@pytest.mark.parametrize("way", ["button", "escape"])
def test_cancelling(slow_desk: Desk, scripted: Service, way: str) -> None:
    """A request that runs can be cancelled by button and by Escape; the sheet is as it was, and can be sent again."""
    slow_desk.expected.append("net::ERR_ABORTED")
    slow_desk.write(SLOW)
    slow_desk.page.keyboard.press("Control+Enter")
    slow_desk.page.wait_for_selector("#progress:not([hidden])")
    assert not slow_desk.one("#send").is_visible()
    assert slow_desk.one("#text").evaluate("(node) => node.readOnly")
    if way == "button":
        slow_desk.page.click("#cancel")
    else:
        slow_desk.page.keyboard.press("Escape")
    slow_desk.said("Cancelled")
    assert not slow_desk.one("#progress").is_visible()
    assert not slow_desk.one("#problem").is_visible()
    assert slow_desk.page.evaluate("document.activeElement.id") == "send"
    slow_desk.summarize("The mill closed. It made flour.")
    # The engine is free again: the next request does not wait behind the cancelled one.
    assert scripted.model_ready()


def test_cancelling_keeps_the_result_before(slow_desk: Desk) -> None:
    """A second request that is cancelled leaves the first result on show."""
    slow_desk.summarize("The mill closed. It made flour.")
    before = slow_desk.one("#summary .prose").inner_text()
    slow_desk.page.click("#edit")
    slow_desk.write(SLOW)
    slow_desk.page.click("#send")
    slow_desk.page.wait_for_selector("#progress:not([hidden])")
    slow_desk.page.click("#cancel")
    slow_desk.said("Cancelled")
    assert slow_desk.one("body").get_attribute("data-state") == "edit"
    assert slow_desk.page.input_value("#text") == SLOW
    slow_desk.write("The mill closed. It made flour.")
    slow_desk.send()
    assert slow_desk.one("#summary .prose").inner_text() == before


def test_only_one_request_at_a_time(slow_desk: Desk) -> None:
    """Sending twice while one runs sends once."""
    slow_desk.write(SLOW)
    for _ in range(3):
        slow_desk.page.keyboard.press("Control+Enter")
    slow_desk.page.wait_for_selector("#progress:not([hidden])")
    assert len([one for one in slow_desk.requests if one.method == "POST"]) == 1
    slow_desk.page.keyboard.press("Escape")
    slow_desk.said("Cancelled")


def test_a_reply_that_is_no_reply(slow_desk: Desk) -> None:
    """What a proxy says instead of the service is a failure, not an empty summary."""
    slow_desk.page.route(
        "**/v1/summarize", lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>Bad</h1>")
    )
    assert "That did not work" in failing(slow_desk, ARTICLE, 502)
    slow_desk.page.unroute("**/v1/summarize")
    slow_desk.page.route(
        "**/v1/summarize", lambda route: route.fulfill(status=200, content_type="application/json", body='{"half')
    )
    slow_desk.page.click("#send")
    slow_desk.page.wait_for_function(
        "() => document.getElementById('problem').textContent.includes('The reply broke off')"
    )


@contextmanager
def guarded(browser: Browser, folder: Path, text: str) -> Iterator[Desk]:
    """The page of a service with keys."""
    file = folder / "keys.toml"
    file.write_text(text)
    with serving(engines="fake", api_workers=1, keys_file=file) as service:
        with sitting(browser, url_of(service.port)) as desk:
            desk.expected += ["401", "403", "429"]
            yield desk


def test_a_key_is_asked_for(browser: Browser, tmp_path: Path) -> None:
    """With keys on there is a field for it: wrong ones are told, the right one is sent, and none is kept for good."""
    with guarded(browser, tmp_path, table("news")) as desk:
        desk.page.goto(desk.url)
        desk.page.wait_for_selector("#key-panel:not([hidden])")
        desk.write("The mill closed. It made flour.")
        desk.page.click("#send")
        assert "A key is needed" in desk.problem().inner_text()
        assert desk.page.evaluate("document.activeElement.id") == "key"
        desk.page.keyboard.insert_text(UNKNOWN)
        desk.page.keyboard.press("Enter")
        desk.page.click("#send")
        assert "this key is not known" in desk.problem().inner_text()
        desk.page.fill("#key", KEY)
        desk.page.keyboard.press("Enter")
        desk.page.wait_for_selector("#language option >> nth=1", state="attached")
        desk.send()
        assert desk.requests[-1].headers["authorization"] == f"Bearer {KEY}"
        kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
        assert KEY not in desk.page.evaluate(kept)
        desk.page.check("#key-keep")
        assert desk.page.evaluate("sessionStorage['precis.key']") == KEY
        assert KEY not in desk.page.evaluate("JSON.stringify({...localStorage})")
        desk.open()
        desk.summarize("The mill closed. It made flour.")
        desk.page.uncheck("#key-keep")
        assert KEY not in desk.page.evaluate(kept)


def test_a_key_for_other_things(browser: Browser, tmp_path: Path) -> None:
    """A key that may not summarize is told so in words."""
    with guarded(browser, tmp_path, table("news", OTHER, 'scopes = ["detect"]')) as desk:
        desk.page.goto(desk.url)
        desk.page.fill("#key", OTHER)
        desk.page.keyboard.press("Enter")
        desk.page.wait_for_selector("#language option >> nth=1", state="attached")
        desk.write(ARTICLE)
        desk.page.click("#send")
        assert "This key may not do that" in desk.problem().inner_text()


def test_a_limit_counts_down(browser: Browser, tmp_path: Path) -> None:
    """Over a limit the button waits with a countdown, then sends again."""
    with guarded(browser, tmp_path, table("news") + "[anonymous]\nrequests_per_minute = 2\n") as desk:
        desk.page.clock.install()
        desk.open()
        desk.summarize("The mill closed. It made flour.")
        desk.page.click("#send")
        assert "The limit of your key is reached" in desk.problem().inner_text()
        assert desk.one("#send").is_disabled()
        seconds = int(desk.one("#send").inner_text().split()[1])
        assert 1 <= seconds <= 60
        assert f"You can try again in {seconds} seconds." in desk.one("#problem").inner_text()
        desk.page.clock.fast_forward(1000 * (seconds - 1))
        assert desk.one("#send").inner_text() == "Wait 1 s"
        desk.page.clock.fast_forward(1100)
        assert desk.one("#send").is_enabled()
        assert desk.one("#send").inner_text() == "Summarize"
        desk.page.clock.fast_forward(100)
        desk.said("You can try again now.")


def test_a_busy_service_counts_down(slow_desk: Desk) -> None:
    """A full queue is told as such, with the time the service names in its header."""
    body = {"code": "overloaded", "title": "The queue is full", "status": 429, "detail": "the queue is full"}
    slow_desk.expected.append("429")
    slow_desk.page.route(
        "**/v1/summarize",
        lambda route: route.fulfill(
            status=429,
            content_type="application/problem+json",
            headers={"Retry-After": "7"},
            body=json.dumps(body),
        ),
    )
    slow_desk.write(ARTICLE)
    slow_desk.page.click("#send")
    assert "The service is busy" in slow_desk.problem().inner_text()
    assert slow_desk.one("#send").inner_text() in ("Wait 7 s", "Wait 6 s")
    slow_desk.page.keyboard.press("Control+Enter")
    assert len([one for one in slow_desk.requests if one.method == "POST"]) == 1


def test_a_service_that_comes_back(browser: Browser) -> None:
    """A model process that died is a failure in words, and the next try works."""
    with serving(engines="fake", api_workers=1) as service, sitting(browser, url_of(service.port)) as desk:
        desk.open()
        words = failing(desk, "The mill closed. fake:exit It made flour.", 503)
        assert "The service is starting or being repaired" in words
        wait_until(service.model_ready, "a new model process")
        desk.page.wait_for_function("() => !document.getElementById('send').disabled")
        desk.summarize("The mill closed. It made flour.")
