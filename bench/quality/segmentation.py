"""Segmentation: the sentences of NTREX documents, joined to running text and found again."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from dataclasses import dataclass

from bench.quality.corpora import documents
from bench.quality.intervals import Floats, bootstrap, f1
from bench.quality.request import Request
from bench.quality.runs import Made, run_all
from bench.tables import Table

MODULE = "bench.quality.systems.segmentation"
_GIVEN_UP_S = 30.0
_LONG = 1_000_000


@dataclass(frozen=True, slots=True)
class Document:
    """Sentences joined to one text, and where they end, the last left out."""

    tag: str
    text: str
    ends: frozenset[int]


def join(tag: str, lines: Sequence[str]) -> Document:
    """Return the document that sentences make, with a blank between them where the language has blanks."""
    glue = "" if tag.split("-")[0] in ("zh", "ja") else " "
    found, at = set(), 0
    for line in lines[:-1]:
        at += len(line)
        found.add(at)
        at += len(glue)
    return Document(tag, glue.join(lines), frozenset(found))


def tables(request: Request) -> list[Table]:
    """Return F1 over all languages, and by language."""
    by_file: dict[str, list[Document]] = collections.defaultdict(list)
    for name, tag, lines in documents(request.data):
        document = join(tag, lines)
        if document.ends:
            by_file[name].append(document)
    chosen = [one for some in by_file.values() for one in request.pick((one.text, one) for one in some)]
    if not chosen:
        return []
    rows = [{"text": one.text, "language": one.tag} for one in chosen]
    made, notes = run_all(MODULE, [*rows, _long_row(chosen)], request)
    whole = tuple(_row(one, chosen) for one in made)
    title = (
        f"Sentence boundaries in running text ({len(chosen)} documents, {len({one.tag for one in chosen})} languages)"
    )
    columns = ("", "macro F1", "precision", "recall", "s/MB", "one text of 1 MB, s", "memory, MB")
    notes += ("The last column but one is one paragraph of a million bytes; `> 30` was given up.",)
    return [Table(title, columns, whole, notes), _language_table(chosen, made)]


def _long_row(chosen: Sequence[Document]) -> dict[str, object]:
    """All documents in English, or in the first language, one after the other up to a megabyte, as one paragraph."""
    tag = "en" if any(one.tag == "en" for one in chosen) else chosen[0].tag
    unit = " ".join(one.text for one in chosen if one.tag == tag) + " "
    text = (unit * (_LONG // len(unit.encode()) + 1)).encode()[:_LONG].decode("utf-8", "ignore")
    return {"text": text, "language": tag, "limit_s": _GIVEN_UP_S}


def _counts(document: Document, output: Sequence[int] | None) -> tuple[int, int, int]:
    """Found, expected and common boundaries inside a document."""
    found = set(output or ()) - {len(document.text)}
    return len(found), len(document.ends), len(found & document.ends)


def _by_tag(chosen: Sequence[Document], made: Made) -> dict[str, list[tuple[int, int, int]]]:
    groups: dict[str, list[tuple[int, int, int]]] = collections.defaultdict(list)
    for document, output in zip(chosen, made.outputs[: len(chosen)], strict=True):
        groups[document.tag].append(_counts(document, output))
    return groups


def _row(made: Made, chosen: Sequence[Document]) -> tuple[str, ...]:
    groups = list(_by_tag(chosen, made).values())

    def share(column: int) -> str:
        def statistic(sums: Floats) -> Floats:
            return sums[:, 2] / sums[:, column].clip(min=1)

        return bootstrap(groups, statistic).shown()

    size = sum(len(one.text.encode()) for one in chosen)
    speed = sum(made.seconds[: len(chosen)]) / size * 1e6
    long = f"{made.seconds[-1]:.2f}" if made.outputs[-1] is not None else f"> {_GIVEN_UP_S:.0f}"
    cells = (bootstrap(groups, f1).shown(), share(0), share(1), f"{speed:.2f}", long, f"{made.memory_mb:.0f}")
    return (made.title, *cells)


def _language_table(chosen: Sequence[Document], made: Sequence[Made]) -> Table:
    each = [_by_tag(chosen, one) for one in made]
    rows = []
    for tag in sorted(each[0]):
        boundaries = sum(row[1] for row in each[0][tag])
        rows.append((tag, str(boundaries), *(bootstrap([groups[tag]], f1).shown() for groups in each)))
    return Table("F1 by language", ("", "boundaries", *(one.title for one in made)), tuple(rows), folded=True)
