"""What the command line is given to work on: files, patterns, standard input, JSON lines."""

from __future__ import annotations

import argparse
import asyncio
import codecs
import glob
import json
import os
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STDIN = "-"
_FORMATS = {".html": "html", ".htm": "html", ".xhtml": "html", ".md": "markdown", ".markdown": "markdown"}
_PATTERN = frozenset("*?[")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHUNK = 64 * 1024
# Lines that wait between the thread that reads standard input and those who send.
_LINES_AHEAD = 64


class UsageError(Exception):
    """What was asked for cannot be done; one line for a person."""


@dataclass(frozen=True)
class Entry:
    """One text to work on: the fields of its request, or what is wrong with it."""

    index: int
    id: str | None
    fields: dict[str, Any] = field(default_factory=dict)
    wrong: str = ""


@dataclass(frozen=True)
class Inputs:
    """Everything to work on.

    Attributes:
        names: the files, in order.
        by_name: whether a text is known by its file's name; else by its place in the lines.
        common: fields of every request that does not say otherwise.
        total: how many texts, where that is known.
    """

    names: tuple[str, ...]
    by_name: bool
    options: argparse.Namespace
    common: dict[str, Any]
    total: int | None

    async def entries(self) -> AsyncIterator[Entry]:
        """Each text, read when its turn comes."""
        if self.by_name:
            for index, name in enumerate(self.names):
                yield self._file(index, name)
            return
        index = 0
        for name in self.names:
            async for line in _lines(name):
                if line.strip():
                    yield self._line(index, line)
                    index += 1

    def _file(self, index: int, name: str) -> Entry:
        try:
            fields = file_fields(self.options.command, name, read_text(name), getattr(self.options, "format", None))
        except (OSError, UnicodeDecodeError) as error:
            return Entry(index, name, wrong=why_unread(name, error))
        return Entry(index, name, {**self.common, **fields})

    def _line(self, index: int, line: bytes) -> Entry:
        try:
            value = json.loads(line)
        except ValueError:
            return Entry(index, None, wrong="the line is not JSON in UTF-8")
        if not isinstance(value, dict):
            return Entry(index, None, wrong='the line is not an object such as {"text": "…"}')
        given = value.pop("id", None)
        known = given if given is None or isinstance(given, str) else json.dumps(given)
        return Entry(index, known, {**self.common, **value})


def inputs_of(options: argparse.Namespace, common: dict[str, Any]) -> Inputs:
    """What the options name.

    Raises:
        UsageError: a pattern that nothing matches, a folder, or standard input among others.
    """
    names = tuple(dict.fromkeys(one for given in options.file for one in _expand(given)))
    if len(names) > 1 and STDIN in names and not options.jsonl:
        raise UsageError("standard input (-) stands alone")
    total = len(names) if not options.jsonl else None
    return Inputs(names, not options.jsonl, options, common, total)


def count_lines(names: tuple[str, ...]) -> int | None:
    """The lines of all files that hold something, or None where that cannot be told beforehand."""
    count = 0
    for name in names:
        if name == STDIN or not Path(name).is_file():
            return None
        with Path(name).open("rb") as file:
            count += sum(1 for line in file if line.strip())
    return count


def _expand(given: str) -> list[str]:
    if given == STDIN or Path(given).exists():
        if given != STDIN and Path(given).is_dir():
            raise UsageError(f"{given} is a folder; give a pattern such as '{Path(given) / '*.txt'}'")
        return [given]
    if _PATTERN & set(given):
        found = sorted(path for path in glob.glob(given, recursive=True) if not Path(path).is_dir())  # noqa: PTH207  # it takes absolute patterns too
        if not found:
            raise UsageError(f"no file matches {given}")
        return found
    return [given]


def read_text(name: str) -> str:
    """A file, or standard input, as text: UTF-8, or UTF-16 with its mark."""
    data = b"".join(_raw_pieces(0)) if name == STDIN else Path(name).read_bytes()
    encoding = next((encoding for mark, encoding in _BOMS if data.startswith(mark)), "utf-8")
    return data.decode(encoding)


def why_unread(name: str, error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be read, in one line."""
    if isinstance(error, UnicodeDecodeError):
        return f"{name} is not UTF-8"
    return f"{name}: {error.strerror or error}"


def file_fields(command: str, name: str, text: str, given_format: str | None) -> dict[str, Any]:
    """The text of a file as fields of a request; HTML and Markdown are recognised."""
    kind = _FORMATS.get(Path(name).suffix.lower(), "text")
    if command == "translate":
        return {"text": text, "format": given_format or kind}
    if command == "summarize" and (kind == "html" or looks_like_html(text)):
        return {"html": text}
    return {"text": text}


def looks_like_html(text: str) -> bool:
    """Whether a text begins as a page does."""
    return text.lstrip("\ufeff \t\r\n")[:200].lower().startswith(("<!doctype html", "<html"))


async def _lines(name: str) -> AsyncIterator[bytes]:
    if name != STDIN and _is_file(name):
        with Path(name).open("rb") as file:
            for line in file:
                yield line
        return
    async for line in _waited_for(name):
        yield line


def _is_file(name: str) -> bool:
    return stat.S_ISREG(Path(name).stat().st_mode)


async def _waited_for(name: str) -> AsyncIterator[bytes]:
    """Lines of what may let us wait, read in a thread that an interruption need not wait for."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()
    room = threading.Semaphore(_LINES_AHEAD)
    descriptor = 0 if name == STDIN else os.open(name, os.O_RDONLY)

    def tell(line: bytes | None) -> None:
        room.acquire()
        loop.call_soon_threadsafe(queue.put_nowait, line)

    def read() -> None:
        try:
            for line in _split(_raw_pieces(descriptor)):
                tell(line)
            tell(None)
        except (RuntimeError, OSError):  # nobody listens any more, or nothing can be read any more
            return
        finally:
            if descriptor:
                os.close(descriptor)

    threading.Thread(target=read, name="precis-lines", daemon=True).start()
    while (line := await queue.get()) is not None:
        room.release()
        yield line


def _raw_pieces(descriptor: int) -> Iterator[bytes]:
    # Not through a buffered reader, whose lock a thread that waits would hold at the interpreter's end.
    while piece := os.read(descriptor, _CHUNK):
        yield piece


def _split(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest: list[bytes] = []
    for piece in pieces:
        *ended, last = piece.split(b"\n")
        for line in ended:
            yield b"".join([*rest, line])
            rest = []
        if last:
            rest.append(last)
    if rest:
        yield b"".join(rest)
