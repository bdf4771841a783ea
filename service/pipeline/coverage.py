"""How much of a text was read, in spans of the caller's text."""

from __future__ import annotations

from collections.abc import Sequence

from service.pipeline.requests import Coverage
from service.records import Chunk, Sentence, Span


def spans(chunks: Sequence[Chunk], sentences: Sequence[Sentence], *, exact: bool) -> tuple[Span, ...]:
    """The stretches that were read as a whole, in order; the whole text as one where no chunks are told.

    Args:
        chunks: of the engine, over the segments that were made of the sentences.
        sentences: of the text.
        exact: offsets within segments are offsets within sentences, which they are not in a translation.
    """
    if not sentences:
        return ()
    if not chunks:
        return (Span(sentences[0].start, sentences[-1].end),)
    found = []
    for chunk in chunks:
        first, last = sentences[chunk.first], sentences[chunk.last]
        if exact:
            found.append(Span(first.start + chunk.start, min(last.end, last.start + chunk.end)))
        else:
            found.append(Span(first.start, last.end))
    return tuple(found)


def coverage(text: str, sentences: Sequence[Sentence], read: Sequence[Span]) -> Coverage:
    """Count what was read; a text is truncated when a visible character of its sentences was not.

    Args:
        text: of the caller.
        sentences: what cleaning has left of it, in order.
        read: in order, as `spans` gives them.
    """
    used, truncated, at = 0, False, 0
    for sentence in sentences:
        begin = sentence.start
        while begin < sentence.end:
            while at < len(read) and read[at].end <= begin:
                at += 1
            start = min(sentence.end, max(begin, read[at].start)) if at < len(read) else sentence.end
            truncated = truncated or (not text[begin:start].isspace() and start > begin)
            end = min(sentence.end, read[at].end) if start < sentence.end else start
            used += end - start
            begin = max(end, start)
    return Coverage(len(text), used, max(1, len(read)), truncated)
