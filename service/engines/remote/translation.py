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
from service.engines.seq2seq import guards
from service.records import Action, Segment, Usage

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


def segments_of(segments: Sequence[Segment]) -> list[int]:
    """Return which segment each translated text of a job belongs to, over all its batches in order."""
    return [piece.segment for piece in _pieces(segments) if piece.text]


@dataclass(frozen=True, slots=True)
class Translated:
    """One text's translation, with what was doubted, as (check, action)."""

    text: str
    checks: tuple[tuple[str, str], ...] = ()


class Translator:
    """Translates batches through a client."""

    def __init__(self, client: Client, fence: Fence) -> None:
        self._client = client
        self._fence = fence

    async def translate(self, batch: Batch) -> tuple[tuple[Translated, ...], Usage]:
        """Return one translation a text, in order, and what they took.

        Raises:
            EngineFailed: for one of the texts no answer of the model was a translation.
            PrecisError: whatever the client raises.
        """
        asker = Asker(self._client)
        found: list[Translated | str] = [""] * len(batch.texts)
        if len(batch.texts) > 1:
            asked = prompts.translate_lines(self._fence, batch.texts, batch.source, batch.target)
            found = self._good(batch, _lines(await asker.ask(asked), asked, len(batch.texts)))
        missing = [(at, doubt) for at, doubt in enumerate(found) if isinstance(doubt, str)]
        alone = await side_by_side([self._alone(asker, batch, batch.texts[at], doubt) for at, doubt in missing])
        made = {at: text for at, text in enumerate(found) if isinstance(text, Translated)}
        made.update((at, text) for (at, _), text in zip(missing, alone, strict=True))
        return tuple(made[at] for at in range(len(found))), asker.usage

    def _good(self, batch: Batch, lines: Sequence[str | None]) -> list[Translated | str]:
        """The lines that are good; for the others the name of the doubt, empty where there is no line."""
        found: list[Translated | str] = []
        for text, source in zip(lines, batch.texts, strict=True):
            if text is None:
                found.append("")
                continue
            try:
                doubts = self._doubts(self._checked(text, source, batch), source, batch)
            except output.Refused as refused:
                doubts = (refused.check,)
            found.append(doubts[0] if doubts else Translated(text))
        return found

    async def _alone(self, asker: Asker, batch: Batch, source: str, doubt: str) -> Translated:
        """One text by itself; `doubt` is what was wrong with its line, if there was one.

        What is only doubted is asked for once more and then taken: a number may be put in words for good reason.
        """
        kept: list[tuple[str, tuple[str, ...]]] = []
        asked_before: list[Prompt] = []
        refused: list[str] = [doubt] if doubt else []

        def prompt(remark: str) -> Prompt:
            return prompts.translate_one(self._fence, source, batch.source, batch.target, remark=remark)

        def read(reply: Reply, asked: Prompt) -> tuple[str, tuple[str, ...]]:
            again = bool(asked_before)
            asked_before.append(asked)
            try:
                text = self._checked(output.answer(reply, asked), source, batch)
                kept.append((text, self._doubts(text, source, batch)))
            except output.Refused as error:
                if kept:
                    return kept[0]
                refused.append(error.check)
                raise
            best = min(kept, key=lambda one: (output.lost_numbers(one[0], source), len(one[1])))
            if not again and best[1]:
                refused.extend(best[1])
                raise output.Refused(output.REMARKS.get(best[1][0], "it left out a number"), best[1][0])
            return best

        text, doubts = await asker.until_good(prompt, read)
        checks = [(name, Action.REDECODED.value) for name in dict.fromkeys(refused) if name not in doubts]
        return Translated(text, (*checks, *((name, Action.FLAGGED.value) for name in doubts)))

    def _doubts(self, text: str, source: str, batch: Batch) -> tuple[str, ...]:
        """What the guards of all engines doubt, and a number that was left out."""
        doubts = tuple(verdict.reason for verdict in guards.check(source, text, batch.source, batch.target))
        return (*doubts, "number") if output.lost_numbers(text, source) else doubts

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
