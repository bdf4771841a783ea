"""Numbers in figures, however they are grouped, and in Chinese, Japanese, Korean and Roman numerals.

Everything here works on text that `letters.fold` has made.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

Value = int | Decimal
# What has to be found for one way to read an expression; an expression has one or several.
Reading = tuple[Value, ...]

# Longer runs of digits are looked up as they are written, not as numbers.
LONGEST_RUN = 30

_SEPARATORS = re.compile(r"[.,' _]")


def _grouped(parts: list[str]) -> bool:
    """Whether runs of digits are the groups of one number: thousands, or lakh and crore."""
    first, last, middle = parts[0], parts[-1], parts[1:-1]
    if not 1 <= len(first) <= 3 or len(last) != 3 or (first[0] == "0" and len(parts) > 2):
        return False
    return all(len(part) == 3 for part in middle) or (len(first) <= 2 and all(len(part) == 2 for part in middle))


@lru_cache(maxsize=4096)
def readings(token: str) -> tuple[Reading, ...]:
    """Every way to read digits with separators between them, the most usual first.

    Args:
        token: digits with single `.`, `,`, `'` or blanks between runs of them.
    """
    if token.isdigit():
        return ((int(token),),) if len(token) <= LONGEST_RUN else ()
    parts = _SEPARATORS.split(token)
    separators = _SEPARATORS.findall(token)
    if max(map(len, parts)) > LONGEST_RUN or len(parts) > 12:
        return ()
    found: dict[Reading, None] = {}
    kinds = set(separators)
    if len(kinds) == 1 and _grouped(parts):
        found[(int("".join(parts)),)] = None
    if separators[-1] in ".," and separators.count(separators[-1]) == 1 and len(kinds) <= 2:
        whole = parts[:-1]
        if len(whole) == 1 or _grouped(whole):
            found[(plain(Decimal("".join(whole) + "." + parts[-1])),)] = None
    if " " in kinds or len(separators) > 1 or not found:
        found[tuple(int(part) for part in parts)] = None
    if " " in kinds:
        # A blank may only stand between two numbers: "in 2020 300 ..." or "5 300,5".
        halves = [readings(half) for half in token.split(" ")]
        if all(halves):
            found[tuple(value for half in halves for value in half[0])] = None
        found[(int("".join(parts)),)] = None
    return tuple(found)


def plain(value: Decimal) -> Value:
    """The number as an int where it is one, so that equal numbers are equal keys."""
    whole = value.to_integral_value()
    return int(whole) if whole == value and abs(whole) < 10**LONGEST_RUN else value.normalize()


def times(value: Value, factor: Value) -> Value:
    """The exact product of two numbers."""
    if isinstance(value, int) and isinstance(factor, int):
        return value * factor
    return plain(Decimal(value) * Decimal(factor))


# ---- numerals of East Asia ------------------------------------------------------------------------------------------

_DIGITS = {
    **dict(zip("〇一二三四五六七八九", range(10), strict=True)),
    **dict(zip("零壹贰叁肆伍陆柒捌玖", range(10), strict=True)),
    **dict(zip("공일이삼사오육칠팔구", range(10), strict=True)),
    **{"两": 2, "兩": 2, "俩": 2, "貳": 2, "參": 3, "陸": 6, "영": 0, "륙": 6},
}
_PLACES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000, "십": 10, "백": 100, "천": 1000}
_MYRIADS = {
    **{"万": 10**4, "萬": 10**4, "만": 10**4, "亿": 10**8, "億": 10**8, "억": 10**8},
    **{"兆": 10**12, "조": 10**12},
}
_SPECIAL = {"廿": 20, "卅": 30}
HANGUL_DIGITS = "공영일이삼사오육륙칠팔구"
HAN_DIGITS = "".join(character for character in (*_DIGITS, *_SPECIAL) if character not in HANGUL_DIGITS)
PLACES = "".join(_PLACES)


@lru_cache(maxsize=4096)
def east_asian(token: str) -> Value | None:
    """The value of a numeral such as `二十三`, `二〇二四`, `1億2000万` or `3万5千`; None where it is none.

    Args:
        token: figures, with `.` and `,` as separators, and Chinese, Japanese or Korean numerals.
    """
    if not token or len(token) > LONGEST_RUN * 2:
        return None
    if len(token) > 1 and all(character in _DIGITS for character in token):
        return int("".join(str(_DIGITS[character]) for character in token))
    total: Value = 0
    myriad: Value = 0
    digit: Value | None = None
    for piece in re.findall(r"[\d.,]+|.", token.replace(" ", "")):
        if piece[0].isdigit():
            read = readings(piece.strip(".,"))
            # 1.500만 is fifteen million only where the point is a decimal one; here a comma groups and a point divides.
            wanted = [each for each in read if len(each) == 1]
            if not wanted or digit is not None:
                return None
            digit = wanted[-1][0] if "." in piece else wanted[0][0]
        elif piece in _SPECIAL:
            myriad, digit = myriad + _SPECIAL[piece], None
        elif piece in _DIGITS:
            if digit not in (None, 0):
                return None
            digit = _DIGITS[piece]
        elif piece in _PLACES:
            myriad, digit = myriad + times(1 if digit is None else digit, _PLACES[piece]), None
        elif piece in _MYRIADS:
            group = myriad + (digit or 0)
            if not group and total:  # 万亿: a myriad of a myriad
                total = times(total, _MYRIADS[piece])
            else:
                total += times(group or 1, _MYRIADS[piece])
            myriad, digit = 0, None
        else:
            return None
    return plain(Decimal(total + myriad + (digit or 0)))


# ---- Roman numerals -------------------------------------------------------------------------------------------------

_ROMAN = re.compile(r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}


def roman(token: str) -> int | None:
    """The value of a Roman numeral in lower case, or None."""
    if not token or _ROMAN.fullmatch(token) is None:
        return None
    values = [_ROMAN_VALUES[letter] for letter in token]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )
