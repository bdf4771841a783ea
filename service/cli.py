"""The `precis` command: serve, or do one thing, in this process with the same pipeline or by a running service."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from service import cli_keys, cli_models, cli_remote
from service.config import Settings, SettingsError, load
from service.errors import PrecisError
from service.pipeline.requests import AUTO
from service.version import VERSION


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
    summarize.set_defaults(run=_on_texts)
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
    translate.set_defaults(run=_on_texts)
    _add_server(translate)

    detect = commands.add_parser("detect", help="tell the language of a text file")
    detect.add_argument("file", help="path, or - for standard input")
    detect.add_argument("--top", type=int, choices=range(1, 21), default=3, metavar="N", help="candidates to name")
    detect.set_defaults(run=_on_texts)
    _add_server(detect)

    listing = commands.add_parser("languages", help="list languages and what can be done in each")
    listing.set_defaults(run=_on_texts)
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


# Each command imports what it needs: who serves is not to wait for what works on texts, nor the other way round.


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from service.main_serve import serve

    return serve(settings, options.role)


def _worker(options: argparse.Namespace, settings: Settings) -> int:
    from service.main_worker import main as work

    return work([])


def _on_texts(options: argparse.Namespace, settings: Settings) -> int:
    from service import cli_texts

    return cli_texts.COMMANDS[options.command](options, settings)


if __name__ == "__main__":
    sys.exit(main())
