"""Dates and times of day, as facts that are the same however they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.pipeline.faithfulness.meanings import CARDINAL, CLOCK, MONTH, ORDINAL
from service.pipeline.faithfulness.numerals import Value, east_asian
from service.pipeline.faithfulness.records import Atom, Found
from service.pipeline.faithfulness.scan import FIGURE, WORDS, Token

_DAYS = range(1, 32)
_MONTHS = range(1, 13)
_YEARS = range(1000, 2200)
# Between a day and its month: "5. März", "5 de marzo", "5th of March", "March the 5th".
_BEFORE = re.compile(r"[.ºª°]?(?:-?[^\W\d_]{1,3})?\.?[ \-]{0,2}(?:[^\W\d_]{1,4}[ '])?")
_AFTER = re.compile(r"[.,]?[ \-]{0,2}(?:[^\W\d_]{1,4}[ '])?")
_LAST_WORD = re.compile(r"([^\W\d_]+) $")
_YEAR_AFTER = re.compile(r"(?:-?[^\W\d_]{1,3}(?=\W))?[.,']{0,2}[ \-]{0,2}(?:[^\W\d_.]{1,4}[. ]{1,2})?")
# How far a day or a year of a source may be from its month.
_REACH = 30

_HAN = "〇零一二三四五六七八九十廿卅"
_EAST_ASIAN = re.compile(
    rf"(?:(?P<year>\d{{2,4}}|[{_HAN}]{{2,4}})[ ]?[年년][ ]?)?"
    rf"(?<![\d{_HAN}])(?P<month>\d{{1,2}}|[{_HAN}]{{1,3}})[ ]?[月월]"
    rf"(?:[ ]?(?P<day>\d{{1,2}}|[{_HAN}]{{1,3}})[ ]?[日号號일])?"
)
_VIETNAMESE = re.compile(
    r"(?:(?P<day>(?<!\d)\d{1,2})[ ,]{1,2})?tháng (?P<month>\d{1,2}(?!\d))(?:(?:,? năm |[/ -])(?P<year>\d{4}))?"
)


def date(parts: tuple[int | None, int, int | None], start: int, end: int, text: str) -> Found:
    """A date of which day or year may be missing."""
    year, month, day = parts
    options: list[tuple[Atom, ...]]
    if day is not None and year is not None:
        options = [(("date", year, month, day),), (("day of any year", month, day), year)]
    elif day is not None:
        options = [(("day", month, day),)]
    elif year is not None:
        options = [(("month of", year, month),), (("month of any year", month), year)]
    else:
        options = [(("month", month),)]
    return Found(start, end, "date", tuple(options), facts=tuple(facts(parts)), text=text)


def facts(parts: tuple[int | None, int, int | None]) -> Iterator[Atom]:
    """Everything that a date of a source says."""
    year, month, day = parts
    yield ("month", month)
    yield ("month of any year", month) if year is None else ("month of", year, month)
    if day is not None:
        yield ("day", month, day)
        yield day
        yield ("day of any year", month, day) if year is None else ("date", year, month, day)
    if year is not None:
        yield year


def numeric(token: Token) -> Found:
    """A date in figures, `2024-03-05` or `5.3.24`; day and month in any order that is possible."""
    numbers = [int(part) for part in re.split(r"[-/.]", token.text)]
    if len(token.text.split(re.findall(r"[-/.]", token.text)[0])[0]) == 4:
        orders = [(numbers[0], numbers[1], numbers[2]), (numbers[0], numbers[2], numbers[1])]
    else:
        years = [numbers[2]] if numbers[2] > 99 else [2000 + numbers[2], 1900 + numbers[2]]
        orders = [(year, *pair) for year in years for pair in ((numbers[1], numbers[0]), (numbers[0], numbers[1]))]
    options: list[tuple[Atom, ...]] = [(("figures", token.text),)]
    said: list[Atom] = [("figures", token.text), *numbers]
    for year, month, day in orders:
        if month in _MONTHS and day in _DAYS:
            found = date((year, month, day), token.start, token.end, token.text)
            options += found.options
            said += found.facts
    if len(options) == 1:
        options.append(tuple(numbers))
    return Found(token.start, token.end, "date", tuple(options), facts=tuple(said), text=token.text)


def patterned(folded: str, language: str) -> list[Found]:
    """Dates of languages that number their months, `2024年3月5日`, `ngày 5 tháng 3 năm 2024`."""
    pattern = _VIETNAMESE if language == "vi" else _EAST_ASIAN
    found = []
    for match in pattern.finditer(folded):
        year, month, day = (_number(match[name]) for name in ("year", "month", "day"))
        if month is not None and month in _MONTHS and (day is None or day in _DAYS):
            # A year of an era or of two figures is no year of ours: it stays a number.
            start = match.start() if year is None or year in _YEARS else match.start("month")
            found.append(
                date((year if year in _YEARS else None, month, day), start, match.end(), folded[start : match.end()])
            )
    return found


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    value = int(text) if text.isdigit() else east_asian(text)
    return value if isinstance(value, int) else None


def named(tokens: list[Token], text: str, folded: str, taken: set[int], before_month: frozenset[str]) -> list[Found]:
    """Dates with the name of a month; the tokens of each that is certain are added to `taken`."""
    found = []
    for index, token in enumerate(tokens):
        month = token.first(MONTH)
        if month is None or index in taken:
            continue
        day, used = _day(tokens, folded, index, before=True)
        if day is None:
            day, used = _day(tokens, folded, index, before=False)
        last = max(index, used if day is not None else index)
        year, year_at = _year(tokens, folded, last)
        if year is None and day is None:
            year, year_at = _year_before(tokens, folded, index)
        places = [index, *([used] if day is not None else []), *([year_at] if year is not None else [])]
        start, end = tokens[min(places)].start, tokens[max(places)].end
        whole = date((year, month.value, day), start, end, folded[start:end])
        # Abbreviations and names that are words as well ("des", "may") need a day, a capital or a point.
        marked = text[token.start].isupper() or folded[token.end : token.end + 1] == "."
        if month.sure:
            sure = day is not None or len(token.meanings) == 1
        else:
            lead = _LAST_WORD.search(folded, max(0, token.start - 12), token.start)
            named_by = lead is not None and lead[1] in before_month
            sure = (marked and (day is not None or named_by)) or (day is not None and len(token.text) > 3)
        around = [fact for fact in _around(tokens, index, month.value) if isinstance(fact, tuple)]
        found.append(whole._replace(sure=sure, facts=(*whole.facts, *around)))
        if sure:
            taken.update(places)
    return found


def _day(tokens: list[Token], folded: str, index: int, *, before: bool) -> tuple[int | None, int]:
    at = index - 1 if before else index + 1
    if not 0 <= at < len(tokens):
        return None, at
    token = tokens[at]
    if before:
        fits = _BEFORE.fullmatch(folded, token.end, tokens[index].start)
    else:
        fits = _AFTER.fullmatch(folded, tokens[index].end, token.start)
    if token.kind == FIGURE and fits and token.text.isdigit() and len(token.text) < 3 and int(token.text) in _DAYS:
        return int(token.text), at
    return None, at


def _year(tokens: list[Token], folded: str, after: int) -> tuple[int | None, int]:
    for at in (after + 1, after + 2):
        if at < len(tokens) and _is_year(tokens[at]):
            if _YEAR_AFTER.fullmatch(folded, tokens[after].end, tokens[at].start):
                return int(tokens[at].text), at
            break
    return None, after


def _year_before(tokens: list[Token], folded: str, index: int) -> tuple[int | None, int]:
    at = index - 1
    if at >= 0 and _is_year(tokens[at]) and _BEFORE.fullmatch(folded, tokens[at].end, tokens[index].start):
        return int(tokens[at].text), at
    return None, at


def _is_year(token: Token) -> bool:
    return token.kind == FIGURE and len(token.text) == 4 and token.text.isdigit() and int(token.text) in _YEARS


def _around(tokens: list[Token], index: int, month: int) -> Iterator[Atom]:
    """What else may belong to a month of a source: other days ("5 and 6 March") and a year further away."""
    days: set[int] = set()
    years: set[int] = set()
    for step in (-1, 1):
        for at in range(index + step, index + 7 * step, step):
            if not 0 <= at < len(tokens):
                break
            token = tokens[at]
            distance = tokens[index].start - token.end if step < 0 else token.start - tokens[index].end
            if distance > _REACH:
                break
            if _is_year(token):
                years.add(int(token.text))
            for value in _values(token):
                if value in _DAYS:
                    days.add(int(value))
    for day in days:
        yield from facts((None, month, day))
    for year in years:
        yield ("month of", year, month)
        yield from (("date", year, month, day) for day in days)


def _values(token: Token) -> Iterator[Value]:
    if token.kind == FIGURE and len(token.text) < 3:
        yield int(token.text)
    elif token.kind == WORDS:
        yield from (meaning.value for meaning in token.meanings if meaning.kind in (CARDINAL, ORDINAL))


def slashed(tokens: list[Token], folded: str, index: int) -> Found | None:
    """A day and a month, `27/4`, at a token; None where there are no figures that may be a date."""
    if index + 1 >= len(tokens) or tokens[index].kind != FIGURE or tokens[index + 1].kind != FIGURE:
        return None
    one, other = tokens[index], tokens[index + 1]
    if (
        folded[one.end : other.start] != "/"
        or "/" in folded[other.end : other.end + 1] + folded[one.start - 1 : one.start]
    ):
        return None
    if not (one.text.isdigit() and other.text.isdigit() and len(one.text) < 3 and len(other.text) < 3):
        return None
    first, second = int(one.text), int(other.text)
    orders = [(month, day) for month, day in ((first, second), (second, first)) if month in _MONTHS and day in _DAYS]
    if not orders or first < second <= 10:  # a fraction
        return None
    options: list[tuple[Atom, ...]] = [(("day", month, day),) for month, day in orders]
    said: list[Atom] = [first, second]
    for month, day in orders:
        said += facts((None, month, day))
    if max(first, second) <= 12 or (first, second) == (24, 7):
        options.append((first, second))
    return Found(one.start, other.end, "date", tuple(options), facts=tuple(said), text=folded[one.start : other.end])


# ---- times of day ---------------------------------------------------------------------------------------------------

_POINTED = re.compile(r"([01]?\d|2[0-4])[.,]([0-5]\d)")


def clock(token: Token) -> Found:
    """A time such as `18:30` or `18h30`; `6.30pm` is the same. What is no time, `4:3`, is its numbers."""
    parts = [int(part) for part in re.split("[:h]", token.text)]
    options: list[tuple[Atom, ...]] = [(("figures", token.text),), tuple(parts)]
    said: list[Atom] = [("figures", token.text), *parts]
    if parts[0] < 25 and parts[1] < 60:
        time = at(parts[0], parts[1])
        options.append((time,))
        said.append(time)
        if parts[1] in (0, 30):
            half: tuple[Atom, ...] = () if parts[1] == 0 else ("half",)
            options += [(hour, *half) for hour in hours(parts[0])]
        if parts[1] == 30:
            options += [(hour + 1, "half") for hour in hours(parts[0])]
        said += [hour for hour in hours(parts[0]) if parts[1] == 0]
    return Found(token.start, token.end, "number", tuple(options), facts=tuple(said), text=token.text)


def at(hour: int, minute: int) -> Atom:
    """The fact of a time of day; morning and evening are not told apart, because few languages always say which."""
    return ("time", hour % 12 * 60 + minute)


def hours(hour: int) -> tuple[int, ...]:
    """An hour as it is said with twelve and with twenty-four."""
    return (hour, hour + 12) if hour <= 12 else (hour, hour - 12)


def pointed(text: str) -> tuple[int, int] | None:
    """Hour and minute that figures with a point may be, `18.30`."""
    match = _POINTED.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def said_with_hour(tokens: list[Token], folded: str, first: int, last: int) -> bool:
    """Whether a word beside a number says that it is an hour: `6pm`, `18 Uhr`, `오후 6`."""
    for index, neighbour in ((last, last + 1), (first, first - 1)):
        if 0 <= neighbour < len(tokens) and tokens[neighbour].first(CLOCK):
            low, high = sorted((index, neighbour))
            if len(folded[tokens[low].end : tokens[high].start].strip(" .")) == 0:
                return True
    return False
