"""Stretches of a text that no translation may change: addresses, placeholders, code, emoji, terms of the caller."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.pipeline.formats.layout import Atom, Kind
from service.pipeline.terms import Terms

# fmt: off
_URL_END = r"[^\s<>\"“”«»`.,;:!?'’)\]}…*_]"
_EXTENSIONS = (
    "bat|cfg|conf|cpp|css|csv|docx?|env|exe|gif|go|gz|html?|ini|ipynb|java|jpe?g|js|json|jsx|kt|lock|log|md|mp[34]|odt|"
    "pdf|php|png|pptx?|ps1|py|rb|rs|rst|sh|sql|svg|tar|tex|toml|tsx?|txt|vue|wav|webp|xlsx?|xml|ya?ml|zip"
)
_SCHEMES = "https?|ftps?|sftp|file|ssh|git|wss?"
_ADDRESS = rf"(?:{_SCHEMES})://[^\s<>\"“”«»`]*{_URL_END}/?"
# What stays a word of its sentence.
_MASKS = (
    _ADDRESS,
    rf"(?:mailto|tel):[^\s<>\"“”«»`]*{_URL_END}",
    rf"\bwww\.[^\s<>\"“”«»`]*{_URL_END}/?",
    r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?![\w-])",
    r"\{\{[^{}\n]{0,200}\}\}|\{%[^\n]{0,200}?%\}|[$#]?\{(?:[^{}\n]|\{[^{}\n]{0,200}\}){0,400}\}",
    r"%(?:\([^()\s]{1,40}\)|[0-9]{1,2}\$)?[-+#0]?[0-9]{0,3}(?:\.[0-9]{1,3})?(?:l{0,2}[sdifuxXeEgGcr]|@)(?!\w)",
    r"\[\[[^\[\]\n]{1,200}\]\]",
    r"(?<![\w&/])[@#]\w(?:[\w.-]*\w)?",
    rf"(?<![\w/.])(?:[\w.-]{{1,64}}/){{0,16}}[\w-]{{1,64}}\.(?:{_EXTENSIONS})(?!\w)",
    r"(?<![\w/.])(?:~|\.{1,2})?/[\w.+-]*\w(?:/[\w.+-]*\w)*/?",
    r"(?<!\w)[A-Za-z]:\\[^\s\"<>|?*:]*[^\s\"<>|?*:.,;!)]",
    r"(?<![\w-])--?[A-Za-z](?:[\w-]*\w)?(?:=[^\s,;.]+)?(?![\w-])",
    r"\b\w*[^\W_]_\w*[^\W_]\b|\b_+[^\W_]\w*",
    r"\b[a-z][a-z0-9]*[A-Z]\w*\b(?:\(\))?",
    r"\b[A-Za-z_]\w{0,63}(?:(?:\.|::)[A-Za-z_]\w{0,63}){0,8}\(\)",
    r"\b[A-Za-z_]\w*(?:::[A-Za-z_]\w*)+",
    r"\bv?[0-9]+(?:\.[0-9]+){2,}(?:-\w+)?\b",
)
# A person's mark, not a word: emoji with all that belongs to them, keycaps, flags.
_EMOJI_BASE = r"[\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"  # noqa: E501
_EMOJI_ONE = rf"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_EMOJI_BASE}[\ufe0e\ufe0f]?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]*)"  # noqa: E501
_POINTS = (
    rf"{_EMOJI_ONE}(?:\u200d{_EMOJI_ONE})*(?:[ ]?{_EMOJI_ONE}(?:\u200d{_EMOJI_ONE})*)*",
    r"(?<!\w):[a-z0-9_+-]*[a-z][a-z0-9_+-]*:(?!\w)",
    r"\[(?:[0-9]{1,3}|\^[^\s\[\]]{1,60}|@[^\[\]\n]{1,80})\]",
)
_TAGS = r"</?[A-Za-z][\w.-]{0,40}(?:\s[^<>]{0,400})?/?>|</?[0-9]{1,3}\s*/?>"
_BREAKS = r"(?:\\r)?\\n"
# fmt: on
_MASK = "|".join(_MASKS)
_POINT = "|".join(_POINTS)
_PATTERN = re.compile(f"(?P<mask>{_MASK})|(?P<tag>{_TAGS})|(?P<point>{_POINT})|(?P<break>{_BREAKS})")
# Without one of these characters, or a word with a capital or a full stop inside, there is nothing to find.
_HINT = re.compile(
    r"[@#{}<>\[\]/\\%_\u203c-\u3299\U0001f000-\U0001faff\u20e3]|\w\.\w|[a-z0-9][A-Z]|\(\)|(?<![\w-])-|(?<!\w):[a-z0-9_+-]|::|tel:"
)
_WHOLE_ADDRESS = re.compile(_ADDRESS)
_SCHEME_LAST = re.compile(rf"(?:{_SCHEMES})\Z")
_TAG = re.compile(r"<(/?)\s*([\w.-]+)[^<>]*?(/?)>")
_ALNUM = re.compile(r"[A-Za-z0-9]")
_HIDDEN = "\ufffc"


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    kind: Kind
    name: str = ""
    glossary: tuple[str, str] | None = None


def plain(text: str) -> bool:
    """Whether a text holds nothing to protect, terms of the caller aside."""
    return _HINT.search(text) is None


def protect(atoms: Sequence[Atom], terms: Terms, *, tags: bool) -> list[Atom]:
    """Cut what must not change out of the text atoms.

    Args:
        atoms: of one unit; a text atom whose text is not its source range is not divided.
        terms: of the caller; they go before everything else.
        tags: whether `<0>` and `<b>` in the text are taken for tags, because the format has none of its own.
    """
    text = "".join(_shown(atom) for atom in atoms)
    hits = list(_hits(text, terms, tags))
    return _cut(atoms, text, hits) if hits else list(atoms)


def _shown(atom: Atom) -> str:
    if atom.kind == "text":
        return atom.text
    return "\n" if atom.kind == "break" else _HIDDEN if atom.kind == "mask" else ""


def _hits(text: str, terms: Terms, tags: bool) -> Iterator[_Hit]:
    """In order and not overlapping."""
    mine = [_Hit(f.start, f.end, "mask", "", None if f.target is None else (f.key, f.target)) for f in terms.find(text)]
    found = list(_known(text, tags)) if _HINT.search(text) else []
    # A placeholder is whole or it is nothing: a term inside one is part of it.
    solid = [hit for hit in found if hit.kind != "mask" or not any(_inside(hit, own) for own in mine)]
    at = 0
    for hit in sorted([*solid, *mine], key=lambda one: (one.start, -one.end)):
        if hit.start >= at:
            yield hit
            at = hit.end


def _inside(hit: _Hit, other: _Hit) -> bool:
    return other.start <= hit.start and hit.end <= other.end


def _known(text: str, tags: bool) -> Iterator[_Hit]:
    for match in _PATTERN.finditer(text):
        start, end = match.span()
        group = match.lastgroup
        if group == "tag":
            tag = _TAG.fullmatch(match.group())
            if tag is None or not (tags or tag[2].isdigit()):
                continue
            kind: Kind = "point" if tag[3] else "close" if tag[1] else "open"
            yield _Hit(start, end, kind, f"<{tag[2].lower()}")
        elif group == "mask":
            end = _with_address(text, start, end)
            # Letters that touch it would touch its stand-in.
            while start and _ALNUM.match(text, start - 1):
                start -= 1
            while end < len(text) and _ALNUM.match(text, end):
                end += 1
            yield _Hit(start, end, "mask")
        else:
            # A note touches its word; in brackets with a blank before, a number is a word of the sentence.
            apart = match[0][0] == "[" and (not start or text[start - 1].isspace())
            yield _Hit(start, end, "break" if group == "break" else "mask" if apart else "point")


def _with_address(text: str, start: int, end: int) -> int:
    """Where a word ends that may have run into the scheme of an address, as `aB</b>https://…` does without its mark."""
    scheme = _SCHEME_LAST.search(text, start, end) if text.startswith("://", end) else None
    address = _WHOLE_ADDRESS.match(text, scheme.start()) if scheme is not None else None
    return end if address is None else address.end()


def _cut(atoms: Sequence[Atom], text: str, hits: Sequence[_Hit]) -> list[Atom]:
    result: list[Atom] = []
    at = 0
    number = 0
    for atom in atoms:
        shown = len(_shown(atom))
        if atom.kind != "text":
            result.append(atom)
            at += shown
            continue
        done = 0
        while number < len(hits) and hits[number].start < at + shown:
            hit = hits[number]
            first, last = max(hit.start - at, done), min(hit.end - at, shown)
            result += _part(atom, done, first)
            # A hit that goes on behind a mark is cut there: nothing may move the mark out of it.
            inner = _marked(atom, hit, first, last)
            if inner and len(atom.text) == atom.end - atom.start:
                result += [*_part(atom, first, inner[0].start - atom.start), *inner]
                done = max(done, inner[-1].end - atom.start)
            elif inner:
                result += inner
                done = last
            else:
                done = max(done, first)
            if hit.end > at + shown:
                break
            number += 1
        result += _part(atom, done, shown)
        at += shown
    return _merged(result)


def _part(atom: Atom, first: int, last: int) -> list[Atom]:
    if first >= last:
        return []
    if first == 0 and last == len(atom.text):
        return [atom]
    if len(atom.text) != atom.end - atom.start:
        return [atom] if first == 0 else []
    return [Atom("text", atom.start + first, atom.start + last, atom.text[first:last])]


def _marked(atom: Atom, hit: _Hit, first: int, last: int) -> list[Atom]:
    # The blank next to a mark is no part of a hit that the mark cuts.
    while first < last and atom.text[first].isspace():
        first += 1
    size = len(atom.text[first:last].rstrip())
    parts = _part(atom, first, first + size)
    return [Atom(hit.kind, one.start, one.end, one.text, hit.name, None, hit.glossary) for one in parts]


def _merged(atoms: Sequence[Atom]) -> list[Atom]:
    """Neighbouring pieces of a mask become one; a glossary term with a mark inside is text again."""
    result: list[Atom] = []
    for atom in atoms:
        last = result[-1] if result else None
        joins = last is not None and atom.kind == last.kind == "mask" and last.end == atom.start
        if last is not None and joins and last.glossary is atom.glossary:
            result[-1] = Atom("mask", last.start, atom.end, last.text + atom.text, "", None, last.glossary)
        else:
            result.append(atom)
    pieces = Counter(id(atom.glossary) for atom in result if atom.glossary is not None)
    return [Atom("text", atom.start, atom.end, atom.text) if pieces[id(atom.glossary)] > 1 else atom for atom in result]
