"""The page at `/` and its files, as they are sent."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from service.api import page
from tests.api.conftest import Bench

SCRIPTS = sorted(path.name for path in page.FOLDER.glob("*.js") if path.name != "docs.js")
STYLES = sorted(path.name for path in page.FOLDER.glob("*.css"))
MOST_LINES = 300
# What a browser loads for the page, packed. A limit, so that growth is decided and not drifted into.
MOST_BYTES = 48_000


def source(name: str) -> str:
    """The text of a file of the page."""
    return (page.FOLDER / name).read_text("utf-8")


def test_policy_is_strict(bench: Bench) -> None:
    """Nothing inline, nothing evaluated, nothing from elsewhere, and no text can become markup."""
    policy = bench.client.get("/").headers["Content-Security-Policy"]
    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";")}
    assert "unsafe" not in policy
    assert directives["default-src"] == directives["form-action"] == directives["frame-ancestors"] == ["'none'"]
    for kind in ("script-src", "style-src", "img-src", "connect-src"):
        assert directives[kind] == ["'self'"], kind
    assert directives["require-trusted-types-for"] == ["'script'"]
    assert directives["trusted-types"] == ["'none'"]


def test_nothing_inline(bench: Bench) -> None:
    """The page has no inline styles, scripts or handlers."""
    text = bench.client.get("/").text
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("name", [*SCRIPTS, *STYLES])
def test_no_file_makes_markup_of_text_or_asks_anybody_else(name: str) -> None:
    """Text only ever becomes text, nothing is evaluated, and no other host is named."""
    text = source(name).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment", text)
    assert not re.search(r"\beval\(|new Function|setHTMLUnsafe|srcdoc|DOMParser", text)
    assert not re.search(r"https?://|\burl\(|@import", text)


@pytest.mark.parametrize("name", [page.START, *SCRIPTS, *STYLES])
def test_files_are_short(name: str) -> None:
    """A file of the page is one thing, as a module of the service is."""
    assert len(source(name).splitlines()) <= MOST_LINES


def test_every_file_is_loaded_with_the_page(bench: Bench) -> None:
    """Modules are named in the page, so that they arrive at once and not one after the other; nothing lies around."""
    text = bench.client.get("/").text
    named = {Path(name).name for name in re.findall(r'(?:src|href)="(ui/[^"]+)"', text)}
    assert named == {*SCRIPTS, *STYLES, page.ICON}
    assert f"ui/{page.version()}/main.js" in text
    imported = {name for script in SCRIPTS for name in re.findall(r'from "\./([^"]+)"', source(script))}
    assert imported <= set(SCRIPTS)


def test_words_are_in_one_file() -> None:
    """Each word that the page or a script asks for is in the table, and none is there for nothing."""
    table = source("strings.en.js")
    keys = set(re.findall(r"^  (\w+):", table, re.M))
    markup = source(page.START)
    used = set(re.findall(r'data-t(?:-label|-placeholder)?="(\w+)"', markup))
    families = set()
    for name in SCRIPTS:
        text = source(name)
        used |= set(re.findall(r'\bt\("(\w+)"', text)) | set(re.findall(r'nameKey: "(\w+)"', text))
        choices = re.findall(r'\bt\((?:[^()]|\([^()]*\))*\? "(\w+)" : "(\w+)"', text)
        used |= {key for pair in choices for key in pair}
        families |= set(re.findall(r'\bnamed\("(\w+)"', text)) | set(re.findall(r"\bt\(`(\w+)_\$\{", text))
    families |= {"length", "format", "facts"}  # made from the ids of their fields
    assert used <= keys
    assert {key for key in keys - used if key.split("_")[0] not in families} == set()


def test_a_version_is_kept_for_good(bench: Bench) -> None:
    """A file under the name of its content never has to be asked for again."""
    reply = bench.client.get(f"/ui/{page.version()}/main.js")
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply.mimetype == "text/javascript"


def test_another_version_is_not_kept(bench: Bench) -> None:
    """While releases change, a page gets the files there are, and asks again."""
    assert bench.client.get("/ui/0123456789abcdef/main.js").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/ui/now/main.js", "/docs"])
def test_files_are_not_sent_twice(bench: Bench, path: str) -> None:
    """A browser that has a file is told so, packed or not."""
    for coding in ("identity", "gzip"):
        asked = {"Accept-Encoding": coding}
        tag = bench.client.get(path, headers=asked).headers["ETag"]
        reply = bench.client.get(path, headers=asked | {"If-None-Match": tag})
        assert (reply.status_code, reply.data) == (304, b"")


def test_files_are_packed_where_that_is_taken(bench: Bench) -> None:
    """The packed form is the same file, under a tag of its own."""
    plain = bench.client.get("/ui/now/main.js")
    packed = bench.client.get("/ui/now/main.js", headers={"Accept-Encoding": "br;q=1, gzip;q=0.5"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.data) == plain.data == (page.FOLDER / "main.js").read_bytes()
    assert plain.headers["ETag"] != packed.headers["ETag"]
    refused = bench.client.get("/ui/now/main.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


def test_page_is_small(bench: Bench) -> None:
    """All that a first visit loads stays under its limit."""
    names = re.findall(r'(?:src|href)="(ui/[^"]+)"', bench.client.get("/").text)
    asked = {"Accept-Encoding": "gzip"}
    total = sum(len(bench.client.get(path, headers=asked).data) for path in ["/", *(f"/{name}" for name in names)])
    assert total < MOST_BYTES, total


def test_nothing_else_is_served_from_the_folder(bench: Bench) -> None:
    """Only files of the page have an address there."""
    for name in ("docs.html", "docs.js", "index.html", "..%2fpage.py", "nothing.js"):
        assert bench.client.get(f"/ui/now/{name}").status_code == 404
