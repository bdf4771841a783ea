"""Mistakes put into true sentences, one each: another name, a statement turned round, another quotation.

Nothing here knows how the service looks for them: names are words that a whole corpus writes with a capital wherever
they stand, and for languages that write nouns so too, only those that the English lines have as well.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.corrupt_quantities import corrupt_quantities

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_RUN = re.compile(r"[^\W\d_]+(?:[ -][^\W\d_]+)*")
_QUOTE = re.compile(r"[“„«\"]([^“”„«»\"]{12,300})[”“»\"]")
_LEAST_TIMES = 2

# One sentence in, the sentence turned round out; None when this does not know how.
_NEGATED: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        (r"\b(is|are|was|were|will|would|can|could|has|have|had|should|must|may)\b(?! not|n't)", r"\1 not"),
        (r"\b(is|are|was|were|will|would|could|has|have|had|should|do|does|did)(?: not|n't)\b", r"\1"),
    ),
    "de": (
        (r"\b(ist|sind|war|waren|wird|werden|hat|haben|kann|soll|muss)\b(?! nicht)", r"\1 nicht"),
        (r" nicht\b", ""),
    ),
    "fr": ((r"\b(est|sont|a|ont|sera|peut|doit)\b(?! pas)", r"n'\1 pas"), (r"\b(?:ne |n['’])(\w+) pas\b", r"\1")),
    "es": ((r"\b(es|son|fue|ha|han|está|puede|será|tiene)\b", r"no \1"), (r"\b[Nn]o (\w+)", r"\1")),
    "pt": ((r"\b(é|são|foi|tem|está|pode|será)\b", r"não \1"), (r"\b[Nn]ão (\w+)", r"\1")),
    "it": ((r"\b(è|sono|ha|hanno|sarà|può)\b", r"non \1"), (r"\b[Nn]on (\w+)", r"\1")),
    "ca": ((r"\b(és|són|ha|han|serà|pot|va)\b", r"no \1"), (r"\b[Nn]o (\w+)", r"\1")),
    "nl": ((r"\b(is|zijn|was|heeft|hebben|kan|zal|wordt)\b", r"\1 niet"), (r" niet\b", "")),
    "sv": ((r"\b(är|var|har|kan|ska|kommer)\b", r"\1 inte"), (r" inte\b", "")),
    "ru": ((r"\b(был|была|было|были|будет|может|должен|имеет)\b", r"не \1"), (r"\bне (\w+)", r"\1")),
    "uk": ((r"\b(був|була|було|були|буде|може|має)\b", r"не \1"), (r"\bне (\w+)", r"\1")),
    "pl": ((r"\b(jest|są|był|była|było|może|będzie|ma)\b", r"nie \1"), (r"\bnie (\w+)", r"\1")),
}


def names_of(lines: Iterable[str], only: frozenset[str] | None = None) -> frozenset[str]:
    """The words that a corpus writes with a capital in the middle of sentences, and never without.

    Args:
        lines: sentences.
        only: take no other words than these.
    """
    inside: Counter[str] = Counter()
    small: set[str] = set()
    for line in lines:
        for count, match in enumerate(_WORD.finditer(line)):
            word = match.group()
            if word[0].islower():
                small.add(word.casefold())
            elif count and word[0].isupper() and len(word) > 2 and line[match.start() - 1] == " ":
                before = line[: match.start()].rstrip()
                if before and before[-1] not in '.!?:"“”«»„(':
                    inside[word] += 1
    found = (word for word in inside if word.casefold() not in small)
    return frozenset(word for word in found if only is None or word in only)


def runs(line: str, names: frozenset[str]) -> list[tuple[int, int]]:
    """Where the names of a line are, neighbours as one."""
    found: list[tuple[int, int]] = []
    for match in _WORD.finditer(line):
        word = match.group().partition("'")[0].partition("’")[0]
        if word not in names:
            continue
        end = match.start() + len(word)
        if found and line[found[-1][1] : match.start()] in (" ", "-"):
            found[-1] = (found[-1][0], end)
        else:
            found.append((match.start(), end))
    return found


@dataclass(frozen=True, slots=True)
class Corruptor:
    """Swaps of one corpus.

    Attributes:
        names: its words that are names.
        pool: its names, as they stand.
        quotes: its quotations.
    """

    names: frozenset[str]
    pool: tuple[str, ...]
    quotes: tuple[str, ...]

    @classmethod
    def of(cls, lines: Sequence[str], only: frozenset[str] | None = None) -> Corruptor:
        """Make one of a corpus."""
        names = names_of(lines, only)
        pool = sorted({line[start:end] for line in lines for start, end in runs(line, names)})
        quotes = sorted({match[1] for line in lines for match in _QUOTE.finditer(line)})
        return cls(names, tuple(pool), tuple(quotes))

    def name(self, line: str, source: str, chance: random.Random) -> str | None:
        """The line with one name swapped for another of as many words that the source does not have."""
        places = runs(line, self.names)
        if not places or not self.pool:
            return None
        start, end = chance.choice(places)
        size = len(line[start:end].split())
        folded = source.casefold()
        for _ in range(40):
            other = chance.choice(self.pool)
            if len(other.split()) == size and not any(word.casefold()[:4] in folded for word in other.split()):
                return line[:start] + other + line[end:]
        return None

    def quote(self, line: str, source: str, chance: random.Random) -> str | None:
        """The line with another quotation."""
        match = _QUOTE.search(line)
        if match is None or not self.quotes:
            return None
        other = chance.choice(self.quotes)
        return None if other in source else line[: match.start(1)] + other + line[match.end(1) :]


def quantity(language: str) -> Callable[[str, str, random.Random], str | None]:
    """What makes one quantity of a sentence wrong."""

    def change(line: str, source: str, chance: random.Random) -> str | None:
        made = corrupt_quantities(line, language, chance.randrange(1 << 30), source)
        return chance.choice(made)[0] if made else None

    return change


def negation(language: str) -> Callable[[str, str, random.Random], str | None]:
    """What turns a sentence of a language round; it gives None where it does not know how."""

    def turn(line: str, source: str, chance: random.Random) -> str | None:
        rules = list(_NEGATED.get(language.partition("-")[0], ()))
        for pattern, new in reversed(rules):
            changed = re.sub(pattern, new, line, count=1)
            if changed != line:
                return changed
        return None

    return turn
