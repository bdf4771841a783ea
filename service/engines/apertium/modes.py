"""Apertium's mode files: which translation directions are installed and what programs run for each."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from service import languages

# Mode files name their data by absolute path, as Debian installs it.
_HOME = "/usr/share/apertium"
# Without it a program keeps its output until end of file; these have no such option and need none.
_NO_FLUSH_OPTION = frozenset({"cg-mwesplit"})
_MODE_NAME = re.compile(r"([a-z]{2,3})-([a-z]{2,3})")


class ModeError(ValueError):
    """A mode file that is no plain pipeline of programs."""


@dataclass(frozen=True, slots=True)
class Known:
    """A mode the table knows.

    Attributes:
        name: of the mode file.
        pair: package name after `apertium-`.
        source: BCP-47 tag.
        target: BCP-47 tag.
        quality: chrF2 on news, 0 to 100; routes prefer higher.
        pivot: whether it may be one step of several.
        tagger: whether its statistical tagger is run; without it the constraint grammar's first reading is taken.
        before: name of a mode to run first, in the same pipeline, such as one that changes the script; or empty.
        rewrite: patterns and what takes their place in the source text, for words the dictionaries get badly wrong.
    """

    name: str
    pair: str
    source: str
    target: str
    quality: float
    pivot: bool = True
    tagger: bool = True
    before: str = ""
    rewrite: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Mode:
    """An installed direction: the programs to run, connected by pipes, and the files they read."""

    name: str
    pair: str
    source: str
    target: str
    quality: float
    pivot: bool
    stages: tuple[tuple[str, ...], ...]
    data: tuple[Path, ...]
    rewrite: tuple[tuple[re.Pattern[str], str], ...] = ()

    def rewritten(self, text: str) -> str:
        """The text as this mode is best given it."""
        for pattern, replacement in self.rewrite:
            text = pattern.sub(replacement, text)
        return text


@cache
def known_modes() -> tuple[Known, ...]:
    """The rows of `service/data/apertium.toml`."""
    table = tomllib.loads(files("service").joinpath("data/apertium.toml").read_text("utf-8"))
    return tuple(Known(**row) for row in table["mode"])


def parse(text: str, directory: Path) -> tuple[tuple[str, ...], ...]:
    """Turn a mode file into argument lists, one a program, each told to flush at a null character.

    Args:
        text: a shell pipeline in which `$1` stands for the generator's option and `$2` for the tagger's.
        directory: where Apertium's data is; replaces the path Debian uses.
    Raises:
        ModeError: shell syntax other than a pipe, an empty program, or quotes that do not close.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|;&<>()")
    lexer.whitespace_split = True
    try:
        tokens = list(lexer)
    except ValueError as error:
        raise ModeError(str(error)) from None
    stages: list[list[str]] = [[]]
    for word in tokens:
        if word == "|":
            stages.append([])
        elif set(word) <= set("|;&<>()"):
            raise ModeError(f"a mode file may hold programs and pipes only, not {word}")
        elif word == "$1":
            stages[-1].append("-g")
        elif word != "$2":
            moved = word.startswith(_HOME + "/")
            stages[-1].append(str(directory) + word[len(_HOME) :] if moved else word)
    if not all(stages):
        raise ModeError("a program is missing between two pipes")
    return tuple(tuple(stage) if stage[0] in _NO_FLUSH_OPTION else (stage[0], "-z", *stage[1:]) for stage in stages)


def load(directory: Path, pairs: Sequence[str]) -> tuple[tuple[Mode, ...], tuple[str, ...]]:
    """Find what is installed of the pairs wanted.

    Args:
        directory: where Apertium's data is.
        pairs: names of pairs, as in the package names after `apertium-`.
    Returns:
        The usable modes, best first, one a direction; and a line for people on each that is missing or broken.
    """
    found: list[Mode] = []
    missing: list[str] = []
    for pair in dict.fromkeys(pairs):
        rows = [row for row in known_modes() if row.pair == pair] or _derived(directory, pair)
        lost: list[str] = []
        why = f"apertium-{pair} is not installed"
        for row in rows:
            try:
                found.append(_load_mode(row, directory))
            except OSError:
                lost.append(f"{row.source}→{row.target}")
            except ModeError as error:
                lost.append(f"{row.source}→{row.target}")
                why = f"apertium-{pair} cannot be used ({error})"
        if lost or not rows:
            missing.append(f"{why}: {', '.join(lost)}" if lost else why)
    found.sort(key=lambda mode: (-mode.quality, mode.name))
    best: dict[tuple[str, str], Mode] = {}
    for mode in found:
        best.setdefault((mode.source, mode.target), mode)
    return tuple(best.values()), tuple(missing)


def _load_mode(row: Known, directory: Path) -> Mode:
    names = (row.before, row.name) if row.before else (row.name,)
    text = "|".join((directory / "modes" / f"{name}.mode").read_text("utf-8") for name in names)
    stages = parse(text, directory)
    if not row.tagger:
        stages = _without_tagger(stages)
    for stage in stages:
        if shutil.which(stage[0]) is None:
            raise ModeError(f"the program {stage[0]} is not installed")
    data = tuple(Path(word) for stage in stages for word in stage[1:] if word.startswith("/"))
    for path in data:
        path.stat()
    rewrite = tuple((re.compile(pattern), replacement) for pattern, replacement in row.rewrite)
    return Mode("+".join(names), row.pair, row.source, row.target, row.quality, row.pivot, stages, data, rewrite)


def _without_tagger(stages: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Let the constraint grammar decide alone: `-1` takes its first reading, `-n` writes as the tagger would."""
    kept = [stage for stage in stages if stage[0] != "apertium-tagger"]
    return tuple((*stage[:2], "-1", "-n", *stage[2:]) if stage[0] == "cg-proc" else stage for stage in kept)


def _derived(directory: Path, pair: str) -> list[Known]:
    """Rows for a pair the table does not list, by the names of its mode files; of least preference."""
    rows: list[Known] = []
    for path in sorted((directory / "modes").glob("*.mode")):
        match = _MODE_NAME.fullmatch(path.stem)
        if match is None or f"/apertium-{pair}/" not in path.read_text("utf-8", "replace"):
            continue
        source, target = languages.canonical(match[1]), languages.canonical(match[2])
        if source and target and source != target:
            rows.append(Known(path.stem, pair, source, target, 0.0))
    return rows


def digest(modes: Iterable[Mode]) -> str:
    """SHA-256, in hexadecimal, over the programs' arguments and the names, sizes and dates of their data."""
    state = hashlib.sha256()
    for mode in sorted(modes, key=lambda mode: mode.name):
        rewrite = [(pattern.pattern, replacement) for pattern, replacement in mode.rewrite]
        state.update(repr((mode.name, mode.source, mode.target, mode.stages, rewrite)).encode())
        for path in mode.data:
            status = path.stat()
            state.update(f"{path.name} {status.st_size} {int(status.st_mtime)}\n".encode())
    return state.hexdigest()


def revision(modes: Sequence[Mode]) -> str:
    """Versions of the Debian packages in use, or a short digest of the data where there is no package manager."""
    packages = ["apertium", "lttoolbox", "cg3", *sorted({f"apertium-{mode.pair}" for mode in modes})]
    if not modes:
        return "none"
    try:
        reply = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Package}=${Version} ", *packages],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "data-" + digest(modes)[:16]
    return reply.stdout.strip() or "data-" + digest(modes)[:16]
