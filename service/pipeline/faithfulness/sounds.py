"""Whether two words can be the same name: by their consonants, in classes wide enough for any way of writing them."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product

from service.pipeline.faithfulness.letters import romanize

# What is written in one way and spoken in several, longest first; each sound is a class of consonants.
# P: b p   F: f v w   T: d t th   K: k g kh   S: s z sh zh ch ts   L: l r   M   N.   Vowels, h and y have none.
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("shch", ("S",)), ("tsch", ("S",)), ("sch", ("S", "SK")), ("tch", ("S",)), ("dzh", ("S",)), ("ph", ("F",)),
    ("th", ("T",)), ("sh", ("S",)), ("zh", ("S",)), ("cz", ("S",)), ("sz", ("S",)), ("rz", ("S", "LS")), ("dj", ("S",)),
    ("ts", ("S", "TS")), ("tz", ("S", "TS")), ("dz", ("S", "TS")), ("ch", ("S", "K")), ("ck", ("K",)),
    ("cc", ("K", "S")), ("kh", ("K", "")), ("gh", ("K", "", "F")), ("qu", ("K", "KF")), ("gu", ("K", "KF")),
    ("ks", ("KS",)), ("wh", ("F", "")),
    ("ng", ("NK", "N", "NS")), ("nj", ("N", "NS")), ("mp", ("MP", "P")), ("nt", ("NT", "T")), ("gn", ("N", "KN")),
    ("b", ("P", "F")), ("p", ("P",)), ("f", ("F",)), ("v", ("F",)), ("w", ("F", "")), ("t", ("T",)), ("d", ("T",)),
    ("k", ("K",)), ("q", ("K",)), ("s", ("S",)), ("z", ("S", "TS")), ("l", ("L",)), ("r", ("L",)), ("m", ("M",)),
    ("n", ("N",)), ("x", ("KS", "S", "K")), ("j", ("S", "", "K")), ("h", ("", "K")),
)  # fmt: skip
_SOFT_C = re.compile(r"c(?=[eiy])")
_SOFT_G = re.compile(r"g(?=[eiy])")
_GROUP = re.compile("|".join(["C", "G", *(re.escape(group) for group, _ in _GROUPS), "c", "g"]))
_SPOKEN = dict(_GROUPS) | {"C": ("S", "K"), "G": ("S", "K", ""), "c": ("K", "S"), "g": ("K",)}
_MOST_VARIANTS = 12
_TWICE = re.compile(r"(.)\1+")


@lru_cache(maxsize=16384)
def skeletons(word: str) -> tuple[str, ...]:
    """The consonants of a word as classes, in each way it may be spoken; the empty string for vowels alone."""
    plain = re.sub(r"[^a-z]", "", romanize(word))
    plain = _SOFT_G.sub("G", _SOFT_C.sub("C", plain))
    found: list[str] = []
    choices = [_SPOKEN[match.group()] for match in _GROUP.finditer(plain)]
    size = 1
    for at, choice in enumerate(choices):
        size *= len(choice)
        if size > _MOST_VARIANTS:
            choices[at] = choice[:1]
            size //= len(choice)
    for spoken in product(*choices):
        joined = _TWICE.sub(r"\1", "".join(spoken))
        if joined not in found:
            found.append(joined)
    return tuple(found)


def near(one: str, other: str) -> bool:
    """Whether two skeletons can be one name: equal, one inflected, or with one consonant of four or more another."""
    if one == other:
        return len(one) >= 1
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    if len(short) >= 2 and len(long) - len(short) <= (1 if len(short) < 3 else 2) and long.startswith(short):
        return True
    if len(short) < 3 or len(long) - len(short) > 1:
        return False
    return _distance_at_most_one(short, long) and (len(long) >= 4)


def _distance_at_most_one(short: str, long: str) -> bool:
    at = 0
    while at < len(short) and short[at] == long[at]:
        at += 1
    if len(short) == len(long):
        return short[at + 1 :] == long[at + 1 :]
    return short[at:] == long[at + 1 :]
