"""Translators that do everything a translator may do wrong, and what has to survive them."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable

from selectolax.lexbor import LexborHTMLParser

from service.pipeline.formats import html_tables
from service.pipeline.requests import TextFormat, TranslateRequest, Translation
from service.records import Job, TranslateResult
from tests.pipeline.scripted import Scripted, context, translator

READ = html_tables.ATTRIBUTES | {"content", "label", "abbr", "summary"}
LIVE = "<b>x</b> &amp; *y* `z` [q](u)"


def translating(change: Callable[[str], str]) -> Scripted:
    """A backend that changes every segment by a function."""

    def answer(job: Job) -> TranslateResult:
        return TranslateResult(tuple(change(one.text) for one in job.segments), (job.source, job.target))

    pairs = (("en", "es"), ("en", "zh-Hans"))
    return Scripted((translator("m", 1, *pairs),), {"m": answer})


def permuting(seed: int) -> Callable[[str], str]:
    """Shuffles, reverses, drops and doubles words, changes their case, loses stand-ins and writes markup of its own."""

    def change(text: str) -> str:
        chance = random.Random(f"{seed} {text}")
        words = text.split()
        kind = chance.randrange(7)
        if kind in (0, 1):
            chance.shuffle(words)
        elif kind == 2:
            words.reverse()
        elif kind == 3:
            words = words[: len(words) // 2]
        elif kind == 4:
            words += words[-2:]
        elif kind == 5:
            words = [word for word in words if "_" not in word]
        if chance.random() < 0.3:
            words.insert(chance.randrange(len(words) + 1), LIVE)
        return " ".join(word.upper() if chance.random() < 0.4 else word for word in words)

    return change


def translated(
    text: str,
    form: TextFormat,
    change: Callable[[str], str],
    *,
    target: str = "es",
    keep: tuple[str, ...] = (),
    glossary: tuple[tuple[str, str], ...] = (),
) -> Translation:
    """What the pipeline makes of a text."""
    request = TranslateRequest((text,), (target,), "en", format=form, keep=keep, glossary=glossary)
    (made,) = translating(change).pipeline().translate(request, context()).translations
    assert made.error is None
    return made


def same(text: str) -> str:
    """A translator that changes nothing."""
    return text


def louder(text: str) -> str:
    """A translator that only writes everything but stand-ins in capitals."""
    return " ".join(word if re.search(r"[A-Z]_\d", word) else word.upper() for word in text.split(" "))


def tree(html: str) -> Counter[tuple[object, ...]]:
    """Every element with the path to it and its attributes, but for the values that people read; every comment too."""
    found: Counter[tuple[object, ...]] = Counter()
    stack = [(LexborHTMLParser(html).root, "")]
    while stack:
        node, path = stack.pop()
        while node is not None:
            tag = node.tag or ""
            if tag == "-comment":
                found[path, tag, node.html] += 1
            elif tag == "-text":
                if path.rsplit("/", 1)[-1] in html_tables.UNTRANSLATED:
                    found[path, tag, node.text_content] += 1
            else:
                attributes = {name: "" if name in READ else value for name, value in node.attributes.items()}
                found[path, tag, tuple(sorted(attributes.items(), key=str))] += 1
                if node.child is not None:
                    stack.append((node.child, f"{path}/{tag}"))
            node = node.next
    return found
