"""Texts with one quantity made wrong, to measure what a check of quantities finds.

    corrupt_quantities("Profits rose 20% to $5m.", "en", 1)
    -> [("Profits rose 70% to $5m.", 13, 14, "digit"), ("Profits rose 20% to $5bn.", ...), ...]

It works on the text as it is written, not with the reader that is measured: figures by a pattern, words by ICU's names.
"""

from __future__ import annotations

import hashlib
import random
import re
from functools import lru_cache

from service.pipeline.faithfulness import wording

# What a corruption is: kind, and the exchange of one piece of text for another.
Corruption = tuple[str, int, int, str]

_FIGURES = re.compile(r"(?<![\d.,])\d+(?:[.,]\d+)*(?![\d])")
_WORD = re.compile(r"[^\W\d_]+")
_CURRENCIES = [("€", "$"), ("$", "€"), ("£", "€"), ("¥", "€"), ("₽", "€"), ("₹", "$")]
_CURRENCY_NAMES = ("EUR", "USD", "GBP", "JPY", "INR", "CNY")
_CJK_MAGNITUDES = {"万": "亿", "亿": "万", "億": "万", "만": "억", "억": "만", "萬": "億"}


def corrupt_quantities(text: str, language: str, seed: int, avoid: str = "") -> list[Corruption]:
    """Corruptions of a text, each with one quantity changed.

    Args:
        text: a summary or translation that is right.
        language: its tag.
        seed: other seeds give other changes; the same gives the same.
        avoid: the source; what it says somewhere is not put into the text, because that takes understanding to notice.

    Returns: for each the changed text, where the change lies in it, and its kind: `digit` (one figure of a number),
    `number` (another number), `magnitude`, `currency`, `percent`, `month` or `word` (a spelled number).
    """
    digest = hashlib.sha256(f"{seed}|{language}|{text}".encode()).digest()
    dice = random.Random(digest)
    there = text + " " + avoid
    found = [*_figures(text, dice, there), *_signs(text, language), *_words(text, language, dice, there)]
    return [
        (text[:start] + new + text[end:], start, start + len(new), kind)
        for start, end, new, kind in found
        if new != text[start:end]
    ]


def _figures(text: str, dice: random.Random, there: str) -> list[tuple[int, int, str, str]]:
    found = []
    for match in _FIGURES.finditer(text):
        start, end = match.span()
        places = [place for place in range(start, end) if text[place].isdecimal()]
        # Not the zeros at the end of a decimal fraction: 5.0 and 5.1 may both be right.
        place = dice.choice(places[: max(1, len(places) - 1)]) if len(places) > 1 else places[0]
        zero = ord(text[place]) - int(text[place])
        wrong = [chr(zero + digit) for digit in range(1 if place == places[0] else 0, 10)]
        wrong = [
            digit
            for digit in wrong
            if _absent(match[0][: place - start] + digit + match[0][place - start + 1 :], there)
        ]
        if wrong:
            found.append((place, place + 1, dice.choice(wrong), "digit"))
        other = str(dice.randint(2, 99) + 7 * int(re.sub(r"\D", "", match[0])[-6:]))
        other = "".join(chr(zero + int(digit)) for digit in other)
        if _absent(other, there):
            found.append((start, end, other, "number"))
    return found


def _absent(figures: str, text: str) -> bool:
    """Whether a text has nowhere this number, in figures of this script."""
    return re.search(rf"(?<!\d){re.escape(figures)}(?!\d)", text) is None


def _signs(text: str, language: str) -> list[tuple[int, int, str, str]]:
    found = []
    for sign, other in _CURRENCIES:
        found += [(match.start(), match.end(), other, "currency") for match in re.finditer(re.escape(sign), text)]
    found += [(match.start() + 1, match.end(), " €", "percent") for match in re.finditer(r"\d\s?[%٪％]", text)]
    if language.startswith(("zh", "ja", "ko")):
        for match in re.finditer(rf"(?<=\d)[{''.join(_CJK_MAGNITUDES)}]", text):
            found.append((match.start(), match.end(), _CJK_MAGNITUDES[match[0]], "magnitude"))
    return found


@lru_cache(maxsize=64)
def _tables(language: str) -> tuple[dict[str, int], dict[str, int], dict[str, str], dict[str, int]]:
    """Months, magnitudes, currencies and numbers by name."""
    months = {name: month for name, month, full in wording.months(language) if full and not re.search(r"[\d ]", name)}
    large = {name: value for name, value in wording.magnitudes(language) if value >= 10**6 and len(name) > 2}
    currencies = dict(wording.units(language, _CURRENCY_NAMES))
    spelled = wording.spelled_numbers(language).get("cardinals", {})
    numbers = {words[0]: number for number, words in spelled.items() if 3 <= number <= 20 and len(words[0]) > 3}
    return months, large, currencies, numbers


def _words(text: str, language: str, dice: random.Random, there: str) -> list[tuple[int, int, str, str]]:
    months, large, currencies, numbers = _tables(language)
    found = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        word = match[0]
        near = bool(re.search(r"\d\W{0,2}$", text[:start]))
        if word in months and len(months) > 6 and (near or len(word) > 4):
            said = {month for name, month in months.items() if name in there}
            others = [name for name, month in months.items() if month not in said] or [word]
            found.append((start, end, dice.choice(others), "month"))
        elif word in large and near:
            others = [name for name, value in large.items() if value != large[word]]
            if others:
                found.append((start, end, dice.choice(others), "magnitude"))
        elif word in currencies and re.search(r"\d\W{0,2}(?:\w+\W{1,2})?$", text[:start]):
            others = [name for name, code in currencies.items() if code != currencies[word] and " " not in name]
            if others:
                found.append((start, end, dice.choice(others), "currency"))
        elif word in numbers:
            others = [name for name, number in numbers.items() if number != numbers[word] and name not in there]
            if others:
                found.append((start, end, dice.choice(others), "word"))
    return found
