"""No state of the page has a violation that axe finds, in light and in dark, wide and narrow."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser import prepared
from tests.browser.desk import ARTICLE, Desk, axe, sitting, url_of
from tests.browser.test_texts import HEBREW
from tests.process.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.heavy, pytest.mark.process]


def empty(desk: Desk) -> None:
    """As it opens, with the list of languages unfolded."""
    desk.page.click("#pick")


def result(desk: Desk) -> None:
    """A summary with translations, one that failed, a lit sentence, and all details."""
    desk.page.evaluate("localStorage['precis.targets'] = JSON.stringify(['es', 'ru'])")
    desk.page.reload()
    desk.page.wait_for_selector("#chips .chip >> nth=1")
    desk.summarize(ARTICLE)
    desk.page.click("#about summary")
    desk.one("#summary .sentence").first.focus()


def right_to_left(desk: Desk) -> None:
    """A result in Hebrew."""
    desk.summarize(HEBREW)


def doubtful(desk: Desk) -> None:
    """A result with doubts, flags, warnings and a sentence without a source."""
    text = "The mill in Westbrook closed."
    check = {"check": "too_short", "action": "flagged", "segment": 0, "start": 0, "end": 9}
    found = prepared.unsupported(prepared.doubt(text, "Westbrook", "name"))
    reply = prepared.reply(
        summary=text,
        made={"faithfulness": found, "sentences": [{"text": text, "sources": []}]},
        translations=[prepared.translation("ca", text, faithfulness=found, checks=[check])],
        warnings=[{"code": "shortened", "detail": "shortened"}],
        cleaning={"removed": [{"start": 0, "end": 8, "rule": "byline", "text": "The mill"}]},
    )
    desk.page.route(
        "**/v1/summarize",
        lambda route: route.fulfill(status=200, content_type="application/json", body=json.dumps(reply)),
    )
    desk.summarize(prepared.TEXT)


def error(desk: Desk) -> None:
    """A failure with a countdown."""
    body = {"code": "rate_limited", "detail": "too many", "retry_after_s": 30, "request_id": "0123456789"}
    desk.expected.append("429")
    desk.page.route(
        "**/v1/summarize",
        lambda route: route.fulfill(status=429, content_type="application/problem+json", body=json.dumps(body)),
    )
    desk.write(ARTICLE)
    desk.page.click("#send")
    desk.problem()


def locked(desk: Desk) -> None:
    """The field for a key."""
    desk.expected.append("401")
    desk.page.route(
        "**/v1/summarize",
        lambda route: route.fulfill(
            status=401, content_type="application/problem+json", body='{"code": "unauthorized", "detail": "send a key"}'
        ),
    )
    desk.write(ARTICLE)
    desk.page.click("#send")
    desk.page.wait_for_selector("#key-panel:not([hidden])")


AUDIT = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"], runOnly: {
    type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } });
  return found.violations.map((one) => one.id + ": " + one.help + " – " + one.nodes.map((node) =>
    node.target.join(" ") + " " + (node.any[0]?.message ?? node.all[0]?.message ?? "")).join(" | "));
}"""


@pytest.mark.parametrize("state", [empty, result, right_to_left, doubtful, error, locked], ids=lambda one: one.__name__)
@pytest.mark.parametrize("width", [1440, 360])
def test_no_violations(browser: Browser, embedded: Service, state: Callable[[Desk], None], width: int) -> None:
    """Names, roles, contrast and structure are right, in both themes."""
    script = axe()
    with sitting(browser, url_of(embedded.port), viewport={"width": width, "height": 900}) as desk:
        desk.open()
        state(desk)
        # A script that comes from outside of the page is under no policy of it; what axe tries in it may be.
        desk.expected += ["TrustedHTML", "TrustedScript", "violation: require-trusted-types-for", "trusted-types"]
        desk.page.evaluate(script)
        for theme in ("light", "dark"):
            desk.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            assert desk.page.evaluate(AUDIT) == [], theme


def test_the_audit_sees_what_is_wrong(open_desk: Desk) -> None:
    """A field without a name and a text without contrast would be found."""
    open_desk.page.evaluate(axe())
    open_desk.expected += ["TrustedHTML", "TrustedScript", "violation: require-trusted-types-for", "trusted-types"]
    open_desk.page.evaluate(
        """() => {
          document.querySelector("label[for=length]").remove();
          document.querySelector(".brand p").style.color = "#dddddd";
        }"""
    )
    found = open_desk.page.evaluate(AUDIT)
    assert {one.split(":")[0] for one in found} == {"select-name", "color-contrast"}
