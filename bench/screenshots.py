"""Pictures of the page: `python -m bench.screenshots OUT FILE... --url http://127.0.0.1:8080 --to es fr`.

For each file, an article, the page after its summary at 1440 and 360 pixels, light and dark; and a few other states.
Needs a running service, Chromium and the heavy set of packages. Fonts are this machine's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bench.browser import FLAGS, program

WIDTHS = {"desktop": (1440, 900), "phone": (360, 740)}
THEMES = ("light", "dark")


def _open(browser: Browser, url: str, size: tuple[int, int], theme: str, targets: Sequence[str]) -> Page:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        reduced_motion="reduce",
        has_touch=width < 500,
        is_mobile=width < 500,
    )
    context.add_init_script(f"localStorage.setItem('precis.targets', {json.dumps(json.dumps(list(targets)))})")
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("() => document.querySelectorAll('#language option').length > 1")
    return page


def _summarize(page: Page, article: Path, length: str) -> None:
    page.set_input_files("#file", str(article))
    page.wait_for_function("() => document.querySelector('#text').value")
    page.select_option("#length", length)
    page.click("#send")
    page.wait_for_selector("body[data-state=result] #original .pane")


def _one(browser: Browser, given: argparse.Namespace, article: Path, width: str, theme: str) -> None:
    page = _open(browser, given.url, WIDTHS[width], theme, given.to)
    name = f"{article.stem}-{width}-{theme}"
    _summarize(page, article, given.length)
    page.screenshot(path=given.out / f"{name}.png", full_page=True)
    sentence = page.locator(".sentence[data-n]").last
    if sentence.count():
        sentence.focus()
        page.screenshot(path=given.out / f"{name}-lit.png")
    page.context.close()


def _states(browser: Browser, given: argparse.Namespace, width: str, theme: str) -> None:
    page = _open(browser, given.url, WIDTHS[width], theme, given.to)
    page.screenshot(path=given.out / f"empty-{width}-{theme}.png", full_page=True)
    page.click("#pick")
    page.screenshot(path=given.out / f"picker-{width}-{theme}.png", full_page=True)
    page.keyboard.press("Escape")
    page.click("#send")
    page.wait_for_selector("#problem:not([hidden])")
    page.screenshot(path=given.out / f"error-{width}-{theme}.png", full_page=True)
    page.click("[data-example=html]")
    page.click("#send")
    page.wait_for_selector("body[data-state=result] #original .pane")
    page.click("#about summary")
    page.screenshot(path=given.out / f"html-{width}-{theme}.png", full_page=True)
    page.context.close()


def main(arguments: Sequence[str]) -> int:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the pictures")
    parser.add_argument("articles", type=Path, nargs="+", help="articles, as text or HTML")
    parser.add_argument("--url", default="http://127.0.0.1:8080/", help="the page of a running service")
    parser.add_argument("--to", nargs="*", default=["es", "fr"], help="languages to translate into")
    parser.add_argument("--length", default="medium", choices=("short", "medium", "long"))
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program(), args=list(FLAGS))
        for width in WIDTHS:
            for theme in THEMES:
                _states(browser, given, width, theme)
                for article in given.articles:
                    _one(browser, given, article, width, theme)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
