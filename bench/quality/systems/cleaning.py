"""Cleaners. A row is `{"html"}` or `{"text"}`; an output is `{"title", "body"}` as text."""

from __future__ import annotations

import html as entities
from collections.abc import Callable
from typing import Any

from bench.quality.worker import Run, System

Row = dict[str, Any]


def _own() -> Run:
    from service.pipeline.clean import clean_html, clean_text

    def run(row: Row) -> dict[str, str]:
        article = clean_html(row["html"]) if "html" in row else clean_text(row["text"])
        title = article.text[article.title.start : article.title.end] if article.title else ""
        return {"title": title, "body": "\n".join(article.text[b.start : b.end] for b in article.blocks)}

    run({"text": "A line.\n\nAnother line."})
    return run


def _nothing() -> Run:
    return lambda row: {"title": "", "body": row["text"]}


def _paragraphs(text: str) -> str:
    """Lines as a page of paragraphs, all there is to tell a cleaner of pages."""
    lines = (f"<p>{entities.escape(line)}</p>" for line in text.split("\n") if line.strip())
    return "<html><body>" + "\n".join(lines) + "</body></html>"


def _of_pages(clean: Callable[[str], str]) -> Run:
    def run(row: Row) -> dict[str, str]:
        return {"title": "", "body": clean(row["html"] if "html" in row else _paragraphs(row["text"]))}

    return run


def _trafilatura(**options: bool) -> Callable[[], Run]:
    def load() -> Run:
        import trafilatura

        return _of_pages(lambda page: trafilatura.extract(page, include_comments=False, **options) or "")

    return load


def _resiliparse() -> Run:
    from resiliparse.extract.html2text import extract_plain_text

    return _of_pages(lambda page: str(extract_plain_text(page, main_content=True)))


def _readability() -> Run:
    import logging

    from lxml.html import fromstring
    from readability import Document

    logging.disable()  # it logs what it cannot parse
    return _of_pages(lambda page: str(fromstring(Document(page).summary()).text_content()))


def _justext() -> Run:
    import justext

    # Its way for pages of unknown language: the stop words of all.
    words = frozenset().union(*map(justext.get_stoplist, justext.get_stoplists()))

    def clean(page: str) -> str:
        return "\n".join(part.text for part in justext.justext(page, words) if not part.is_boilerplate)

    return _of_pages(clean)


SYSTEMS = {
    "precis": System("Précis", _own, own=True),
    "everything": System("everything kept", _nothing, own=True),
    "trafilatura": System("trafilatura", _trafilatura(), package="trafilatura"),
    "trafilatura-precision": System(
        "trafilatura, precision", _trafilatura(favor_precision=True), package="trafilatura"
    ),
    "resiliparse": System("resiliparse", _resiliparse, package="resiliparse"),
    "readability": System("readability-lxml", _readability, group="readability", package="readability-lxml"),
    "justext": System("jusText", _justext, package="justext"),
}
