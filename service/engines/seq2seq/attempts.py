"""Rows whose output is doubted are decoded again, alone and in another way; the best attempt is kept.

A ladder of two further attempts: beam search that may not repeat three tokens, then greedy search with a stronger
penalty for what was written. Pure decisions; who decodes is the engine's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from service.engines.seq2seq import guards
from service.engines.seq2seq.assembly import Output, Row, is_whole, whole_sentences
from service.engines.seq2seq.params import DecodeParams
from service.errors import EngineFailed
from service.records import Action, Task

NO_END = "no_end"
EMPTY = "too_short"
MOST_ATTEMPTS = 3

_BEAMS = 4
_NGRAM = 3
_PENALTIES = (1.1, 1.3)
# An output that was too short may not end before this share of the source's tokens.
_LEAST_SHARE = 0.6
# What a reader loses by each: a loop hides text, a copy is of no use, a length is a hint.
_WEIGHT = {"loop": 3, NO_END: 3, "untranslated": 2, "wrong_script": 2}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One decoding of a row: its text, its number of tokens, and why it is doubted."""

    text: str
    tokens: int
    doubts: tuple[str, ...] = ()
    unusable: str = ""

    @property
    def weight(self) -> tuple[bool, bool, int]:
        """Orders attempts, the best first."""
        return bool(self.unusable), not self.text, sum(_WEIGHT.get(doubt, 1) for doubt in self.doubts)


@dataclass(slots=True)
class Decoding:
    """A row on its way, with the steps it was part of and the attempts made so far."""

    row: Row
    steps: int = 0
    attempts: list[Attempt] = field(default_factory=list)

    def again(self, rows: int) -> DecodeParams | None:
        """How the row is to be decoded next; None when the last attempt is good or there were enough.

        Args:
            rows: bound on the beams, at least 1.
        """
        made = len(self.attempts)
        if made >= MOST_ATTEMPTS or not (self.attempts[-1].doubts or self.attempts[-1].unusable):
            return None
        params = self.row.params
        least = params.min_new_tokens
        if any(EMPTY in attempt.doubts for attempt in self.attempts):
            least = min(params.max_new_tokens - 1, max(least, int(_LEAST_SHARE * len(self.row.ids))))
        return replace(
            params,
            beams=max(1, min(rows, max(_BEAMS, params.beams))) if made == 1 else 1,
            num_return=1,
            do_sample=False,
            no_repeat_ngram_size=min(params.no_repeat_ngram_size or _NGRAM, _NGRAM),
            repetition_penalty=max(params.repetition_penalty, _PENALTIES[made - 1]),
            min_new_tokens=least,
        )

    def output(self) -> Output:
        """The best attempt, with what is to be said of it.

        Raises:
            EngineFailed: none can be used.
        """
        best = min(self.attempts, key=lambda attempt: attempt.weight)
        if best.unusable:
            raise EngineFailed(best.unusable)
        replaced = tuple(doubt for doubt in self.attempts[0].doubts if doubt not in best.doubts)
        checks = [(doubt, Action.REDECODED.value) for doubt in replaced if best is not self.attempts[0]]
        checks += [(doubt, Action.FLAGGED.value) for doubt in best.doubts]
        return Output(self.row, best.text, best.tokens, tuple(checks))


def failed() -> Attempt:
    """An attempt that gave nothing."""
    return Attempt("", 0, (), "the model gave no usable output for this item")


def judge(task: Task, row: Row, text: str, tokens: int, *, cut: bool) -> Attempt:
    """What the guards say of an output.

    Args:
        task: decides which guards look.
        row: what was decoded.
        text: of the output.
        tokens: of the output.
        cut: it reached the most tokens it may have without an end.
    """
    if task is Task.SUMMARIZE:
        return _judge_summary(row, text, tokens, cut=cut)
    if cut:
        # Nothing is cut silently, and half a translation is worth less than the knowledge that there is none.
        loops = () if guards.loop_in_text(text, row.text).ok else ("loop",)
        return Attempt(text, tokens, (*loops, NO_END), "the translation of this item came to no end")
    if not any(character.isalpha() for character in row.text):
        return Attempt(text, tokens)
    doubts = tuple(verdict.reason for verdict in guards.check(row.text, text, *row.languages))
    unusable = "" if text else "the model gave no translation of this item"
    return Attempt(text, tokens, doubts, unusable)


def lost(task: Task, row: Row, text: str, tokens: int) -> Attempt:
    """An attempt that was ended because its tokens ran in a circle, whatever its text looks like."""
    attempt = judge(task, row, text, tokens, cut=True)
    return attempt if "loop" in attempt.doubts else replace(attempt, doubts=("loop", *attempt.doubts))


def _judge_summary(row: Row, text: str, tokens: int, *, cut: bool) -> Attempt:
    """A summary that ends at its bound is an ordinary one, if a whole sentence is in it."""
    doubts: tuple[str, ...] = ()
    if cut:
        text = whole_sentences(text)
        doubts = () if is_whole(text) else (NO_END,)
    if not guards.loop_in_text(text, row.text).ok:
        doubts = ("loop", *doubts)
    # A chunk without a summary is told of, and others may have one.
    return Attempt(text, tokens, doubts if text else (*doubts, EMPTY))
