"""Short texts translated as they are written: a label without a full stop gets none, capitals stay capitals."""

from __future__ import annotations

_STOPS = ".。।۔።"
_ENDS = _STOPS + "!?…:;,！？：；，"


def as_source(source: str, translated: str) -> str:
    """The translation in the manner of its source.

    A full stop that the source does not have goes, the first letter keeps its case, and a text in capitals stays in
    capitals. Texts of several lines stay as they are.
    """
    given, made = source.strip(), translated.strip()
    if not given or not made or "\n" in given:
        return translated
    wanted = made
    if given[-1] not in _ENDS and made[-1] in _STOPS and not made.endswith(".."):
        wanted = made[:-1].rstrip() or made
    if len(given) > 1 and given.isupper():
        wanted = wanted.upper()
    elif given[0].islower() and wanted[0].isupper() and not wanted[:2].isupper() and given.islower():
        wanted = wanted[0].lower() + wanted[1:]
    elif given[0].isupper() and wanted[0].islower():
        wanted = wanted[0].upper() + wanted[1:]
    start = translated.index(made)
    return translated[:start] + wanted + translated[start + len(made) :]
