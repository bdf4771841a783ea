"""Extractive summarizers. A row is `{"language", "title", "sentences", "words", "count"}`, an article as sentences.

An output is `{"order", "chosen"}`, places of sentences: all of them that the system ranks, best first, and those of a
summary of `count` sentences, in reading order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.quality.worker import Run, System

Row = dict[str, Any]
_RANKED = 40
_SPARE = 8  # sentences beyond the length wanted that the service asks its engine for


def _lead() -> Run:
    return lambda row: _output(row, list(range(len(row["sentences"]))))


def _output(row: Row, order: list[int]) -> dict[str, list[int]]:
    return {"order": order[:_RANKED], "chosen": sorted(order[: row["count"]])}


def _own(*, titles: bool) -> Callable[[], Run]:
    """The engine and what the service makes of its ranking, as `/v1/summarize` does."""

    def load() -> Run:
        from service.engines.extractive.engine import ExtractiveEngine
        from service.pipeline import compose
        from service.pipeline.requests import Length
        from service.records import Job, Segment, Sentence, SummaryParams, SummaryResult, Task

        engine = ExtractiveEngine()
        engine.warm()

        def ranked(row: Row, title: str, most: int) -> SummaryResult:
            segments = tuple(Segment(text) for text in row["sentences"])
            job = Job(
                Task.SUMMARIZE, "extractive", row["language"], "", segments, SummaryParams(title, most, row["count"])
            )
            (work,) = engine.prepare(job)
            engine.admit([(0, work)])
            (done,) = engine.step()
            if not isinstance(done.output, SummaryResult):
                raise TypeError("the engine gave no summary")
            return done.output

        def run(row: Row) -> dict[str, list[int]]:
            title = row["title"] if titles else ""
            wanted = row["count"] + _SPARE
            result = ranked(row, title, max(wanted, _RANKED))
            order = [sentence.sources[0] for sentence in result.sentences]
            spans, at = [], 0
            for place, text in enumerate(row["sentences"]):
                spans.append(Sentence(at, at + len(text), place))
                at += len(text) + 1
            made = compose.compose(
                "\n".join(row["sentences"]),
                spans,
                SummaryResult(result.sentences[:wanted]),
                length=Length("sentences", row["count"]),
                format="paragraph",
                language=row["language"],
                title=title,
            )
            places = {span.start: span.paragraph for span in spans}
            return {"order": order, "chosen": [places[one.sources[0].start] for one in made.sentences]}

        return run

    return load


def _sumy(module: str, name: str) -> Callable[[], Run]:
    def load() -> Run:
        import importlib

        from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence

        summarizer = getattr(importlib.import_module(f"sumy.summarizers.{module}"), name)()

        def run(row: Row) -> dict[str, list[int]]:
            words = dict(zip(row["sentences"], row["words"], strict=True))

            class Words:
                def to_words(self, text: str) -> tuple[str, ...]:
                    return tuple(words[text])

            order: list[int] = []

            def all_of(ranked: Any) -> Any:
                order.extend(info.order for info in ranked)
                return ranked

            parts = [Sentence(text, Words()) for text in row["sentences"]]
            summarizer(ObjectDocumentModel([Paragraph(parts)]), all_of)
            return _output(row, order)

        return run

    return load


SYSTEMS = {
    "precis": System("Précis", _own(titles=True), own=True),
    "precis-untitled": System("Précis, title not given", _own(titles=False), own=True),
    "lead": System("first sentences", _lead, own=True),
    "lexrank": System("sumy LexRank", _sumy("lex_rank", "LexRankSummarizer"), group="sumy", package="sumy"),
    "textrank": System("sumy TextRank", _sumy("text_rank", "TextRankSummarizer"), group="sumy", package="sumy"),
    "lsa": System("sumy LSA", _sumy("lsa", "LsaSummarizer"), group="sumy", package="sumy"),
    "luhn": System("sumy Luhn", _sumy("luhn", "LuhnSummarizer"), group="sumy", package="sumy"),
}
