"""How good the service is, beside its peers on the same rows.

    python -m bench.quality DATA [--only cleaning,langid,…] [--rows held] [--peers none] [--limit N] [--markdown FILE]

DATA holds `html/{aeb,traf}`, `langid/{sentences,word-pairs,single-words}`, `ntrex`, `summarization` and `flores`; what
is not there is left out. docs/QUALITY.md says what each figure means.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.environments import CACHE
from bench.quality.request import ROWS, Request
from bench.tables import Table, markdown, missing, plain, rewrite

SECTIONS = ("cleaning", "langid", "segmentation", "summaries", "translation", "guards", "faithfulness")
_SYSTEMS = ("cleaning", "langid", "segmentation", "summaries")
_TOLD = {"tune": "the half to tune on", "held": "the held-out half", "all": "all rows, those tuned on included"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; write them into a document where one is named."""
    given = _parse(arguments)
    request = Request(given.data, given.rows, given.limit, _peers(given), given.cache, given.keep)
    for section in given.only:
        print(f"{section}: {_TOLD[request.rows]}", file=sys.stderr, flush=True)
        start = time.perf_counter()
        tables = _source(section)(request)
        print(f"  {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        if not tables:
            print(f"  nothing to measure {section} with in {given.data}", file=sys.stderr)
            continue
        print("\n\n".join(map(plain, tables)), end="\n\n", flush=True)
        if given.markdown:
            rewrite(given.markdown, f"quality:{section}", _body(section, request, tables))
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, comma separated; all of them by default")
    parser.add_argument("--rows", choices=ROWS, default="held", help="which half of the rows, by a hash of each row")
    parser.add_argument("--limit", type=int, default=0, help="most rows of a collection or language, for a quick look")
    parser.add_argument("--peers", default="all", help="names, comma separated, `all` or `none`")
    parser.add_argument("--markdown", type=Path, help="document whose `<!-- quality:SECTION -->` parts are rewritten")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the peers' environments are made")
    parser.add_argument("--keep", type=Path, help="folder that gets rows and outputs of every system, as JSON")
    given = parser.parse_args(arguments)
    given.only = [name for name in given.only.split(",") if name]
    unknown = [name for name in given.only if name not in SECTIONS]
    if unknown:
        parser.error(f"no such section: {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    if not given.data.is_dir():
        parser.error(f"{given.data} is not a folder")
    if given.markdown:
        without = missing(given.markdown.read_text("utf-8"), [f"quality:{name}" for name in given.only])
        if without:
            parser.error(f"{given.markdown} has no markers for {', '.join(without)}")
    return given


def _peers(given: argparse.Namespace) -> frozenset[str] | None:
    """Return the peers asked for; None for all.

    Raises:
        SystemExit: a name is no peer's.
    """
    if given.peers in ("all", "none"):
        return None if given.peers == "all" else frozenset()
    known = {path.stem for path in (given.data / "flores" / "outputs").glob("*/*.txt")}
    for name in _SYSTEMS:
        known |= {
            key for key, one in importlib.import_module(f"bench.quality.systems.{name}").SYSTEMS.items() if not one.own
        }
    wanted = frozenset(name for name in given.peers.split(",") if name)
    if wanted - known:
        raise SystemExit(f"no such peer: {', '.join(sorted(wanted - known))}; there are {', '.join(sorted(known))}")
    return wanted


def _source(section: str) -> Callable[[Request], list[Table]]:
    """Return what makes a section's tables."""
    if section != "faithfulness":
        found: Callable[[Request], list[Table]] = importlib.import_module(f"bench.quality.{section}").tables
        return found
    try:
        module = importlib.import_module("bench.faithfulness")
    except ModuleNotFoundError as error:
        if error.name != "bench.faithfulness":
            raise
        return lambda request: []
    make = getattr(module, "tables", lambda data, rows: [])
    return lambda request: list(make(request.data, request.rows))


def _body(section: str, request: Request, tables: Sequence[Table]) -> str:
    command = f"python -m bench.quality DATA --only {section} --rows {request.rows}"
    if request.limit:
        command += f" --limit {request.limit}"
    head = f"`{command}`: {_TOLD[request.rows]}."
    return "\n\n".join([head, *map(markdown, tables)])


if __name__ == "__main__":
    sys.exit(main())
