"""The inside of a unit before it is cut into sentences: blanks told apart, marks paired, wordless marks set aside."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from service.pipeline.formats.layout import Atom, Unit
from service.pipeline.protected import plain, protect
from service.pipeline.terms import Terms, joins

_WIDE = re.compile(r"[^\S ]\s*| \s+")
_SUP = ("sup", "sub")
_BLANK = "blank"
_FORMULA = "formula"
_WORD_END = re.compile(r"\w+$")
_WORD_START = re.compile(r"\w+")
_NEAR = 64
_MASK = "mask"
_ENDING = re.compile(r"[a-z]{1,2}(?!\w)")
# Partner of an atom that has none, or none that nests.
ALONE = -1


def ordinary(text: str) -> bool:
    """Whether a text is words between single spaces with nothing to protect, terms of the caller aside."""
    return plain(text) and _WIDE.search(text) is None


def normal(unit: Unit, terms: Terms) -> tuple[list[Atom], list[int]]:
    """The atoms of a unit, and for each the index of its partner, `ALONE` where it has none.

    Every blank that is not one plain space is an atom of its own that reads as one. Protected stretches are cut out.
    Elements without a letter or digit are points, or blanks, or they separate sentences; so are notes at a word.
    """
    atoms = protect(_spaced(unit.atoms), terms, tags=unit.spelling == "plain")
    if all(atom.kind in ("text", "mask") for atom in atoms):
        atoms = _apart(atoms)
        return atoms, [ALONE] * len(atoms)
    atoms = _apart(_parted(_formulas(_collapsed(atoms, paired(atoms)))))
    return atoms, paired(atoms)


def paired(atoms: Sequence[Atom]) -> list[int]:
    """For each atom the index of the one that ends or begins the same element."""
    partners = [ALONE] * len(atoms)
    stack: list[int] = []
    waiting: Counter[str] = Counter()
    for index, atom in enumerate(atoms):
        if atom.kind == "open":
            stack.append(index)
            waiting[atom.name] += 1
        elif atom.kind == "close" and waiting[atom.name]:
            # What was opened inside and is still open does not nest.
            while True:
                opened = stack.pop()
                waiting[atoms[opened].name] -= 1
                if atoms[opened].name == atom.name:
                    break
            partners[index], partners[opened] = opened, index
    return partners


def _spaced(atoms: Sequence[Atom]) -> list[Atom]:
    result: list[Atom] = []
    for atom in atoms:
        if atom.kind != "text" or _WIDE.search(atom.text) is None:
            result.append(atom)
        elif len(atom.text) != atom.end - atom.start:
            result.append(_blank(atom.start, atom.end) if not atom.text.strip() else atom)
        else:
            result += _split_blanks(atom)
    return result


def _split_blanks(atom: Atom) -> list[Atom]:
    result: list[Atom] = []
    at = 0
    for match in _WIDE.finditer(atom.text):
        if match.start() > at:
            result.append(Atom("text", atom.start + at, atom.start + match.start(), atom.text[at : match.start()]))
        result.append(_blank(atom.start + match.start(), atom.start + match.end()))
        at = match.end()
    if at < len(atom.text):
        result.append(Atom("text", atom.start + at, atom.end, atom.text[at:]))
    return result


def is_blank(atom: Atom) -> bool:
    """Whether an atom is a blank of its own: not one plain space among words."""
    return atom.name == _BLANK


def _blank(start: int, end: int) -> Atom:
    return Atom("text", start, end, " ", _BLANK)


def _collapsed(atoms: Sequence[Atom], partners: Sequence[int]) -> list[Atom]:
    """Elements that hold nothing to translate and nothing to place by become one atom."""
    held = [0, *accumulate(_holds(atom) for atom in atoms)]
    result: list[Atom] = []
    index = 0
    while index < len(atoms):
        atom, partner = atoms[index], partners[index]
        if atom.kind == "open" and partner > index and held[partner] == held[index]:
            made = _as_one(atoms, index, partner)
            if made is not None:
                result.append(made)
                if made.text.isspace():
                    # The blank that is read there; the one in the source stays inside its element.
                    result.append(Atom("text", made.end, made.end, " "))
                index = partner + 1
                continue
        result.append(atom)
        index += 1
    return result


def _holds(atom: Atom) -> bool:
    return atom.kind in ("mask", "break") or (atom.kind == "text" and any(one.isalpha() for one in atom.text))


def _as_one(atoms: Sequence[Atom], first: int, last: int) -> Atom | None:
    text = "".join(atom.text for atom in atoms[first + 1 : last] if atom.kind == "text")
    start, end = atoms[first].start, atoms[last].end
    if not text:
        return Atom("point", start, end, "".join(atom.text for atom in atoms[first + 1 : last]))
    if text.isspace():
        return Atom("point", start, end, " ")
    before, after = _beside(atoms, first, -1), _beside(atoms, last, 1)
    if any(character.isalnum() for character in text):
        # A note's number, an exponent: it touches a word and would be read as part of it.
        touches = before.isalnum() or after.isalnum()
        if before.isalnum() and after.isalnum():
            return Atom("point", start, end, text, _FORMULA)
        return Atom("point", start, end, text) if touches or atoms[first].name in _SUP else None
    glued = (before and not before.isspace()) or (after and not after.isspace())
    return Atom("point" if glued else "break", start, end, text)


def _beside(atoms: Sequence[Atom], index: int, step: int) -> str:
    """The nearest character of the text on one side, "" at the end of the unit."""
    for _ in range(_NEAR):
        index += step
        if not 0 <= index < len(atoms) or atoms[index].kind == "break":
            return ""
        atom = atoms[index]
        if atom.kind == "mask":
            return "x"
        if atom.kind == "text" and atom.text:
            return atom.text[-1] if step < 0 else atom.text[0]
    return ""


def _formulas(atoms: Sequence[Atom]) -> list[Atom]:
    """A number set apart inside a word makes a formula of the word, which stays as it is."""
    result: list[Atom] = []
    for atom in atoms:
        last = result[-1] if result else None
        if atom.name == _FORMULA and last is not None and last.kind in ("text", "mask"):
            match = _WORD_END.search(last.text) if len(last.text) == last.end - last.start else None
            size = len(match[0]) if match and last.kind == "text" else len(last.text)
            result.pop()
            if last.kind == "text" and size < len(last.text):
                result.append(Atom("text", last.start, last.end - size, last.text[:-size]))
                last = Atom("text", last.end - size, last.end, last.text[-size:])
            result.append(Atom("mask", last.start, atom.end, last.text + atom.text, _FORMULA))
        elif last is not None and last.name == _FORMULA and atom.kind == "text" and atom.start == last.end:
            match = _WORD_START.match(atom.text) if len(atom.text) == atom.end - atom.start else None
            size = len(match[0]) if match else 0
            result[-1] = Atom("mask", last.start, last.end + size, last.text + atom.text[:size], _FORMULA)
            if size < len(atom.text):
                result.append(Atom("text", atom.start + size, atom.end, atom.text[size:]))
        else:
            result.append(atom)
    return result


def _apart(atoms: list[Atom]) -> list[Atom]:
    """With a blank, which the source has not, wherever a letter would touch what stands for protected text.

    An ending of one or two letters (the plural of a word of code) goes along with it instead.
    """
    if not any(atom.kind == "mask" for atom in atoms):
        return atoms
    result: list[Atom] = []
    last = ""  # what is read before: a character, or a mask
    for atom in atoms:
        if atom.kind == "text" and atom.text:
            ending = _ENDING.match(atom.text) if last == _MASK and result[-1].kind == "mask" else None
            if ending is not None and len(atom.text) == atom.end - atom.start:
                size = ending.end()
                mask = result[-1]
                result[-1] = Atom("mask", mask.start, atom.start + size, mask.text + ending[0], mask.name)
                atom = Atom("text", atom.start + size, atom.end, atom.text[size:])
                if not atom.text:
                    continue
            elif last == _MASK and joins(atom.text[0]):
                result.append(Atom("text", atom.start, atom.start, " "))
            last = atom.text[-1]
        elif atom.kind == "mask":
            if last and (last == _MASK or joins(last)):
                result.append(Atom("text", atom.start, atom.start, " "))
            last = _MASK
        elif atom.kind == "break":
            last = ""
        result.append(atom)
    return result


def _parted(atoms: Sequence[Atom]) -> list[Atom]:
    """With a break where an element ends, the next begins and nothing stands between: two words, not one."""
    result: list[Atom] = []
    for index, atom in enumerate(atoms):
        if atom.kind == "open" and index and atoms[index - 1].kind == "close":
            before, after = _beside(atoms, index, -1), _beside(atoms, index, 1)
            if before.isalnum() and after.isalnum():
                result.append(Atom("break", atom.start, atom.start))
        result.append(atom)
    return result
