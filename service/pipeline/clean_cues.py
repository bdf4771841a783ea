"""Phrases that give boilerplate away, in many languages: the second layer of cleaning.

The phrases are rows of `data/boilerplate.toml`. A look-up costs a few string comparisons, whatever their number.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).parent.parent / "data" / "boilerplate.toml"
_KEY = 2

_TRIM = " \t\u00a0\u200b\u200e\u200f\ufeff\"'“”‘’«»()[]{}<>|/\\:：;,.…!?•·*#+=_–—-→←›‹►▶▼▲»«~^©®0123456789"
_AFTER_LABEL = ":：|–—-/»>›・"
_NAMES = re.compile(
    r"[\W\d_]*(?:(?:and|y|et|und|e|i|и|та|ve|en|och|de|van|von|der|la|for|in|the|of|@\w+|[^\W\d_a-zа-яё]\S*)[\W\d_]*)+"
)
_DIGIT = re.compile(r"\d")
_WORDS = re.compile(r"[\w-]+")
_CLAUSE_HEADS = re.compile(r"(?:^|[,;:.!?–—|(،。，]\s*)(?:please |and |и |y |et |und )?([\w-]+)")
_SPOKEN = re.compile(r"[\"“”„«»「]")

_LABEL_WORDS = 25
_LOOSE_LABEL_WORDS = 12
_CALL_WORDS = 40
_OPENS_WORDS = 60
_NOTICE_WORDS = 150


@dataclass(frozen=True, slots=True)
class _Cues:
    whole: dict[str, str]
    labels: dict[str, list[tuple[str, str]]]
    opens: dict[str, list[tuple[str, str]]]
    acts: frozenset[str]
    channels: frozenset[str]
    owners: frozenset[str]
    own_channels: frozenset[str]
    cookies: tuple[str, ...]
    sites: tuple[str, ...]


@cache
def _cues() -> _Cues:
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    calls = {name: frozenset(words) for name, words in table.pop("calls").items()}
    notices = {name: tuple(words) for name, words in table.pop("notices").items()}
    whole: dict[str, str] = {}
    labels: dict[str, list[tuple[str, str]]] = {}
    opens: dict[str, list[tuple[str, str]]] = {}
    for rule, kinds in table.items():
        for phrase in kinds.get("whole", ()):
            whole.setdefault(phrase.casefold().strip(_TRIM), rule)
        for kind, index in (("label", labels), ("opens", opens)):
            for phrase in kinds.get(kind, ()):
                folded = phrase.casefold()
                index.setdefault(folded[:_KEY], []).append((folded, rule))
    for index in (labels, opens):
        for rows in index.values():
            rows.sort(key=lambda row: -len(row[0]))
    return _Cues(whole, labels, opens, **calls, cookies=notices["cookies"], sites=notices["sites"])


def warm() -> None:
    """Read the phrases now rather than at the first request."""
    _cues()


def find_cue(text: str, words: int, closed: bool) -> str | None:
    """Return the rule that a line falls under by its wording, or None.

    Args:
        text: the line, without outer blanks.
        words: how many words it has.
        closed: whether it ends like a sentence.

    Returns:
        The name of a rule, such as `related_links` or `copyright`.
    """
    if words > _NOTICE_WORDS:
        return None
    cues = _cues()
    whole_line = text.casefold()
    if _is_cookie_notice(cues, whole_line):
        return "cookie_notice"
    if words > _OPENS_WORDS:
        return None
    folded = whole_line.lstrip(" \t\u00a0\u200b\ufeff\"'“”«»*•·-–—→►▶>›([|#")
    key = folded[:_KEY]
    if words <= _LOOSE_LABEL_WORDS:
        rule = cues.whole.get(folded.strip(_TRIM))
        if rule is not None:
            return rule
    rule = _opening_rule(cues, folded, key)
    if rule is not None:
        return rule
    if words > _CALL_WORDS:
        return None
    rows = cues.labels.get(key) or cues.labels.get(key[:1])
    if rows is not None and words <= _LABEL_WORDS:
        for phrase, rule in rows:
            if folded.startswith(phrase) and _is_label(text, folded, phrase, rule, words, closed):
                return rule
    return "call_to_follow" if _is_call(cues, folded, words) else None


def _opening_rule(cues: _Cues, folded: str, key: str) -> str | None:
    for phrase, rule in cues.opens.get(key) or cues.opens.get(key[:1]) or ():
        if folded.startswith(phrase) and _ends_word(folded, len(phrase)):
            return rule
    return None


def _is_cookie_notice(cues: _Cues, folded: str) -> bool:
    """Whether a line speaks of cookies and of the site that sets them: neither a recipe nor a story does both."""
    return any(word in folded for word in cues.cookies) and any(word in folded for word in cues.sites)


def _ends_word(folded: str, end: int) -> bool:
    """Whether a phrase that ends there does not stop inside a word; scripts without spaces have no such places."""
    last, following = folded[end - 1], folded[end : end + 1]
    return not following.isalnum() or not last.isalnum() or ord(last) >= 0x0E00


def _is_label(text: str, folded: str, phrase: str, rule: str, words: int, closed: bool) -> bool:
    rest = folded[len(phrase) :].lstrip(" \u00a0")
    if not rest or rest[0] in _AFTER_LABEL:
        return True
    if not _ends_word(folded, len(phrase)) or words > _LOOSE_LABEL_WORDS or closed:
        return False
    if rule == "byline":
        return words <= 8 and len(text) == len(folded) and _NAMES.fullmatch(text[len(phrase) :]) is not None
    if rule == "timestamp":
        return _DIGIT.search(rest) is not None
    if rule == "caption":
        return False
    return len(phrase) >= 7


def _is_call(cues: _Cues, folded: str, words: int) -> bool:
    """Whether the speaker asks his reader to follow, join or download something of his own."""
    if words < 3:
        return False
    tokens = frozenset(_WORDS.findall(folded))
    if tokens.isdisjoint(cues.channels):
        return False
    if tokens.isdisjoint(cues.owners) and (tokens.isdisjoint(cues.own_channels) or words > _LABEL_WORDS):
        return False
    if tokens.isdisjoint(cues.acts) or _SPOKEN.search(folded):
        return False
    return not cues.acts.isdisjoint(_CLAUSE_HEADS.findall(folded))
