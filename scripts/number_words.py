"""The spelled numbers of `service/data/number_words.toml`, as ICU's rules spell them (CLDR, rule-based number formats).

    python -m scripts.number_words           says whether the table is what ICU gives
    python -m scripts.number_words --write   writes it

It is a table because these rules take ICU seconds to read in languages with many cases.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from icu4py.messageformat import MessageFormat

from service.languages import all_languages

TABLE = Path(__file__).parents[1] / "service" / "data" / "number_words.toml"
HEAD = """\
# Spelled numbers by language, as ICU spells them; made by `python -m scripts.number_words --write`, not by hand.
# What ICU does not know is added in quantities.toml.
#
# cardinals, ordinals   a line a number: its value, then its spellings in all genders and cases, the base form first
"""
# Written with numerals of their own, which need no list.
SKIPPED = {"zh-Hans", "zh-Hant", "ja", "ko"}

_GENDERS = ("", "-masculine", "-feminine", "-neuter", "-common", "-plural")
_CASES = (
    *("", "-genitive", "-dative", "-accusative", "-locative", "-instrumental", "-ablative", "-prepositional"),
    *("-partitive", "-elative", "-illative", "-inessive", "-essive", "-adessive", "-allative", "-translative"),
)
_CARDINALS = (
    *("cardinal", "numbering"),
    *(f"cardinal{gender}{case}" for gender in _GENDERS for case in _CASES if gender or case),
    *("numbering-verbose", "cardinal-verbose", "cardinal-reale", "cardinal-masculine-personal", "cardinal-construct"),
)
_ORDINALS = (
    "ordinal",
    *(f"ordinal{gender}{case}" for gender in _GENDERS for case in _CASES[:8] if gender or case),
    *(f"ordinal-{ending}" for ending in ("n", "r", "s", "m", "masculine-adjective")),
)
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u061c]")
# Up to one hundred all, then what tells the words for hundred, thousand and so on.
_NUMBERS = (
    *range(101),
    *range(200, 1000, 100),
    *(factor * 10**power for factor in (1, 2, 5) for power in (3, 5, 6, 7, 9, 12)),
)
_INFLECTED = (*range(1, 21), *range(30, 101, 10), *range(200, 1000, 100), *(10**3, 2000, 5000, 10**6, 2 * 10**6, 10**9))
_COUNTED = (*range(1, 32), *range(40, 101, 10))


def _spellings(language: str, rules: Iterable[str]) -> Iterator[MessageFormat]:
    """A formatter for each set of rules that gives other words than those before; none where ICU has no words."""
    seen: set[str] = set()
    if language != "en":
        seen.add("twenty-three|two|three|one thousand")
    for rule in rules:
        formatter = MessageFormat(f"{{n,spellout,%spellout-{rule}}}", language)
        sample = "|".join(_spell(formatter, number) for number in (23, 2, 3, 1000))
        if sample not in seen and not any(character.isdigit() for character in sample):
            seen.add(sample)
            yield formatter


def _spell(formatter: MessageFormat, number: int) -> str:
    return _INVISIBLE.sub("", str(formatter.format({"n": number})))


def cardinals(language: str) -> dict[int, list[str]]:
    """Spellings of the numbers of the table, without repetitions; empty where ICU has no words."""
    found: dict[int, dict[str, None]] = {}
    for position, formatter in enumerate(_spellings(language, _CARDINALS)):
        for number in _INFLECTED if position > 1 else _NUMBERS:
            found.setdefault(number, {})[_spell(formatter, number)] = None
    return {number: list(words) for number, words in sorted(found.items())}


def ordinals(language: str) -> dict[int, list[str]]:
    """Spellings of the ordinal numbers of the table; empty where ICU has none of its own."""
    plain = {word for words in cardinals(language).values() for word in words}
    if not plain:
        return {}
    found: dict[int, dict[str, None]] = {}
    for formatter in _spellings(language, _ORDINALS):
        for number in _COUNTED:
            word = _spell(formatter, number)
            if word not in plain:
                found.setdefault(number, {})[word] = None
    return {number: list(words) for number, words in sorted(found.items())}


def section(language: str) -> str:
    """The table of one language; empty where ICU has no words."""
    lines = [f"[{language}]"]
    for name, spelled in (("cardinals", cardinals(language)), ("ordinals", ordinals(language))):
        if spelled:
            rows = "\n".join(f"{number} {' | '.join(words)}" for number, words in spelled.items())
            lines.append(f'{name} = """\n{rows}\n"""')
    return "\n".join(lines) + "\n" if len(lines) > 1 else ""


def _codes() -> list[str]:
    return [language.code for language in all_languages() if language.code not in SKIPPED]


def main() -> int:
    """0 when the table is what ICU gives, or has been written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    text = HEAD + "".join(f"\n{part}" for code in _codes() if (part := section(code)))
    tomllib.loads(text)
    if parser.parse_args().write:
        TABLE.write_text(text, encoding="utf-8")
    elif TABLE.read_text(encoding="utf-8") != text:
        print(f"{TABLE.name} is not what ICU gives; run with --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
