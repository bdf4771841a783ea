"""What the `precis` command understands. Needs no network and no other package."""

from __future__ import annotations

import argparse

from precis_client.version import VERSION

DEFAULT_PARALLEL = 4
MOST_PARALLEL = 256
_HTML = "path, a pattern in quotes, or - for standard input"


def parser() -> argparse.ArgumentParser:
    """The command line; `command` and, of jobs, `action` say what is to be done."""
    made = argparse.ArgumentParser(
        prog="precis",
        description="Multilingual summaries, with translations, by a Précis service.",
        epilog="The service is named by --server or PRECISCLIENT_SERVER, a key by --key-file or PRECISCLIENT_KEY.",
    )
    made.add_argument("--version", action="version", version=f"precis {VERSION}")
    commands = made.add_subparsers(dest="command", required=True)

    summarize = commands.add_parser("summarize", help="summarize text or HTML files")
    _many(summarize)
    summarize.add_argument("--to", action="append", default=[], metavar="TAG", help="translate the summary; repeatable")
    summarize.add_argument("--length", type=_length, help="short, medium, long, or 3s, 50w, 280c; default short")
    summarize.add_argument("--language", metavar="TAG", help="of the article; default: found out")
    summarize.add_argument("--summary-language", metavar="TAG", help="of the summary; default: the article's")
    summarize.add_argument("--format", choices=("paragraph", "bullets", "headline"))
    summarize.add_argument("--faithfulness", choices=("flag", "strict", "off"))
    summarize.add_argument("--engine", metavar="ID", help="model of the summary")
    summarize.add_argument("--no-clean", action="store_true", help="keep boilerplate")
    summarize.add_argument("--stream", action="store_true", help="print the summary as it comes")

    translate = commands.add_parser("translate", help="translate text, HTML or Markdown files")
    _many(translate)
    translate.add_argument("--to", action="append", default=[], metavar="TAG", help="repeatable")
    translate.add_argument("--source", metavar="TAG", help="default: found out")
    translate.add_argument("--format", choices=("text", "html", "markdown"), help="default: by the file's name")
    translate.add_argument("--keep", action="append", default=[], metavar="TERM", help="leave as it is; repeatable")
    translate.add_argument(
        "--glossary", action="append", default=[], type=_entry, metavar="TERM=TRANSLATION", help="repeatable"
    )
    translate.add_argument("--engine", metavar="ID", help="model of the translations")
    translate.add_argument("--stream", action="store_true", help="print each translation as it comes")

    detect = commands.add_parser("detect", help="tell the language of files")
    _many(detect)
    detect.add_argument("--top", type=_positive, metavar="N", help="candidates to name")

    listing = commands.add_parser("languages", help="list languages and what can be done in each")
    _connection(listing)
    listing.add_argument("--json", action="store_true", help="the reply as it came")
    _jobs(commands)
    return made


def _jobs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    jobs = commands.add_parser("jobs", help="durable jobs: begin, look at, fetch, end")
    actions = jobs.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="begin a job of a file of items; `summarize --job` begins one of texts")
    create.add_argument("file", help='JSON lines {"id"?, "task", "request"}; path, or - for standard input')
    _job_options(create)
    for name, told in (("get", "where a job stands"), ("cancel", "end a job; one that has ended is deleted")):
        _job(actions.add_parser(name, help=told))
    wait = actions.add_parser("wait", help="wait until a job has ended; status 1 where an item failed")
    _job(wait)
    results = actions.add_parser("results", help="the results that are there, as JSON lines")
    _job(results)
    results.add_argument("-o", "--output", metavar="FILE", help="instead of standard output")
    listing = actions.add_parser("list", help="your jobs, newest first")
    listing.add_argument("--limit", type=_positive, default=20, metavar="N", help="at most; default %(default)s")
    for one in (create, listing):
        _connection(one)
        one.add_argument("--json", action="store_true", help="the reply as it came")


def _job(made: argparse.ArgumentParser) -> None:
    made.add_argument("job", metavar="ID")
    _connection(made)
    made.add_argument("--json", action="store_true", help="the reply as it came")


def _job_options(made: argparse.ArgumentParser) -> None:
    made.add_argument("--webhook", metavar="URL", help="of a job: told when it has ended")
    made.add_argument("--retain", type=_positive, metavar="SECONDS", help="of a job: time its results are kept")


def _connection(made: argparse.ArgumentParser) -> None:
    made.add_argument("--server", metavar="URL", help="default: PRECISCLIENT_SERVER, or http://127.0.0.1:8080")
    made.add_argument("--key-file", metavar="FILE", help="holds the API key; default: PRECISCLIENT_KEY")
    made.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="for each text, retries included")


def _many(made: argparse.ArgumentParser) -> None:
    """Options of commands that take any number of texts."""
    made.add_argument("file", nargs="+", help=_HTML)
    _connection(made)
    made.add_argument("--json", action="store_true", help="one file: the reply as it came")
    made.add_argument("--jsonl", action="store_true", help='input is JSON lines: {"text": …}, more fields, "id"')
    made.add_argument("-o", "--output", metavar="FILE", help="results as JSON lines")
    going_on = made.add_mutually_exclusive_group()
    going_on.add_argument("--resume", action="store_true", help="go on with an output: what failed or is missing")
    going_on.add_argument("--overwrite", action="store_true", help="begin an output anew")
    made.add_argument(
        "--parallel", type=_parallel, default=DEFAULT_PARALLEL, metavar="N", help="requests at a time; default 4"
    )
    made.add_argument("--unordered", action="store_true", help="results as they come, not in the order of the input")
    made.add_argument("--quiet", action="store_true", help="no progress bar")
    made.add_argument("--job", action="store_true", help="begin a durable job and print its id")
    _job_options(made)


def _length(text: str) -> object:
    if text in ("short", "medium", "long"):
        return text
    units = {"s": "sentences", "w": "words", "c": "characters"}
    if text[:-1].isdecimal() and int(text[:-1]) > 0 and text[-1] in units:
        return {units[text[-1]]: int(text[:-1])}
    raise argparse.ArgumentTypeError(f"{text!r}: give short, medium, long, or a number with s, w or c")


def _entry(text: str) -> tuple[str, str]:
    term, sign, target = (part.strip() for part in text.partition("="))
    if not (term and sign and target):
        raise argparse.ArgumentTypeError(f"{text!r}: give TERM=TRANSLATION")
    return term, target


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)


def _parallel(text: str) -> int:
    if (found := _positive(text)) > MOST_PARALLEL:
        raise argparse.ArgumentTypeError(f"{text!r}: at most {MOST_PARALLEL}")
    return found


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0.001 <= found < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return found
