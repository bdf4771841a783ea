"""Whether two words can be the same name: by their consonants, in classes wide enough for any way of writing them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product

from service.pipeline.faithfulness.romanization import romanize

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
_LEAST_BLURRED = 4
_ABOUT = 2
_LONGEST = 40
_TWICE = re.compile(r"(.)\1+")


@lru_cache(maxsize=4096)
def skeletons(word: str) -> tuple[str, ...]:
    """The consonants of a word as classes, in each way it may be spoken; the empty string for vowels alone."""
    plain = re.sub(r"[^a-z]", "", romanize(word[:_LONGEST]))
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


class SoundIndex:
    """Words by sound.

    Two skeletons can be one name when they are equal; when one goes on where the other ends, as an inflected name
    does; and, of four consonants and more, when one differs. All are looked up without going through the words.

    Args:
        words: to be found.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._single: dict[str, set[int]] = {}
        self._whole: set[str] = set()
        self._begun: set[str] = set()
        self._blurred: set[str] = set()
        self._shorter: set[str] = set()
        for word in words:
            for skeleton in skeletons(word):
                if len(skeleton) == 1:
                    self._single.setdefault(skeleton, set()).add(len(romanize(word[:_LONGEST])))
                elif skeleton and skeleton not in self._whole:
                    self._whole.add(skeleton)
                    self._begun.update(_beginnings(skeleton))
                    if len(skeleton) >= _LEAST_BLURRED:
                        self._blurred.update(_blurred(skeleton))
                        self._shorter.update(_shorter(skeleton))

    def has(self, word: str) -> bool:
        """Whether one of the words sounds like this one, in any way that either may be spoken."""
        return any(self._near(skeleton, word) for skeleton in skeletons(word))

    def _near(self, skeleton: str, word: str) -> bool:
        if len(skeleton) == 1:
            # One consonant says little: the words have to be about as long.
            size = len(romanize(word[:_LONGEST]))
            return any(abs(size - other) <= _ABOUT for other in self._single.get(skeleton, ()))
        if skeleton in self._whole or skeleton in self._begun:
            return True
        if any(begun in self._whole for begun in _beginnings(skeleton)):
            return True
        if len(skeleton) >= _LEAST_BLURRED - 1 and skeleton in self._shorter:
            return True
        return len(skeleton) >= _LEAST_BLURRED and any(
            form in forms
            for make, forms in ((_blurred, self._blurred), (_shorter, self._whole))
            for form in make(skeleton)
        )


def _beginnings(skeleton: str) -> Iterator[str]:
    """What a skeleton may be the longer form of: one consonant less, of four and more two."""
    for ending in (1, 2):
        short = len(skeleton) - ending
        if short >= 1 + ending:
            yield skeleton[:short]


def _blurred(skeleton: str) -> Iterator[str]:
    for at in range(len(skeleton)):
        yield f"{skeleton[:at]}?{skeleton[at + 1 :]}"


def _shorter(skeleton: str) -> Iterator[str]:
    for at in range(len(skeleton)):
        yield skeleton[:at] + skeleton[at + 1 :]
