"""Long documents through the pipeline and small trained models, as the service runs them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from service.config import load
from service.engines.catalogue import ModelRow
from service.engines.seq2seq.engine import Languages
from service.engines.seq2seq.opening import open_engine
from service.engines.seq2seq.runner import Budget
from service.pipeline.pipeline import Pipeline
from service.pipeline.requests import LENGTHS, Length, SummarizeReply, SummarizeRequest, TranslateRequest
from service.records import CallContext, Task
from service.serving.dispatcher import Dispatcher
from service.serving.inproc import InprocBackend
from tests.engines.seq2seq import toy


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A translator among three languages, and the same model told to stay in English as the summarizer."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder: Path = tmp_path_factory.mktemp("toy")
    toy.train_translator(folder)
    translate = ModelRow("translator", "seq2seq", Task.TRANSLATE, 300, "standard", "CC0-1.0")
    summarize = ModelRow("summarizer", "seq2seq", Task.SUMMARIZE, 100, "standard", "CC0-1.0", ("en",))
    budget = Budget(rows=16)
    engines = {
        "translator": open_engine(folder, translate, Languages({"en": "en", "fr": "fr", "de": "de"}), budget=budget),
        "summarizer": open_engine(folder, summarize, Languages({"en": "en"}), budget=budget),
    }
    options: dict[str, Any] = {"max_rows": 1000, "max_cost": 10**9}
    backend = InprocBackend(lambda: Dispatcher(engines, **options))
    yield Pipeline(backend, load({}))
    backend.close()
    torch.set_num_threads(threads)


def article(language: str, paragraphs: int, longest: int = 9) -> str:
    """Paragraphs of a sentence each; the model has seen sentences of four words at most."""
    chooser = random.Random(1)
    return "\n\n".join(
        toy.say(language, [chooser.randrange(toy.WORDS) for _ in range(chooser.randint(3, longest))]) + " ."
        for _ in range(paragraphs)
    )


def summarized(pipeline: Pipeline, **fields: Any) -> SummarizeReply:
    """The reply to a request that leaves the text as it is."""
    request = SummarizeRequest(clean=False, explain=True, **fields)
    return pipeline.summarize(request, CallContext("test", time.monotonic() + 60))


@pytest.mark.parametrize("length", [LENGTHS["short"], Length("words", 9), Length("characters", 40)])
def test_a_long_document_is_read_whole(pipeline: Pipeline, length: Length) -> None:
    """Chunks join up to the text, the bound is kept, and sources are sentences of the caller's text."""
    text = article("en", 60)
    reply = summarized(pipeline, text=text, language="en", length=length)
    assert reply.summary.engine == "summarizer"
    assert reply.coverage.chunks > 10
    assert not reply.coverage.truncated
    assert reply.coverage.used_characters == sum(map(len, text.split("\n\n")))
    assert reply.explain is not None
    chunks = [text[span.start : span.end] for span in reply.explain.chunks]
    assert "\n\n".join(chunks) == text
    size = {
        "sentences": len(reply.summary.sentences),
        "words": len(reply.summary.text.split()),
        "characters": len(reply.summary.text),
    }
    assert 0 < size[length.unit] <= length.at_most
    paragraphs = set(text.split("\n\n"))
    for sentence in reply.summary.sentences:  # what shares no word with the text has no source
        assert {text[span.start : span.end] for span in sentence.sources} <= paragraphs
    assert reply.summary.degraded in (None, "chunks")
    assert reply.usage.input_tokens > 60 * 4


def test_another_language_goes_through_english(pipeline: Pipeline) -> None:
    """A German article: translated, summarized in rounds, translated back, with sources in the German text."""
    text = article("de", 12)
    reply = summarized(pipeline, text=text, language="de", translate_to=("fr",))
    assert reply.summary.engine == "translator+summarizer+translator"
    assert reply.summary.route == ("de", "en", "de")
    assert reply.coverage.used_characters == sum(map(len, text.split("\n\n")))
    for sentence in reply.summary.sentences:
        assert {text[span.start : span.end] for span in sentence.sources} <= set(text.split("\n\n"))
    (french,) = reply.translations
    assert french.error is None and french.route == ("en", "fr")


def test_checks_of_a_long_translation_point_at_their_sentences(pipeline: Pipeline) -> None:
    """Every doubt has the place of its sentence in the translated text, paragraphs kept."""
    text = article("en", 40, longest=20)
    (made,) = pipeline.translate(
        TranslateRequest((text,), ("fr",), "en"), CallContext("test", time.monotonic() + 60)
    ).translations
    assert made.error is None
    paragraphs = made.text.split("\n\n")
    assert len(paragraphs) == 40
    assert made.checks
    for check in made.checks:
        assert made.text[check.start : check.end] == paragraphs[check.segment]
