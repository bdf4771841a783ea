"""Our engine for encoder-decoder models: one checkpoint folder, one task."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from service.engines.base import Measures, RowDone, RowText, RowWork
from service.engines.seq2seq import guards
from service.engines.seq2seq.assembly import Output, Row, RowMaker, summarized, translated
from service.engines.seq2seq.attempts import Attempt, Decoding, failed, judge, lost
from service.engines.seq2seq.decoding import params_for
from service.engines.seq2seq.memory import watermark
from service.engines.seq2seq.model import Seq2SeqModel
from service.engines.seq2seq.params import DecodeParams
from service.engines.seq2seq.reading import Reader
from service.engines.seq2seq.runner import Budget, Finished, Runner
from service.engines.seq2seq.tokens import LanguageStyle, Tokens
from service.errors import BadRequest, EngineFailed, NoText, UnsupportedLanguage
from service.records import Job, ModelInfo, Result, Task, Usage

# Steps of a row between two looks at whether it runs in a circle.
_LOOK_EVERY = 64


@dataclass(frozen=True, slots=True)
class Languages:
    """What a checkpoint translates, or in which languages it summarizes.

    Attributes:
        codes: tag -> the language as the model writes it; a model that is told no language has tags all the same.
        sources, targets: tags that are read and written only; empty for all of `codes`.
        style: where the model wants its languages; None is what its kind usually wants.
        prefix: text put before every source, such as `summarize: `.
    """

    codes: Mapping[str, str]
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    style: LanguageStyle | None = None
    prefix: str = ""

    @property
    def read(self) -> tuple[str, ...]:
        """Tags of the sources."""
        return self.sources or tuple(self.codes)

    @property
    def written(self) -> tuple[str, ...]:
        """Tags of the targets."""
        return self.targets or tuple(self.codes)


class Seq2SeqEngine:
    """Implements `engines.base.Engine` for translation or summarization with one checkpoint.

    Args:
        model: loaded.
        tokens: the tokenizer of the same folder.
        info: the catalogue entry; decides the task.
        languages: what the model is good for.
        beams: of each row; None is what the checkpoint wants for summaries and greedy for translations.
        longest: source of one row in tokens; 0 is what the model has positions for.
        budget: of the runner.

    Attributes:
        before_step: called first in every step, on the loop's thread.
    """

    def __init__(
        self,
        model: Seq2SeqModel,
        tokens: Tokens,
        info: ModelInfo,
        languages: Languages,
        *,
        beams: int | None = None,
        longest: int = 0,
        budget: Budget | None = None,
    ) -> None:
        self._model = model
        self._tokens = tokens
        self._info = info
        self._task = info.task
        self._sources, self._targets = languages.read, languages.written
        self._beams = 1 if beams is None and info.task is Task.TRANSLATE else beams
        self._budget = budget or Budget()
        self._maker = RowMaker(model, tokens, self._beams, longest, self._budget.rows)
        self._runner = Runner(model, self._budget)
        self.before_step: Callable[[], None] | None = None
        self._rows: dict[int, Decoding] = {}
        self._again: deque[tuple[int, DecodeParams]] = deque()
        self._readers: dict[int, Reader] = {}
        self._told: list[RowText] = []

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
        if job.task is Task.TRANSLATE:
            if job.source not in self._sources or job.target not in self._targets or job.source == job.target:
                raise UnsupportedLanguage("this model has no such direction", field="target", supported=self._targets)
            rows = self._maker.translations(job)
        else:
            if "*" not in self._sources and job.source not in self._sources:
                raise UnsupportedLanguage("this model does not read this language", supported=self._sources)
            if job.summary.max_sentences < 1:
                raise BadRequest("at least one sentence must be allowed", field="length")
            rows = self._maker.chunks(job)
        if not rows:
            raise NoText("there is nothing to work on")
        translates = job.task is Task.TRANSLATE
        return [RowWork(row.cost, row, row.segments[0] if translates else at) for at, row in enumerate(rows)]

    def finish(self, job: Job, outputs: Sequence[object]) -> tuple[Result, Usage]:
        """Put the texts of rows together in the order of the segments."""
        done = [output for output in outputs if isinstance(output, Output)]
        usage = Usage(sum(len(one.row.ids) for one in done), sum(one.tokens for one in done))
        if job.task is Task.SUMMARIZE:
            return summarized(job, done), usage
        return translated(job, done, self._tokens.unknown), usage

    def warm(self) -> None:
        """Run one short row through everything."""
        runner = Runner(self._model, self._budget)
        generation = self._model.spec.generation
        runner.add(0, (generation.eos[0],) * 4, params_for(generation, max_new_tokens=2, beams=1))
        while runner.busy:
            runner.step()
        watermark.note()

    def free_rows(self) -> int:
        """Rows of this engine's kind that still fit beside those that wait to be decoded again."""
        waiting = sum(params.beams for _, params in self._again)
        return max(0, self._runner.free_rows() - waiting) // (self._beams or self._model.spec.generation.beams)

    def admit(self, rows: Sequence[tuple[int, RowWork]]) -> None:
        """Take rows in."""
        for row_id, work in rows:
            row = work.payload
            if not isinstance(row, Row):
                raise TypeError(f"not a row of this engine: {type(row).__name__}")
            self._rows[row_id] = Decoding(row)
            self._runner.add(row_id, row.ids, row.params)
            if work.followed:
                self._readers[row_id] = Reader(self._tokens.text)

    def step(self) -> list[RowDone]:
        """One token further for every row, and some way through the encoder for those that wait."""
        if self.before_step is not None:
            self.before_step()
        self._start_again()
        done = [row for ended in self._runner.step() if (row := self._ended(ended)) is not None]
        done += self._lost()
        for row_id, reader in self._readers.items():
            self._tell(row_id, reader.more(self._runner.written(row_id, reader.seen)))
        if not self._runner.busy and not self._again:
            watermark.settle()
        return done

    def written(self) -> list[RowText]:
        """The new text of followed rows; a row that is decoded again is silent until that has ended."""
        told, self._told = self._told, []
        return told

    def measures(self) -> Measures:
        """Of the last step; a row that is decoded again has had its first token."""
        did = self._runner.measures
        began = tuple(key for key in did.began if key in self._rows and not self._rows[key].attempts)
        return replace(did, began=began)

    def evict(self, row_ids: Sequence[int]) -> None:
        """Forget rows."""
        for row_id in row_ids:
            if self._rows.pop(row_id, None) is not None:
                self._runner.drop(row_id)
                self._readers.pop(row_id, None)
                self._again = deque(waiting for waiting in self._again if waiting[0] != row_id)

    def interrupt(self) -> None:
        """Nothing to do: a step never waits."""

    def close(self) -> None:
        """Forget every row."""
        self.evict(list(self._rows))

    def _start_again(self) -> None:
        """Let doubted rows back in as places come free; they go before new rows."""
        while self._again and self._again[0][1].beams <= self._runner.free_rows():
            row_id, params = self._again.popleft()
            self._runner.add(row_id, self._rows[row_id].row.ids, params)

    def _ended(self, ended: Finished) -> RowDone | None:
        """The end of an attempt."""
        row = self._rows[ended.key].row
        if ended.failed or not ended.hypotheses:
            return self._next(ended.key, failed())
        tokens = ended.hypotheses[0].tokens
        # A forced end looks like one of the model's own.
        whole = tokens[-1] in row.params.eos_set and row.params.forced_eos is None
        cut = len(tokens) >= row.params.max_new_tokens and not whole
        return self._next(ended.key, judge(self._task, row, self._tokens.text(tokens), len(tokens), cut=cut))

    def _lost(self) -> list[RowDone]:
        """End attempts that run in a circle now and then, instead of at their bound: the guards would refuse them."""
        done = []
        for row_id, decoding in list(self._rows.items()):
            decoding.steps += 1
            if decoding.steps % _LOOK_EVERY:
                continue
            tokens = self._runner.written(row_id)
            if not guards.loop_in_tokens(tokens, decoding.row.ids).ok:
                self._runner.drop(row_id)
                ended = self._next(row_id, lost(self._task, decoding.row, self._tokens.text(tokens), len(tokens)))
                done += [] if ended is None else [ended]
        return done

    def _next(self, row_id: int, attempt: Attempt) -> RowDone | None:
        """What follows on an attempt: the end of its row, or None when it is decoded once more."""
        decoding = self._rows[row_id]
        decoding.attempts.append(attempt)
        params = decoding.again(self._budget.rows)
        reader = self._readers.get(row_id)
        if params is not None:
            self._again.append((row_id, params))
            if reader is not None:
                reader.pause()
            return None
        del self._rows[row_id]
        self._readers.pop(row_id, None)
        try:
            output = decoding.output()
        except EngineFailed as error:
            return RowDone(row_id, error=error)
        if reader is not None:
            self._tell(row_id, reader.end(output.text + " " * decoding.row.blank))
        return RowDone(row_id, output)

    def _tell(self, row_id: int, said: tuple[str, bool]) -> None:
        text, replaces = said
        if text or replaces:
            self._told.append(RowText(row_id, text, replaces))
