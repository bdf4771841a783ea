"""From a job to the rows that decode it, and from decoded rows back to the job's result."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from service.engines.seq2seq.decoding import another_way, params_for
from service.engines.seq2seq.model import Seq2SeqModel
from service.engines.seq2seq.packing import cut_text, pack
from service.engines.seq2seq.params import DecodeParams
from service.engines.seq2seq.tokens import Tokens
from service.engines.sources import SourceIndex
from service.records import Check, Chunk, Job, SummaryResult, SummarySentence, TranslateResult

# Relative positions know no end, but nobody trained beyond this, and padded attention grows with the square.
_LONGEST_SOURCE = 1024
_LONGEST_OUTPUT = 512
_PAD_TO = 8
_SENTENCE = re.compile(r".+?(?:[.!?…][\"'”’»)]*(?=\s|$)|[。！？।]|$)", re.DOTALL)
_ENDED = re.compile(r"[.!?…。！？।][\"'”’»)]*\s*$")
# The score falls evenly from the first sentence to the last: the model gives an order and nothing else.
_SCORE_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Row:
    """What is decoded as a whole: a segment or a part of one for a translation, a chunk of segments for a summary.

    Attributes:
        ids: of the source, with everything the model wants around it.
        params: of the first attempt.
        texts, segments: the source's parts, and which segment of the job each belongs to.
        languages: of source and target; the same for a summary.
        blank: the text goes on behind a blank with the next row, which is of the same segment.
        chunk: what a summary's row has read, for the reply.
    """

    ids: tuple[int, ...]
    params: DecodeParams
    texts: tuple[str, ...]
    segments: tuple[int, ...]
    languages: tuple[str, str]
    blank: bool = False
    chunk: Chunk | None = None

    @property
    def text(self) -> str:
        """The source."""
        return " ".join(self.texts)

    @property
    def cost(self) -> int:
        """Padded tokens of the source and of an output of about its length."""
        return 2 * _PAD_TO * -(-len(self.ids) // _PAD_TO) * self.params.beams


@dataclass(frozen=True, slots=True)
class Output:
    """How a row was decoded: its text, its number of tokens, and what the guards had to say, as (check, action)."""

    row: Row
    text: str
    tokens: int
    checks: tuple[tuple[str, str], ...] = ()


class RowMaker:
    """Cuts jobs into rows for one model. Safe on any thread.

    Args:
        model: decides limits and how rows are decoded.
        tokens: of the same folder.
        beams: of each row; None is what the checkpoint wants.
        longest: source of one row in tokens; 0 is what the model has positions for.
        rows: bound on the beams of a row that is decoded another way.
    """

    def __init__(self, model: Seq2SeqModel, tokens: Tokens, beams: int | None, longest: int = 0, rows: int = 1) -> None:
        spec = model.spec
        self._generation = spec.generation
        self._tokens = tokens
        self._beams = beams
        longest = min(longest or _LONGEST_SOURCE, spec.max_positions or _LONGEST_SOURCE, _LONGEST_SOURCE)
        self._limit = longest - tokens.overhead
        self._longest = min(spec.max_positions or _LONGEST_OUTPUT, _LONGEST_OUTPUT) - 1
        self._rows = rows
        self._params: dict[tuple[str, int, bool], DecodeParams] = {}

    def translations(self, job: Job) -> list[Row]:
        """One row a segment, several for one that is over the model's limit; none for blanks."""
        rows = []
        for index, segment in enumerate(job.segments):
            # What holds nothing for the model to read, such as emoji it does not know, comes back as it is.
            if self._tokens.blank(segment.text):
                continue
            parts = [part for part in cut_text(segment.text, self._limit, self._tokens.count) if part.strip()]
            for place, part in enumerate(parts, 1):
                text = part.strip()
                ids = self._tokens.source(text, job.source, job.target)
                # No translation is three times as long; few distinct bounds, so that rows share their parameters.
                bound = min(self._longest, 64 * -(-(3 * len(ids) + 32) // 64))
                params = self._shared(job.target, bound)
                blank = place < len(parts) and (part != part.rstrip() or parts[place] != parts[place].lstrip())
                rows.append(Row(ids, params, (text,), (index,), (job.source, job.target), blank))
        return rows

    def chunks(self, job: Job) -> list[Row]:
        """As few rows as the model's limit allows, about equally long, of whole segments where they fit."""
        parts: list[tuple[int, int, str]] = []
        for index, segment in enumerate(job.segments):
            at = 0
            for part in cut_text(segment.text, self._limit, self._tokens.count):
                if not self._tokens.blank(part):
                    parts.append((index, at, part))
                at += len(part)
        sizes = [size + 1 for size in self._tokens.count([part.strip() for _, _, part in parts])]
        # A part may be as long as the limit, and then it has no room for the blank behind it.
        sizes = [min(size, self._limit) for size in sizes]
        bound = self._generation.max_new_tokens or max(self._generation.max_length - 1, 64)
        params = self._shared(job.source, min(self._longest, bound), again=job.summary.attempt > 0)
        rows = []
        for span in pack(sizes, self._limit):
            taken = [parts[place] for place in span]
            texts = tuple(part.strip() for _, _, part in taken)
            (first, start, _), (last, end, tail) = taken[0], taken[-1]
            rows.append(
                Row(
                    self._tokens.source(" ".join(texts), job.source, job.source),
                    params,
                    texts,
                    tuple(index for index, _, _ in taken),
                    (job.source, job.source),
                    chunk=Chunk(first, start, last, end + len(tail)),
                )
            )
        return rows

    def _shared(self, target: str, bound: int, *, again: bool = False) -> DecodeParams:
        """Parameters are one object a kind of row, because rows that share it are masked together."""
        found = self._params.get((target, bound, again))
        if found is None:
            start = self._tokens.start(target)
            generation = self._generation if start is None else replace(self._generation, start=start)
            found = params_for(
                generation, max_new_tokens=bound, beams=self._beams, forced_bos=self._tokens.forced(target)
            )
            found = another_way(found, self._rows) if again else found
            self._params[target, bound, again] = found
        return found


def translated(job: Job, outputs: Sequence[Output], unknown: Callable[[Sequence[int]], int]) -> TranslateResult:
    """Put the rows of a translation together, one text a segment; blank segments stay as they are.

    Args:
        job: as it was cut.
        outputs: of its rows, in order.
        unknown: counts the tokens that stand for something the vocabulary has not.
    """
    texts: list[list[str]] = [[] for _ in job.segments]
    for output in outputs:
        texts[output.row.segments[0]].append(output.text + " " * output.row.blank)
    joined = tuple(
        "".join(parts) if parts else segment.text for parts, segment in zip(texts, job.segments, strict=True)
    )
    checks = _checks((output.row.segments[0], output) for output in outputs)
    return TranslateResult(joined, (job.source, job.target), sum(unknown(output.row.ids) for output in outputs), checks)


def summarized(job: Job, outputs: Sequence[Output]) -> SummaryResult:
    """Put the rows of a summary together: the first sentence of each chunk before the second of any."""
    found: list[tuple[int, int, str, tuple[int, ...]]] = []
    for number, output in enumerate(outputs):
        index = SourceIndex(output.row.texts) if len(output.row.texts) > 1 else None
        for place, sentence in enumerate(sentences(output.text)):
            parts = index.sources(sentence) if index is not None else ()
            segments = [output.row.segments[part] for part in parts] or output.row.segments
            found.append((place, number, sentence, tuple(dict.fromkeys(segments))))
    found.sort(key=lambda entry: entry[:2])
    if len(outputs) == 1:
        found = found[: job.summary.max_sentences]
    made = tuple(
        SummarySentence(text, segments, 1 - _SCORE_SPREAD * rank / len(found), number)
        for rank, (_, number, text, segments) in enumerate(found)
    )
    chunks = tuple(output.row.chunk for output in outputs if output.row.chunk is not None)
    return SummaryResult(made, chunks, _checks(enumerate(outputs)))


def sentences(text: str) -> list[str]:
    """The sentences of a written text."""
    return [sentence.strip() for sentence in _SENTENCE.findall(text) if sentence.strip()]


def whole_sentences(text: str) -> str:
    """A text that was broken off, without its last sentence; as it is when there is no other."""
    found = sentences(text)
    if len(found) > 1 and not is_whole(found[-1]):
        found.pop()
    return " ".join(found)


def is_whole(text: str) -> bool:
    """Whether a text ends where a sentence does."""
    return bool(_ENDED.search(text))


def _checks(outputs: Iterable[tuple[int, Output]]) -> tuple[Check, ...]:
    found = {Check(number, check, action) for number, output in outputs for check, action in output.checks}
    return tuple(sorted(found))
