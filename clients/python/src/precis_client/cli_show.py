"""Replies as people read them: texts on standard output, doubts and failures on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from precis_client.errors import PrecisError
from precis_client.replies import (
    DetectReply,
    Faithfulness,
    SummarizeReply,
    SummaryTranslation,
    TranslateReply,
    Translation,
)
from precis_client.replies_about import Job, LanguagesReply

SOME_FAILED = 3
# Of a candidate for the language of a text; less rounds to nothing.
_WORTH_NAMING = 0.005


def complain(text: str) -> None:
    """One line on standard error."""
    print(f"precis: {' '.join(text.split())}", file=sys.stderr)


def failure(error: PrecisError) -> int:
    """Say what went wrong; the exit status."""
    where = f"{error.field}: " if error.field and f"`{error.field}`" not in error.detail else ""
    complain(where + error.detail)
    if error.supported:
        print(f"supported: {' '.join(error.supported)}", file=sys.stderr)
    return 1


def as_json(value: Mapping[str, Any]) -> None:
    """A reply as it came, to be read."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()


def summary(reply: SummarizeReply) -> int:
    """The summary, its translations below. Returns the exit status."""
    print(reply.summary.text)
    return after_summary(reply)


def after_summary(reply: SummarizeReply, *, translated: bool = False) -> int:
    """What is said behind a summary; `translated`: the translations have been shown already."""
    doubts("the article", reply.summary.faithfulness)
    for one in reply.translations:
        if not translated:
            summary_translation(one)
        doubts("the summary", one.faithfulness)
    return 0 if all(one.ok for one in reply.translations) else SOME_FAILED


def summary_translation(one: SummaryTranslation) -> None:
    """A translation of the summary below its language, or why there is none."""
    print(f"\n[{one.language}]", flush=True)
    if one.ok:
        print(one.text, flush=True)
    elif one.error is not None:
        complain(f"{one.language}: {one.error.detail}")


def translations(reply: TranslateReply) -> int:
    """The translations of one text. Returns the exit status."""
    for one in reply.translations:
        translation(one, titled=len(reply.translations) > 1)
    return 0 if all(one.ok for one in reply.translations) else SOME_FAILED


def translation(one: Translation, *, titled: bool) -> None:
    """One translation, with its language above where there are several."""
    if titled:
        print(f"[{one.target}]")
    if one.ok:
        sys.stdout.write(one.text if one.text.endswith("\n") else one.text + "\n")
        sys.stdout.flush()
    elif one.error is not None:
        complain(f"{one.target}: {one.error.detail}")


def detection(reply: DetectReply) -> int:
    """The language and how sure that is, then the other candidates. Returns the exit status."""
    for one in reply.results:
        print(f"{one.language} {one.confidence:.2f}")
        others = [
            f"{other.language} {other.confidence:.2f}"
            for other in one.alternatives
            if other.language != one.language and other.confidence >= _WORTH_NAMING
        ]
        if others:
            print(f"also: {', '.join(others)}", file=sys.stderr)
    return 0


def doubts(source: str, found: Faithfulness | None) -> None:
    """What an output says that its source does not."""
    for one in found.unsupported if found is not None else ():
        complain(f"not in {source} ({one.kind}): {one.text}")


def languages(reply: LanguagesReply) -> int:
    """A line a language. Returns the exit status."""
    for entry in reply.languages:
        targets = " ".join(target.code for target in entry.targets)
        print(
            f"{entry.code:8} {entry.name:24} summaries: {' '.join(entry.engines) or '-'}"
            f"{'  translations: ' + targets if targets else ''}"
        )
    for line in reply.missing:
        print(f"missing: {line}", file=sys.stderr)
    return 0


def job(one: Job) -> None:
    """A job in a line."""
    made = one.created_at.isoformat(timespec="seconds") if one.created_at else "-"
    done = f"{one.progress.done}/{one.progress.total}"
    failed = f"  {one.progress.failed} failed" if one.progress.failed else ""
    why = f"  {one.error.detail}" if one.error is not None else ""
    print(f"{one.id}  {one.state:9}  {done:>9}  {made}{failed}{why}")
