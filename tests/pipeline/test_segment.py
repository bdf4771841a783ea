"""Sentences as exact spans."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline.segment import MAX_CHARACTERS, sentences
from service.records import Block


def split(text: str, language: str, kind: str = "paragraph") -> list[str]:
    """The sentences of a text that is one block."""
    return [text[s.start : s.end] for s in sentences(text, [Block(0, len(text), kind)], language)]


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("en", ["Dr. Lee came at 5 p.m. on Monday.", "She left early!", "Why?"]),
        ("en", ["1. Wash the pan.", "2. Dry it well."]),
        ("en", ["It rained… ", "Nobody came."]),
        ("en", ['"We agree."', "Then they left."]),
        ("de", ["Am 3. Januar fiel in der 25. Minute ein Tor.", "Es blieb dabei."]),
        ("pl", ["Gol padł w 29. minucie, tj. późno.", "Potem nic."]),
        ("fr", ["Est-ce vrai ?", "Oui."]),
        ("hi", ["वह घर गया।", "वह फिर आया।"]),
        ("ur", ["وہ گیا۔", "وہ آیا۔"]),
        ("hy", ["Նա գնաց։", "Նա եկավ:", "Այո։"]),
        ("am", ["እሱ ሄደ።", "እሷ መጣች።"]),
        ("my", ["သူသွားသည်။", "သူမလာသည်။"]),
        ("km", ["គាត់ទៅ។", "នាងមក។"]),
        ("ar", ["ذهب الولد.", "هل عاد؟", "نعم."]),
        ("und", ["One came.", "Two left."]),
    ],
)
def test_boundaries_between_blanks(language: str, parts: list[str]) -> None:
    """The stops of each script end a sentence; abbreviations, ordinals and list numbers do not."""
    parts = [part.strip() for part in parts]
    assert split(" ".join(parts), language) == parts


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("zh-Hans", ["他说：“你好。我走了。”", "然后离开。", "真的吗？"]),
        ("ja", ["彼は「はい。行きます。」と言った。", "本当？"]),
    ],
)
def test_boundaries_without_blanks(language: str, parts: list[str]) -> None:
    """Ideographic stops end a sentence, with the quotation mark that closes after them."""
    assert split("".join(parts), language) == parts


def test_long_quotation_is_split_inside() -> None:
    """A quotation of many sentences comes apart, each quotation mark stays with its words."""
    quoted = [
        "“The bridge will stay closed for all of the winter months.",
        "Nobody can say what the repair costs.",
        "We simply wait for the town.”",
    ]
    after = "“Then we build a new one.”"
    assert split(" ".join([*quoted, after]), "en") == [*quoted, after]


def test_line_break_inside_a_block_is_a_blank() -> None:
    """Hard-wrapped text is not cut at its line ends."""
    assert split("The town hall was\nclosed on Monday.\nIt opens again\r\ntoday.", "en") == [
        "The town hall was\nclosed on Monday.",
        "It opens again\r\ntoday.",
    ]


def test_heading_is_one_sentence() -> None:
    """A heading stays whole whatever stops it holds."""
    assert split("Fire! Two hurt. More soon", "en", "heading") == ["Fire! Two hurt. More soon"]


def test_blocks_count_paragraphs_and_keep_offsets() -> None:
    """Spans index the whole text and name their block."""
    text = "Title here\n\nOne 😀 came. Two left.\n\nskipped\n\nThree."
    parts = ["Title here", "One 😀 came. Two left.", "Three."]
    starts = [text.index(part) for part in parts]
    kinds = ["heading", "paragraph", "item"]
    blocks = [Block(a, a + len(p), kind) for a, p, kind in zip(starts, parts, kinds, strict=True)]
    found = sentences(text, blocks, "en")
    assert [(text[s.start : s.end], s.paragraph) for s in found] == [
        ("Title here", 0),
        ("One 😀 came.", 1),
        ("Two left.", 1),
        ("Three.", 2),
    ]


@pytest.mark.parametrize("blank", ["\xa0", "\u2009", "\u3000", "\u202f", "\u2028", "\x85"])
def test_wide_blanks_do_no_harm(blank: str) -> None:
    """A capital, a wide blank and a full stop are ordinary text."""
    assert " ".join(split(f"V{blank}. It works. Very well.", "fr")) == f"V{blank}. It works. Very well."
    assert split(f"One{blank}! It{blank}works.", "fr") == [f"One{blank}!", f"It{blank}works."]


def test_nothing_in_nothing_out() -> None:
    """No block, an empty block and a blank block have no sentences."""
    assert sentences("", [], "en") == ()
    assert sentences("  \n ", [Block(0, 4), Block(2, 2)], "en") == ()


@pytest.mark.parametrize(
    "unit", ["a", "好", "ก", "ا", "word ", ". ", '"', "A. ", "x\n", "…", "\u0301", "a\u0301", "😀", "("]
)
def test_no_boundary_stays_bounded_and_linear(unit: str) -> None:
    """Half a million characters without an end of sentence give bounded pieces in about linear time."""
    text = unit * (500_000 // len(unit))
    start = time.perf_counter()
    pieces = split(text, "en")
    assert time.perf_counter() - start < 5
    assert max(map(len, pieces)) <= MAX_CHARACTERS
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_forced_cut_prefers_clauses_then_blanks_then_letters() -> None:
    """A stretch over the limit is cut where it hurts least."""
    clauses = ("many words without a stop " * 40 + "and then, ") * 4
    assert all(piece.endswith(",") for piece in split(clauses, "und")[:-1])
    assert all(piece.endswith("word") for piece in split("word " * 2000, "und"))
    assert all(piece.startswith("e\u0301") for piece in split("e\u0301" * 3000, "und"))


_ALPHABET = st.sampled_from(
    [*list("aB1 .!?…\"“”'‘’«»()\n\t\xa0\u3000。！「」と好ก។։:;,-—😀\u0301\ud800\u200b"), "Dr. ", "… ", ". "]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(_ALPHABET, max_size=60).map("".join), max_size=4),
    st.sampled_from(["en", "de", "zh-Hans", "ja", "ko", "th", "hy", "und", "sr-Latn"]),
    st.sampled_from(["paragraph", "heading", "item"]),
)
def test_spans_are_exact(parts: list[str], language: str, kind: str) -> None:
    """Spans are trimmed, ordered, inside their block, and together hold every character that is no blank."""
    text = "|".join(parts)
    blocks = []
    position = 0
    for part in parts:
        blocks.append(Block(position, position + len(part), kind))
        position += len(part) + 1
    found = sentences(text, blocks, language)
    for sentence in found:
        block = blocks[sentence.paragraph]
        piece = text[sentence.start : sentence.end]
        assert block.start <= sentence.start < sentence.end <= block.end
        assert piece == piece.strip()
        assert len(piece) <= MAX_CHARACTERS
    assert all(a.end <= b.start for a, b in pairwise(found))
    kept = "".join(text[s.start : s.end] for s in found)
    assert "".join(kept.split()) == "".join("".join(parts).split())


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("th", ["เวลา 14.00 น. ที่เรเนซองส์ 16 พ.ค. 2559 นี้"]),
        ("vi", ["Theo TP. HCM cho biết.", "Ông ở Q. 1, TP.HCM.", "Sáng 5.6."]),
        ("fr", ["Le 1er mars, M. Dupont est parti.", "Mme. Durand aussi, a dit M. Martin.", "Il est là."]),
        ("ru", ["12 янв. 2024 г. в г. Москве прошла встреча.", "А. С. Пушкин был там."]),
        ("en", ["John F. Kennedy met J. R. Brown.", "Take vitamin C.", "The rest is easy."]),
    ],
)
def test_full_stops_of_short_forms_end_no_sentence(language: str, parts: list[str]) -> None:
    """Initials, titles, months, units and scripts without a full stop."""
    text = " ".join(parts)
    found = [text[item.start : item.end] for item in sentences(text, [Block(0, len(text))], language)]
    assert found == parts
