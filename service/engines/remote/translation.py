"""Translations: several segments a question in numbered lines, and one by one where that goes wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from service.engines.remote import output, prompts
from service.engines.remote.asking import Asker, Client, side_by_side
from service.engines.remote.chunks import slices
from service.engines.remote.prompts import Fence, Prompt
from service.engines.remote.reply import Reply
from service.records import Segment, Usage

_MOST_UNITS = 20
_MOST_BATCH_CHARACTERS = 2000
_MOST_UNIT_CHARACTERS = 4000
_EDGES = re.compile(r"(?s)^(\s*)(.*?)(\s*)$")
_NUMBERED = re.compile(r"^\s*\[(\d{1,3})\]\s*(.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Batch:
    """What is translated in one row: texts without outer blanks that hold letters."""

    source: str
    target: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of segment number `segment`; `text` is empty when there is nothing to translate in it."""

    segment: int
    before: str
    text: str
    after: str


def _pieces(segments: Sequence[Segment]) -> list[_Piece]:
    found = []
    for number, segment in enumerate(segments):
        for stretch in slices(segment.text, _MOST_UNIT_CHARACTERS):
            match = _EDGES.match(stretch)
            before, text, after = match.groups() if match else ("", stretch, "")
            if any(character.isalpha() for character in text):
                found.append(_Piece(number, before, text, after))
            else:
                found.append(_Piece(number, stretch, "", ""))
    return found


def batches(segments: Sequence[Segment], source: str, target: str) -> list[Batch]:
    """Return the rows of a job, none when nothing in it can be translated."""
    found: list[list[str]] = []
    room = 0
    for text in (piece.text for piece in _pieces(segments) if piece.text):
        alone = "\n" in text or "\r" in text
        if alone or not found or len(text) > room or len(found[-1]) == _MOST_UNITS:
            found.append([])
            room = _MOST_BATCH_CHARACTERS
        found[-1].append(text)
        room = 0 if alone else room - len(text)
    return [Batch(source, target, tuple(texts)) for texts in found]


def assemble(segments: Sequence[Segment], texts: Iterable[str]) -> tuple[str, ...]:
    """Return one output a segment, from the translated texts of all its batches in order."""
    left = iter(texts)
    made = [""] * len(segments)
    for piece in _pieces(segments):
        made[piece.segment] += piece.before + (next(left) if piece.text else "") + piece.after
    return tuple(made)


@cache
def _near() -> frozenset[frozenset[str]]:
    table = tomllib.loads((files("service") / "data" / "remote.toml").read_text(encoding="utf-8"))
    return frozenset(frozenset((one, other)) for group in table["near"] for one in group for other in group)


class Translator:
    """Translates batches through a client."""

    def __init__(self, client: Client, fence: Fence) -> None:
        self._client = client
        self._fence = fence

    async def translate(self, batch: Batch) -> tuple[tuple[str, ...], Usage]:
        """Return one translation a text, in order, and what they took.

        Raises:
            EngineFailed: for one of the texts no answer of the model was a translation.
            PrecisError: whatever the client raises.
        """
        asker = Asker(self._client)
        found: list[str | None] = [None] * len(batch.texts)
        if len(batch.texts) > 1:
            asked = prompts.translate_lines(self._fence, batch.texts, batch.source, batch.target)
            found = self._good(batch, _lines(await asker.ask(asked), asked, len(batch.texts)))
        missing = [at for at, text in enumerate(found) if text is None]
        alone = await side_by_side([self._alone(asker, batch, batch.texts[at]) for at in missing])
        for at, text in zip(missing, alone, strict=True):
            found[at] = text
        return tuple(text or "" for text in found), asker.usage

    def _good(self, batch: Batch, lines: Sequence[str | None]) -> list[str | None]:
        found: list[str | None] = []
        for text, source in zip(lines, batch.texts, strict=True):
            try:
                good = text is not None and not output.lost_numbers(self._checked(text, source, batch), source)
            except output.Refused:
                good = False
            found.append(text if good else None)
        return found

    async def _alone(self, asker: Asker, batch: Batch, source: str) -> str:
        """One text by itself. A number may be put in words for good reason, so that alone refuses no second answer."""
        kept: list[str] = []
        asked_before: list[Prompt] = []

        def prompt(remark: str) -> Prompt:
            return prompts.translate_one(self._fence, source, batch.source, batch.target, remark=remark)

        def read(reply: Reply, asked: Prompt) -> str:
            again = bool(asked_before)
            asked_before.append(asked)
            try:
                kept.append(self._checked(output.answer(reply, asked), source, batch))
            except output.Refused:
                if kept:
                    return kept[0]
                raise
            best = min(kept, key=lambda text: output.lost_numbers(text, source))
            if not again and output.lost_numbers(best, source):
                raise output.Refused("it left out a number")
            return best

        return await asker.until_good(prompt, read)

    def _checked(self, text: str, source: str, batch: Batch) -> str:
        near = frozenset((batch.source, batch.target)) in _near()
        output.check_translation(text, source, batch.source, batch.target, near=near)
        return text


def _lines(reply: Reply, asked: Prompt, count: int) -> list[str | None]:
    """The texts of a reply in numbered lines; all None unless it is exactly the lines asked for."""
    nothing: list[str | None] = [None] * count
    try:
        text = output.answer(reply, asked)
    except output.Refused:
        return nothing
    found = [_NUMBERED.match(line) for line in text.split("\n") if line.strip()]
    if [int(match[1]) if match else 0 for match in found] != list(range(1, count + 1)):
        return nothing
    return [match[2] if match else None for match in found]
