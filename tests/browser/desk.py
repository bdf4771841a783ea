"""The page in a real browser, watched: what it asks of whom, what it complains of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from bench.browser import FLAGS, program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

WAIT_MS = 30_000
ARTICLE = (
    "Harbour clock runs on time\n\n"
    "Published: Updated:\n\n"
    "The harbour clock 🕰️ of Eastbrook struck noon on Tuesday for the first time in eleven years. "
    "A new spring, made in the town's own workshop, cost 840 pounds. "
    "About 200 people had come to hear it.\n\n"
    "The old spring broke in the winter of 2015, and nobody could be found to repair it.\n\n"
    "Read more:\n\n"
    "Ten gardens to visit this spring"
)
# Policy violations are events of the document; a page that is left forgets them.
_WATCH = "addEventListener('securitypolicyviolation', (e) => console.error('violation: ' + e.violatedDirective));"


@dataclass
class Desk:
    """A page and all that was noticed of it. `expected` are parts of complaints that a test provokes."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    requests: list[Any] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def open(self) -> Desk:
        """Load the page and wait until it knows the service's languages."""
        self.page.goto(self.url)
        self.page.wait_for_selector("#language option >> nth=1", state="attached")
        return self

    def one(self, selector: str) -> Locator:
        """What a selector finds."""
        return self.page.locator(selector)

    def write(self, text: str) -> None:
        """Put an article on the sheet."""
        self.page.fill("#text", text)

    def paste(self, text: str) -> None:
        """Paste as a reader does, from the clipboard."""
        self.page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
        self.page.focus("#text")
        self.page.keyboard.press("Control+V")

    def send(self) -> None:
        """Ask for the summary and wait for it."""
        self.page.click("#send")
        self.done()

    def done(self) -> None:
        """Wait for a complete reply."""
        self.page.wait_for_selector("body[data-state=result] #original .pane")

    def summarize(self, text: str = ARTICLE) -> None:
        """The whole way."""
        self.write(text)
        self.send()

    def summarize_again(self) -> None:
        """Send what is on the sheet once more, and wait until that is answered."""
        with self.page.expect_response("**/v1/summarize"):
            self.page.click("#send")
        self.page.wait_for_selector("#progress", state="hidden")
        self.done()

    def problem(self) -> Locator:
        """The message of a failure, once it is there."""
        self.page.wait_for_selector("#problem:not([hidden])")
        return self.one("#problem")

    def said(self, words: str) -> None:
        """Wait until screen readers are told these words."""
        self.page.wait_for_function(
            "(words) => document.getElementById('status').textContent.includes(words)", arg=words
        )

    def body(self, path: str = "/v1/summarize") -> Any:
        """The last body that was sent to a path."""
        return [one for one in self.requests if urlsplit(one.url).path == path][-1].post_data_json

    def clipboard(self) -> str:
        """What was copied."""
        text: str = self.page.evaluate("navigator.clipboard.readText()")
        return text


def browser() -> Iterator[Browser]:
    """A Chromium, for a fixture; ended with everything that belongs to it."""
    path = program()
    if path is None:
        pytest.skip("chromium is not installed")
    # Heavy: the package is no part of what developers must install.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield started
        finally:
            started.close()


@contextmanager
def sitting(browser: Browser, url: str, **options: Any) -> Iterator[Desk]:
    """A fresh window on the page; in the end nobody else was asked and nothing complained unexpectedly."""
    given = {"locale": "en-GB", "reduced_motion": "reduce", "permissions": ["clipboard-read", "clipboard-write"]}
    context = browser.new_context(**{**given, **options})
    try:
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(_WATCH)
        page = context.new_page()
        desk = Desk(page, url)

        def complain(message: Any) -> None:
            if message.type in ("error", "warning"):
                desk.complaints.append(message.text)

        def note(request: Any) -> None:
            desk.requests.append(request)
            if urlsplit(request.url).scheme not in ("data", "blob"):
                desk.hosts.add(urlsplit(request.url).netloc)

        page.on("console", complain)
        page.on("pageerror", lambda error: desk.complaints.append(str(error)))
        context.on("request", note)
        yield desk
        assert desk.hosts <= {urlsplit(url).netloc}
        left = [one for one in desk.complaints if not any(part in one for part in desk.expected)]
        assert left == []
    finally:
        context.close()


def url_of(port: int) -> str:
    """The page of a service on this machine."""
    return f"http://127.0.0.1:{port}/"


def axe() -> str:
    """The script of the accessibility checker."""
    from scripts import axe_core

    path = axe_core.script(Path(__file__).parents[2] / ".make" / "axe")
    if not path.is_file() and shutil.which("npm") is None:
        pytest.skip("axe-core is not installed")
    return path.read_text("utf-8")
