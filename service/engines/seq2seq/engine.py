"""Our engine for encoder-decoder models: one checkpoint folder, one task."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from service.engines.base import RowDone, RowWork
from service.engines.seq2seq.configuration import GenerationDefaults
from service.engines.seq2seq.decoding import params_for
from service.engines.seq2seq.model import Seq2SeqModel
from service.engines.seq2seq.packing import cut_text, pack
from service.engines.seq2seq.params import DecodeParams
from service.engines.seq2seq.runner import Budget, Runner
from service.engines.seq2seq.tokens import LanguageStyle, Tokens
from service.errors import BadRequest, EngineFailed, NoText, UnsupportedLanguage
from service.records import (
    Job,
    ModelInfo,
    Result,
    SummaryResult,
    SummarySentence,
    Task,
    TranslateResult,
    Usage,
)

# Relative positions know no end, but nobody trained beyond this, and padded attention grows with the square.
_LONGEST_SOURCE = 1024
_LONGEST_OUTPUT = 512
_PAD_TO = 8
_SENTENCE = re.compile(r".+?(?:[.!?…][\"'”’»)]*(?=\s|$)|[。！？।]|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Languages:
    """What a checkpoint translates, or in which languages it summarizes.

    Attributes:
        codes: tag -> the language as the model writes it; a model that is told no language has tags all the same.
        sources, targets: tags that are read and written only; empty for all of `codes`.
        style: where the model wants its languages; None is what its kind usually wants.
    """

    codes: Mapping[str, str]
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    style: LanguageStyle | None = None

    @property
    def read(self) -> tuple[str, ...]:
        """Tags of the sources."""
        return self.sources or tuple(self.codes)

    @property
    def written(self) -> tuple[str, ...]:
        """Tags of the targets."""
        return self.targets or tuple(self.codes)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A row: which segments of its job it holds, and whether its text went on behind a blank."""

    ids: tuple[int, ...]
    params: DecodeParams
    segments: tuple[int, ...]
    blank_after: bool = True


@dataclass(frozen=True, slots=True)
class _Output:
    piece: _Piece
    tokens: tuple[int, ...]
    score: float | None
    cut: bool = False


class Seq2SeqEngine:
    """Implements `engines.base.Engine` for translation or summarization with one checkpoint.

    Args:
        model: loaded.
        tokens: the tokenizer of the same folder.
        info: the catalogue entry; decides the task.
        languages: what the model is good for.
        beams: of each row; None is what the checkpoint wants for summaries and greedy for translations.
        budget: of the runner.
    """

    def __init__(
        self,
        model: Seq2SeqModel,
        tokens: Tokens,
        info: ModelInfo,
        languages: Languages,
        *,
        beams: int | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._model = model
        self._tokens = tokens
        self._info = info
        self._task = info.task
        self._sources, self._targets = languages.read, languages.written
        self._beams = 1 if beams is None and info.task is Task.TRANSLATE else beams
        self._budget = budget or Budget()
        spec = model.spec
        self._limit = min(spec.max_positions or _LONGEST_SOURCE, _LONGEST_SOURCE) - tokens.overhead
        self._longest = min(spec.max_positions or _LONGEST_OUTPUT, _LONGEST_OUTPUT) - 1
        self._runner = Runner(model, self._budget)
        self._pieces: dict[int, _Piece] = {}

    def models(self) -> tuple[ModelInfo, ...]:
        """The one catalogue entry."""
        return (self._info,)

    def prepare(self, job: Job) -> list[RowWork]:
        """Tokenise a job into rows: segments for translations, chunks of segments for summaries.

        Raises:
            BadRequest: another task. UnsupportedLanguage: a direction the checkpoint has not. NoText: only blanks.
        """
        if job.task is not self._task:
            raise BadRequest(f"this model does not {job.task.value}", field="engine")
        pieces = self._translations(job) if job.task is Task.TRANSLATE else self._chunks(job)
        if not pieces:
            raise NoText("there is nothing to work on")
        return [RowWork(_cost(piece), piece) for piece in pieces]

    def finish(self, job: Job, outputs: Sequence[object]) -> tuple[Result, Usage]:
        """Detokenise rows and put them together in the order of the segments."""
        done = [output for output in outputs if isinstance(output, _Output)]
        usage = Usage(sum(len(one.piece.ids) for one in done), sum(len(one.tokens) for one in done))
        if job.task is Task.SUMMARIZE:
            return SummaryResult(self._sentences(done)[: job.summary.max_sentences]), usage
        texts: list[list[str]] = [[] for _ in job.segments]
        for one in done:
            parts = texts[one.piece.segments[0]]
            parts.append(self._tokens.text(one.tokens))
            if one.piece.blank_after:
                parts.append(" ")
        joined = tuple(
            "".join(parts).strip() or ("" if parts else segment.text)
            for parts, segment in zip(texts, job.segments, strict=True)
        )
        unknown = sum(self._tokens.unknown(one.piece.ids) for one in done)
        return TranslateResult(joined, (job.source, job.target), unknown), usage

    def warm(self) -> None:
        """Run one short row through everything."""
        runner = Runner(self._model, self._budget)
        generation = self._model.spec.generation
        runner.add(0, (generation.eos[0],) * 4, params_for(generation, max_new_tokens=2, beams=1))
        while runner.busy:
            runner.step()

    def free_rows(self) -> int:
        """Rows of this engine's kind that still fit."""
        return self._runner.free_rows() // (self._beams or self._model.spec.generation.beams)

    def admit(self, rows: Sequence[tuple[int, RowWork]]) -> None:
        """Take rows in."""
        for row_id, work in rows:
            if not isinstance(work.payload, _Piece):
                raise TypeError(f"not a row of this engine: {type(work.payload).__name__}")
            self._pieces[row_id] = work.payload
            self._runner.add(row_id, work.payload.ids, work.payload.params)

    def step(self) -> list[RowDone]:
        """One token further for every row, and some way through the encoder for those that wait."""
        done = []
        for ended in self._runner.step():
            piece = self._pieces.pop(ended.key)
            if ended.failed or not ended.hypotheses:
                done.append(RowDone(ended.key, error=EngineFailed("the model gave no usable output for this item")))
                continue
            best = ended.hypotheses[0]
            cut = len(best.tokens) >= piece.params.max_new_tokens
            if cut and self._task is Task.TRANSLATE:
                # Nothing is cut silently, and half a translation is worth less than the knowledge that there is none.
                done.append(RowDone(ended.key, error=EngineFailed("the translation of this item came to no end")))
                continue
            done.append(RowDone(ended.key, _Output(piece, best.tokens, best.score, cut)))
        return done

    def evict(self, row_ids: Sequence[int]) -> None:
        """Forget rows."""
        for row_id in row_ids:
            if self._pieces.pop(row_id, None) is not None:
                self._runner.drop(row_id)

    def interrupt(self) -> None:
        """Nothing to do: a step never waits."""

    def close(self) -> None:
        """Forget every row."""
        self.evict(list(self._pieces))

    # ---- rows --------------------------------------------------------------------------------------------------------

    def _translations(self, job: Job) -> list[_Piece]:
        if job.source not in self._sources or job.target not in self._targets or job.source == job.target:
            raise UnsupportedLanguage("this model has no such direction", field="target", supported=self._targets)
        pieces = []
        for index, segment in enumerate(job.segments):
            if not segment.text.strip():
                continue
            for part in cut_text(segment.text, self._limit, self._tokens.count):
                if not part.strip():
                    continue
                ids = self._tokens.source(part.strip(), job.source, job.target)
                pieces.append(
                    _Piece(ids, self._translate_params(job.target, len(ids)), (index,), part != part.rstrip())
                )
        return pieces

    def _translate_params(self, target: str, length: int) -> DecodeParams:
        generation = _started(self._model.spec.generation, self._tokens.start(target))
        # Few distinct bounds, so that rows share their parameters' tables; no translation is three times as long.
        bound = min(self._longest, 64 * -(-(3 * length + 32) // 64))
        forced = self._tokens.forced(target)
        return params_for(generation, max_new_tokens=bound, beams=self._beams, forced_bos=forced)

    def _chunks(self, job: Job) -> list[_Piece]:
        if "*" not in self._sources and job.source not in self._sources:
            raise UnsupportedLanguage("this model does not read this language", supported=self._sources)
        if job.summary.max_sentences < 1:
            raise BadRequest("at least one sentence must be allowed", field="length")
        parts = [
            (index, part.strip())
            for index, segment in enumerate(job.segments)
            for part in cut_text(segment.text, self._limit, self._tokens.count)
            if part.strip()
        ]
        sizes = [size + 1 for size in self._tokens.count([text for _, text in parts])]
        pieces = []
        for chunk in pack(sizes, self._limit):
            text = " ".join(parts[place][1] for place in chunk)
            ids = self._tokens.source(text, job.source, job.source)
            generation = _started(self._model.spec.generation, self._tokens.start(job.source))
            bound = generation.max_new_tokens or max(generation.max_length - 1, 64)
            params = params_for(
                generation,
                max_new_tokens=min(self._longest, bound),
                beams=self._beams,
                forced_bos=self._tokens.forced(job.source),
            )
            pieces.append(_Piece(ids, params, tuple(dict.fromkeys(parts[place][0] for place in chunk))))
        return pieces

    def _sentences(self, done: Sequence[_Output]) -> tuple[SummarySentence, ...]:
        """Sentences of all chunks, the first of each chunk before the second of any."""
        found = []
        for number, one in enumerate(done):
            sentences = _SENTENCE.findall(self._tokens.text(one.tokens))
            if one.cut and len(sentences) > 1:
                sentences.pop()  # it was broken off in the middle
            for place, sentence in enumerate(sentences):
                if sentence.strip():
                    found.append((place, number, sentence.strip(), one.piece.segments))
        found.sort(key=lambda entry: entry[:2])
        return tuple(
            SummarySentence(text, segments, 1.0 / (index + 1)) for index, (_, _, text, segments) in enumerate(found)
        )


def _started(generation: GenerationDefaults, start: int | None) -> GenerationDefaults:
    return generation if start is None else replace(generation, start=start)


def _cost(piece: _Piece) -> int:
    """Padded tokens of the source and of an output of about its length."""
    return 2 * _PAD_TO * -(-len(piece.ids) // _PAD_TO) * piece.params.beams
