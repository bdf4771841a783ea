"""What is read of a request before any engine sees it: cleaned blocks, their language, their sentences."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import NoText, TooLong
from service.observability.stages import stage
from service.pipeline import clean, detect, segment, translate
from service.pipeline.requests import AUTO, SummarizeRequest, Warn
from service.records import Article, Block, Detection, Segment, Sentence

UNKNOWN = "und"
# Below this the caller is told that the language is a guess.
SURE = 0.6
# Language identification reads no more than this of an article, from no more than so many blocks all over it.
DETECT_CHARACTERS = 4000
DETECT_BLOCKS = 16
# A longer article does not wait for its turn.
IN_TURN_CHARACTERS = 20_000

_in_turn = threading.Lock()


@dataclass(frozen=True, slots=True)
class Read:
    """An article as the engines will see it."""

    article: Article
    detection: Detection
    sentences: tuple[Sentence, ...]
    title: str
    warnings: tuple[Warn, ...]

    @property
    def language(self) -> str:
        """Tag of the article's language, or `und`."""
        return self.detection.language

    def segments(self) -> tuple[Segment, ...]:
        """The sentences as engines take them."""
        text = self.article.text
        return tuple(Segment(text[item.start : item.end], item.paragraph) for item in self.sentences)


def read(request: SummarizeRequest, max_characters: int) -> Read:
    """Clean, identify and cut into sentences; of short articles one at a time.

    It only computes, so that threads gain nothing side by side, and lose much: each of hundreds of small
    array operations lets another one in. A long article goes beside them and holds nobody up.

    Args:
        request: the caller's.
        max_characters: bound on the text, for HTML on its visible text.
    Raises:
        TooLong: the text is over the bound.
        NoText: nothing is left to summarize.
    """
    size = len(request.text or "") + len(request.html or "")
    with contextlib.ExitStack() as turn:
        if size <= IN_TURN_CHARACTERS:
            with stage("turn"):
                turn.enter_context(_in_turn)
        return _read(request, max_characters)


def _read(request: SummarizeRequest, max_characters: int) -> Read:
    with stage("clean"):
        article = _clean(request)
    field = "html" if request.html is not None else "text"
    if len(article.text) > max_characters:
        raise TooLong(f"the text is over the limit of {max_characters} characters", field=field)
    blocks, title = article.blocks, ""
    if article.title:
        title = article.text[article.title.start : article.title.end]
    if not any(translate.has_letters(article.text[block.start : block.end]) for block in blocks):
        if article.title is None or not translate.has_letters(title):
            raise NoText("there is no text to summarize", field=field)
        # A headline alone is summarized by itself.
        blocks = (Block(article.title.start, article.title.end, "heading"),)
        title = ""
    with stage("detect"):
        detection, warnings = _identify(request, article, blocks)
    with stage("segment"):
        sentences = segment.sentences(article.text, blocks, detection.language)
    return Read(article, detection, sentences, title, warnings)


def _clean(request: SummarizeRequest) -> Article:
    if request.html is not None:
        return clean.clean_html(request.html, clean=request.clean)
    return clean.clean_text(request.text or "", clean=request.clean)


def _identify(
    request: SummarizeRequest, article: Article, blocks: Sequence[Block]
) -> tuple[Detection, tuple[Warn, ...]]:
    if request.language != AUTO:
        return Detection(request.language, 1.0), ()
    if len(blocks) > DETECT_BLOCKS:
        last = len(blocks) - 1
        blocks = [blocks[round(number * last / (DETECT_BLOCKS - 1))] for number in range(DETECT_BLOCKS)]
    size = DETECT_CHARACTERS // max(len(blocks), 1)
    # By paragraph: a foreign quotation or a leftover of the page does not decide, a mixed article is called a guess.
    detection = detect.detect(
        "\n".join(article.text[block.start : min(block.end, block.start + size)] for block in blocks)
    )
    if detection.language == UNKNOWN:
        return detection, (
            Warn("language_unknown", "the language of the text could not be told; name it if it matters"),
        )
    if detection.confidence < SURE:
        return detection, (Warn("language_uncertain", "the language of the text is a guess"),)
    return detection, ()
