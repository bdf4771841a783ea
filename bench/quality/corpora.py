"""The collections of a data folder that several tables read."""

from __future__ import annotations

import gzip
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from service import languages

# Chinese is the only language here whose two files differ by script.
_TAGS = {"zho-CN": "zh-Hans", "zho-TW": "zh-Hant"}
# fmt: off
_UNSEEN = frozenset(("head", "script", "style", "noscript", "template", "svg", "iframe", "select", "textarea", "title"))
_INLINE = frozenset((
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img", "input",
    "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt",
    "u", "var", "wbr",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Page:
    """A web page and what is known of its article: its body, or phrases that belong to it and phrases that do not."""

    html: str
    body: str = ""
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()


def aligned(data: Path) -> dict[str, dict[str, list[str]]]:
    """Return sentences by corpus and tag, aligned across tags; files whose name is no tag of ours are left out."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in ("flores", "ntrex"):
        by_tag = found.setdefault(name, {})
        for path in sorted((data / name).glob("*.txt"), key=lambda one: one.stem):
            tag = _TAGS.get(path.stem) or languages.canonical(path.stem)
            if tag and "README" not in path.stem:
                by_tag.setdefault(tag, path.read_text("utf-8").splitlines())
    return found


def documents(data: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the file's name, the tag and the sentences of each document of NTREX."""
    folder = data / "ntrex"
    if not folder.is_dir():
        return
    ids = (folder / "DOCUMENT_IDS.tsv").read_text(encoding="utf-8").split()
    for path in sorted(folder.glob("*.txt")):
        tag = _TAGS.get(path.stem) or languages.canonical(path.stem)
        if tag is None or "README" in path.stem:
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        for _, group in itertools.groupby(zip(ids, lines, strict=False), key=lambda pair: pair[0]):
            kept = [line.strip() for _, line in group if line.strip()]
            if kept:
                yield path.stem, tag, kept


def pages(data: Path) -> Iterator[Page]:
    """Yield the pages with a gold body, then those with phrases."""
    folder = data / "html" / "aeb"
    if folder.is_dir():
        gold = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
        for key, row in sorted(gold.items()):
            if (path := folder / f"{key}.html.gz").is_file():
                yield Page(decode(gzip.decompress(path.read_bytes())), body=row["articleBody"])
    folder = data / "html" / "traf"
    if folder.is_dir():
        truth = json.loads((folder / "evaldata.json").read_text(encoding="utf-8"))
        for _, row in sorted(truth.items()):
            if (path := folder / f"{row['file']}.gz").is_file():
                html = decode(gzip.decompress(path.read_bytes()))
                yield Page(html, wanted=tuple(row["with"]), unwanted=tuple(row["without"]))


def decode(raw: bytes) -> str:
    """Return a page's text, by the encoding it names."""
    named = re.search(rb"charset=[\"']?([\w-]+)", raw[:4096])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return raw.decode(named.group(1).decode() if named else "cp1252", "replace")
        except LookupError:
            return raw.decode("utf-8", "replace")


def visible(html: str) -> str:
    """Return all text of a page in document order, one block a line, as a scraper without ideas of its own does."""
    root = LexborHTMLParser(html).root
    lines: list[list[str]] = [[]]
    last = None
    for node in root.traverse(include_text=True) if root is not None else ():
        if node.tag in ("br", "hr"):
            lines.append([])
        elif node.tag == "-text":
            block = _block(node)
            if block is None:
                continue
            if block != last:
                lines.append([])
            last = block
            lines[-1].append(node.text_content or "")
    return "\n".join(filter(None, (" ".join("".join(line).split()) for line in lines)))


def _block(node: LexborNode) -> int | None:
    """The innermost block element a text stands in; None where it is not shown."""
    found = None
    at = node.parent
    while at is not None:
        if at.tag in _UNSEEN:
            return None
        if found is None and at.tag not in _INLINE:
            found = at.mem_id
        at = at.parent
    return found
