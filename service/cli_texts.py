"""Commands of `precis` that work on texts in this process, with the pipeline of the service."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from service import languages as known_languages
from service.config import Settings, SettingsError
from service.engines import registry
from service.pipeline import detect as detection
from service.pipeline.faithfulness.items import Faithfulness
from service.pipeline.pipeline import Pipeline
from service.pipeline.requests import AUTO, LENGTHS, Length, SummarizeRequest, TextFormat, TranslateRequest, Unit
from service.records import CallContext
from service.serving.dispatcher import Dispatcher
from service.serving.inproc import InprocBackend
from service.version import VERSION

_FORMATS: dict[str, TextFormat] = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown"}
# Of a candidate for the language of a text; less rounds to nothing.
_WORTH_NAMING = 0.005


def summarize(options: argparse.Namespace, settings: Settings) -> int:
    """Print a summary and its translations."""
    text = _read(options.file)
    is_html = text.lstrip()[:200].lower().startswith(("<!doctype html", "<html"))
    request = SummarizeRequest(
        text=None if is_html else text,
        html=text if is_html else None,
        language=_tag(options.language),
        length=_length(options.length),
        format=options.format,
        translate_to=tuple(options.to),
        clean=not options.no_clean,
        faithfulness=options.faithfulness,
    )
    with _pipeline(settings) as pipeline:
        reply = pipeline.summarize(request, _context(settings))
    print(reply.summary.text)
    _doubts("the article", reply.summary.faithfulness)
    failed = 0
    for item in reply.translations:
        print(f"\n[{item.target}]")
        if item.error is None:
            print(item.text)
            _doubts("the summary", item.faithfulness)
        else:
            failed = 3
            print(f"precis: {item.target}: {item.error.detail}", file=sys.stderr)
    return failed


def _doubts(source: str, found: Faithfulness | None) -> None:
    for item in found.unsupported if found is not None else ():
        print(f"precis: not in {source} ({item.kind}): {item.text}", file=sys.stderr)


def translate(options: argparse.Namespace, settings: Settings) -> int:
    """Print translations."""
    request = TranslateRequest(
        (_read(options.file),),
        tuple(options.to),
        _tag(options.source),
        format=options.format or _FORMATS.get(Path(options.file).suffix.lower(), "text"),
        keep=tuple(options.keep),
        glossary=tuple(_entry(entry) for entry in options.glossary),
    )
    with _pipeline(settings) as pipeline:
        reply = pipeline.translate(request, _context(settings))
    failed = 0
    for item in reply.translations:
        if len(options.to) > 1:
            print(f"[{item.target}]")
        if item.error is None:
            sys.stdout.write(item.text if item.text.endswith("\n") else item.text + "\n")
        else:
            failed = 3
            print(f"precis: {item.target}: {item.error.detail}", file=sys.stderr)
    return failed


def detect(options: argparse.Namespace, settings: Settings) -> int:
    """Print the language of a text."""
    found = detection.detect(_read(options.file), options.top)
    print(f"{found.language} {found.confidence:.2f}")
    others = [
        f"{one.language} {one.confidence:.2f}"
        for one in found.alternatives
        if one.language != found.language and one.confidence >= _WORTH_NAMING
    ]
    if others:
        print(f"also: {', '.join(others)}", file=sys.stderr)
    return 0


def languages(options: argparse.Namespace, settings: Settings) -> int:
    """Print what can be done in which language."""
    with _pipeline(settings) as pipeline:
        reply = pipeline.languages()
    for entry in reply.languages:
        targets = " ".join(target.code for target in entry.targets)
        print(f"{entry.code:8} {entry.name:24} summaries: {' '.join(entry.engines) or '-'}"
              f"{'  translations: ' + targets if targets else ''}")  # fmt: skip
    for line in reply.missing:
        print(f"missing: {line}", file=sys.stderr)
    return 0


def _read(path: str) -> str:
    if path == "-":
        return sys.stdin.buffer.read().decode("utf-8")
    return Path(path).read_text(encoding="utf-8")


def _entry(text: str) -> tuple[str, str]:
    term, sign, target = (part.strip() for part in text.partition("="))
    if not (term and sign and target):
        raise SettingsError(f"--glossary {text!r}: give TERM=TRANSLATION")
    return term, target


def _tag(tag: str) -> str:
    if tag == AUTO:
        return AUTO
    canonical = known_languages.canonical(tag)
    if canonical is None:
        raise SettingsError(f"no language is called {tag!r}")
    return canonical


def _length(text: str) -> Length:
    if text in LENGTHS:
        return LENGTHS[text]
    units: dict[str, Unit] = {"s": "sentences", "w": "words", "c": "characters"}
    if text[:-1].isdecimal() and int(text[:-1]) > 0 and text[-1] in units:
        return Length(units[text[-1]], int(text[:-1]))
    raise SettingsError(f"--length {text!r}: give short, medium, long, or a number with s, w or c")


def _context(settings: Settings) -> CallContext:
    return CallContext("cli", time.monotonic() + settings.request_timeout_s)


@contextmanager
def _pipeline(settings: Settings) -> Iterator[Pipeline]:
    """The pipeline over engines in this process."""

    def make_dispatcher() -> Dispatcher:
        loaded = registry.create(settings)
        return Dispatcher(
            loaded.engines,
            max_rows=settings.max_queued_rows,
            max_cost=settings.max_queued_cost,
            version=VERSION,
            missing=loaded.missing,
        )

    backend = InprocBackend(make_dispatcher)
    try:
        yield Pipeline(backend, settings)
    finally:
        backend.close()


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Settings], int]] = {
    command.__name__: command for command in (summarize, translate, detect, languages)
}
