"""Summaries: one question for a text that fits, else one for each part and then for the notes on the parts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from service.engines.remote import chunks, output, prompts
from service.engines.remote.asking import Asker, Client, side_by_side
from service.engines.remote.prompts import CHARACTERS_PER_SENTENCE, Fence, Prompt
from service.engines.remote.reply import Reply
from service.engines.sources import SourceIndex
from service.records import Action, Check, Job, SummaryResult, SummarySentence, Usage

# More than anybody asks of a summary; the caller's bound may be in characters and then says little about sentences.
MOST_SENTENCES = 12
_MOST_NOTES = 6
# Notes take at most a third of their part, so every round is shorter than the one before.
_NOTES_SHARE = 3
_SCORE_SPREAD = 0.5
_UNFAITHFUL = "it said something that the text does not say"
_WORD = re.compile(r"\w+")


class SummaryWriter:
    """Writes summaries through a client.

    Args:
        chunk_characters: the most text of one question.
    """

    def __init__(self, client: Client, fence: Fence, chunk_characters: int) -> None:
        self._client = client
        self._fence = fence
        self._chunk = chunk_characters

    async def write(self, job: Job) -> tuple[SummaryResult, Usage]:
        """Return the summary of a job, best sentences first, and what it took.

        Raises:
            EngineFailed: no answer of the model was a summary of this text.
            PrecisError: whatever the client raises.
        """
        row = _Row(self._fence, Asker(self._client), job)
        notes = chunks.pack(chunks.lines(job.segments), self._chunk)
        read = chunks.spans(job.segments, notes) if len(notes) > 1 else ()
        wanted = max(1, min(job.summary.max_sentences, MOST_SENTENCES, (len(job.segments) + 1) // 2))
        each = max(1, min(_MOST_NOTES, self._chunk // (_NOTES_SHARE * CHARACTERS_PER_SENTENCE)))
        title = f"{job.summary.title}\n\n" if job.summary.title else ""
        parts = False
        while len(notes) > 1:
            heads = [title if not parts and not at else "" for at in range(len(notes))]
            found = await side_by_side(
                [row.sentences(head + note, each, parts) for head, note in zip(heads, notes, strict=True)]
            )
            notes = chunks.pack([sentence for sentences in found for sentence in sentences], self._chunk)
            parts = True
        sentences = await row.sentences(("" if parts else title) + notes[0], wanted, parts)
        checks = tuple(Check(0, name, Action.REDECODED.value) for name in dict.fromkeys(row.asker.refused))
        return SummaryResult(row.sourced(sentences), read, checks, condensed=True), row.asker.usage


class _Row:
    """One job on its way."""

    def __init__(self, fence: Fence, asker: Asker, job: Job) -> None:
        texts = [segment.text for segment in job.segments]
        self.asker = asker
        self._fence = fence
        self._tag = job.source
        self._remark = _UNFAITHFUL if job.summary.attempt else ""
        self._index = SourceIndex(texts)
        self._words = frozenset(word for text in (*texts, job.summary.title) for word in _WORD.findall(text.casefold()))

    async def sentences(self, text: str, most: int, parts: bool) -> list[str]:
        """The sentences of the model about `text` that the job's text supports."""

        def prompt(remark: str) -> Prompt:
            return prompts.summarize(self._fence, text, self._tag, most, parts=parts, remark=remark or self._remark)

        def read(reply: Reply, asked: Prompt) -> list[str]:
            found = output.summary_sentences(reply, asked, self._tag, most, self._words)
            supported = [sentence for sentence in found if self._index.supports(sentence)]
            if 2 * len(supported) < len(found) or not supported:
                raise output.Refused("it was not about the text", "unsupported")
            return supported

        return await self.asker.until_good(prompt, read)

    def sourced(self, sentences: Sequence[str]) -> tuple[SummarySentence, ...]:
        """The sentences with their sources; the score falls evenly, as the model gave an order and nothing else."""
        return tuple(
            SummarySentence(sentence, self._index.sources(sentence), 1 - _SCORE_SPREAD * rank / len(sentences))
            for rank, sentence in enumerate(sentences)
        )
