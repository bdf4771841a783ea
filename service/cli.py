"""The `precis` command: serve, or do one thing, in this process with the same pipeline or by a running service."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from service import cli_keys, cli_models, cli_remote, languages
from service.config import Settings, SettingsError, load
from service.errors import PrecisError
from service.pipeline.faithfulness.items import Faithfulness
from service.pipeline.pipeline import Pipeline
from service.pipeline.requests import AUTO, LENGTHS, Length, SummarizeRequest, TextFormat, TranslateRequest, Unit
from service.records import CallContext
from service.version import VERSION

_FORMATS: dict[str, TextFormat] = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown"}
# Of a candidate for the language of a text; less rounds to nothing.
_WORTH_NAMING = 0.005


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        Exit status: 0 done, 1 the service says no, 2 wrong usage or settings, 3 some translations failed.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if cli_remote.wanted(given):
        return cli_remote.run(given)
    options = _parsed(given)
    run: Callable[[argparse.Namespace, Settings], int] = options.run
    try:
        return run(options, load())
    except SettingsError as error:
        print(f"precis: {error}", file=sys.stderr)
        return 2
    except (PrecisError, OSError, UnicodeDecodeError) as error:
        detail = error.detail if isinstance(error, PrecisError) else str(error)
        print(f"precis: {detail}", file=sys.stderr)
        if isinstance(error, PrecisError) and error.supported:
            print(f"supported: {' '.join(error.supported)}", file=sys.stderr)
        return 1


def _parsed(given: list[str]) -> argparse.Namespace:
    parser = _parser()
    options, unknown = parser.parse_known_args(given)
    if unknown:
        hint = ""
        if hasattr(options, "server"):
            hint = f"; what a running service does more: precis {options.command} --server URL --help"
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="precis", description="Multilingual summaries, with translations.")
    parser.add_argument("--version", action="version", version=f"precis {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)

    serve = commands.add_parser("serve", help="run the service until it is told to stop")
    serve.add_argument("--role", choices=("all", "api", "model"), default="all")
    serve.set_defaults(run=_serve)

    worker = commands.add_parser("worker", help="do durable jobs until it is told to stop")
    worker.set_defaults(run=_worker)

    summarize = commands.add_parser("summarize", help="summarize a text or HTML file")
    summarize.add_argument("file", help="path, or - for standard input")
    summarize.add_argument("--to", action="append", default=[], metavar="TAG", help="translate the summary; repeatable")
    summarize.add_argument("--length", default="short", help="short, medium, long, or 3s, 50w, 280c")
    summarize.add_argument("--language", default=AUTO, metavar="TAG", help="of the article")
    summarize.add_argument("--format", choices=("paragraph", "bullets", "headline"), default="paragraph")
    summarize.add_argument("--faithfulness", choices=("flag", "strict", "off"), default="flag")
    summarize.add_argument("--no-clean", action="store_true", help="keep boilerplate")
    summarize.set_defaults(run=_summarize)
    _add_server(summarize)

    translate = commands.add_parser("translate", help="translate a text, HTML or Markdown file")
    translate.add_argument("file", help="path, or - for standard input")
    translate.add_argument("--to", action="append", required=True, metavar="TAG", help="repeatable")
    translate.add_argument("--source", default=AUTO, metavar="TAG")
    translate.add_argument("--format", choices=("text", "html", "markdown"), help="default: by the file's name")
    translate.add_argument("--keep", action="append", default=[], metavar="TERM", help="leave as it is; repeatable")
    translate.add_argument(
        "--glossary", action="append", default=[], metavar="TERM=TRANSLATION", help="translate so; repeatable"
    )
    translate.set_defaults(run=_translate)
    _add_server(translate)

    detect = commands.add_parser("detect", help="tell the language of a text file")
    detect.add_argument("file", help="path, or - for standard input")
    detect.add_argument("--top", type=int, choices=range(1, 21), default=3, metavar="N", help="candidates to name")
    detect.set_defaults(run=_detect)
    _add_server(detect)

    listing = commands.add_parser("languages", help="list languages and what can be done in each")
    listing.set_defaults(run=_languages)
    _add_server(listing)
    commands.add_parser("jobs", help="durable jobs of a running service")
    cli_models.add_commands(commands)
    cli_keys.add_commands(commands)
    return parser


def _add_server(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--server",
        metavar="URL",
        help=f"ask a running service, which takes many files and more options; default: {cli_remote.SERVER_VARIABLE}",
    )


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from service.main_serve import serve

    return serve(settings, options.role)


def _worker(options: argparse.Namespace, settings: Settings) -> int:
    from service.main_worker import main as work

    return work([])


def _summarize(options: argparse.Namespace, settings: Settings) -> int:
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


def _translate(options: argparse.Namespace, settings: Settings) -> int:
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


def _detect(options: argparse.Namespace, settings: Settings) -> int:
    from service.pipeline.detect import detect

    found = detect(_read(options.file), options.top)
    print(f"{found.language} {found.confidence:.2f}")
    others = [
        f"{one.language} {one.confidence:.2f}"
        for one in found.alternatives
        if one.language != found.language and one.confidence >= _WORTH_NAMING
    ]
    if others:
        print(f"also: {', '.join(others)}", file=sys.stderr)
    return 0


def _languages(options: argparse.Namespace, settings: Settings) -> int:
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
    canonical = languages.canonical(tag)
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
    from service.engines import registry
    from service.serving.dispatcher import Dispatcher
    from service.serving.inproc import InprocBackend

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


if __name__ == "__main__":
    sys.exit(main())
