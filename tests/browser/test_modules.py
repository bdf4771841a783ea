"""Modules of the page that know nothing of a document: offsets and events."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.desk import Desk
from tests.process.service import Service

pytestmark = [pytest.mark.heavy, pytest.mark.process]


def called(desk: Desk, module: str, name: str, *given: Any) -> Any:
    """What a function of a module gives."""
    script = "async ([module, name, given]) => (await import(`/ui/now/${module}`))[name](...given)"
    return desk.page.evaluate(script, [module, name, list(given)])


def parsed(desk: Desk, *portions: str) -> list[tuple[str, str, str]]:
    """Events of these portions, as (name, data, id)."""
    found = desk.page.evaluate(
        """async (portions) => {
          const { EventParser } = await import("/ui/now/sse.js");
          const parser = new EventParser();
          return portions.flatMap((portion) => parser.push(portion));
        }""",
        list(portions),
    )
    return [(one["event"], one["data"], one["id"]) for one in found]


def test_pieces_cover_the_stretch(slow_desk: Desk) -> None:
    """Overlapping, nested, touching and empty spans cut a stretch into pieces that together are the stretch."""
    spans = [
        {"start": 2, "end": 8, "name": "a"},
        {"start": 4, "end": 6, "name": "b"},
        {"start": 8, "end": 9, "name": "c"},
        {"start": 5, "end": 5, "name": "empty"},
        {"start": 0, "end": 3, "name": "d"},
        {"start": 90, "end": 99, "name": "far"},
    ]
    pieces = called(slow_desk, "spans.js", "cut", 1, 10, spans)
    told = [(one["start"], one["end"], sorted(span["name"] for span in one["spans"])) for one in pieces]
    assert told == [
        (1, 2, ["d"]),
        (2, 3, ["a", "d"]),
        (3, 4, ["a"]),
        (4, 6, ["a", "b"]),
        (6, 8, ["a"]),
        (8, 9, ["c"]),
        (9, 10, []),
    ]


def test_lines_carry_their_spans(slow_desk: Desk) -> None:
    """A span over several lines belongs to each of them; blank lines are left out."""
    text = "one\n\ntwo\n  \nthree"
    lines = called(slow_desk, "spans.js", "lines", text)
    assert [text[line["start"] : line["end"]] for line in lines] == ["one", "two", "three"]
    spans = [
        {"start": 1, "end": 7, "name": "a"},
        {"start": 12, "end": 17, "name": "b"},
        {"start": 2, "end": 3, "name": "c"},
    ]
    told = called(slow_desk, "spans.js", "byLine", lines, spans)
    assert [sorted(span["name"] for span in line["spans"]) for line in told] == [["a", "c"], ["a"], ["b"]]


def test_sentences_are_found_in_order(slow_desk: Desk) -> None:
    """The same sentence twice is found twice; one that is not there is left out."""
    found = called(
        slow_desk, "spans.js", "locate", "Yes. No. Yes.", [{"text": "Yes."}, {"text": "Perhaps."}, {"text": "Yes."}]
    )
    assert [(one["start"], one["end"], one["index"]) for one in found] == [(0, 4, 0), (9, 13, 2)]


@pytest.mark.parametrize(
    ("line", "direction", "other"),
    [
        ("Eastbrook Post", "rtl", "ltr"),
        ("العربية", "ltr", "rtl"),
        ("iPhone في السوق", "rtl", None),
        ("12:30", "rtl", None),
        ("The word العربية", "ltr", None),
    ],
)
def test_direction_of_a_line(slow_desk: Desk, line: str, direction: str, other: str | None) -> None:
    """Only a line without any letter of the text's direction runs the other way."""
    assert called(slow_desk, "spans.js", "otherDirection", line, direction) == other


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<!doctype html><p>Hi</p>", True),
        ("  <div class='x'>Hi</div>", True),
        ("<p>Hi</p>", True),
        ("If a < b and c > d, then <b> it is.", False),
        ("<3 is a heart</3>", False),
        ("Use the <p> tag", False),
        ("", False),
    ],
)
def test_what_looks_like_a_page(slow_desk: Desk, text: str, html: bool) -> None:
    """Markup is told from text that mentions it."""
    assert called(slow_desk, "spans.js", "looksLikeHtml", text) is html


def test_events_of_a_stream(slow_desk: Desk) -> None:
    """Names, several lines of data, comments and ids are read as the standard says, with any line ends."""
    stream = ": hello\n\nid: 1\nevent: a\ndata: x\ndata:  y\n\ndata\n\nevent: none\n\n"
    stream += "id: 2\r\ndata: z\r\n\r\ndata: cut off\n"
    expected = [("a", "x\n y", "1"), ("message", "", "1"), ("message", "z", "2")]
    assert parsed(slow_desk, stream) == expected
    assert parsed(slow_desk, *stream) == expected
    assert parsed(slow_desk, stream[:50], stream[50:]) == expected


def test_many_spans_take_no_time(slow_desk: Desk) -> None:
    """A text of half a million characters with thousands of spans is laid out within a second."""
    took_ms = slow_desk.page.evaluate(
        """async () => {
          const { byLine, cut, lines } = await import("/ui/now/spans.js");
          const text = "Some words of a line that goes on.\\n".repeat(15000);
          const spans = Array.from({ length: 5000 }, (_, at) => ({ start: at * 100, end: at * 100 + 60 }));
          const started = performance.now();
          for (const line of byLine(lines(text), spans)) cut(line.start, line.end, line.spans);
          return performance.now() - started;
        }"""
    )
    assert took_ms < 1000


def test_a_newer_page_is_not_needed(scripted: Service) -> None:
    """The address without a version serves the same files, for whoever looks at them by hand."""
    assert scripted.get("/ui/now/spans.js").status == 200
