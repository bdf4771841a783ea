"""Thai: which blanks end a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline import unstopped
from service.pipeline.segment import sentences
from service.records import Block

FIRST = "เมื่อวานนี้ฝนตกหนักมากทำให้ถนนหลายสายในเมืองถูกน้ำท่วม และโรงเรียนต้องปิดการเรียนการสอนอีกด้วย"
SECOND = "อย่างไรก็ตาม ชาวบ้านกล่าวว่าน้ำเริ่มลดลงตั้งแต่เช้าวันนี้ ซึ่งช่วยให้รถประจำทางกลับมาวิ่งได้"
THIRD = "นอกจากนี้ นายกเทศมนตรีจะประชุมกับเจ้าหน้าที่เพื่อหาทางแก้ปัญหา โดยจะเริ่มในวันจันทร์"


def test_words_that_open_a_sentence_divide() -> None:
    """Sentences come apart at connectives that open one, not at those that go on."""
    text = f"{FIRST} {SECOND} {THIRD}"
    found = sentences(text, [Block(0, len(text), "paragraph")], "th")
    assert [text[item.start : item.end] for item in found] == [FIRST, SECOND, THIRD]


@pytest.mark.parametrize("joint", ["และ", "ซึ่ง", "ที่", "ว่า"])
def test_words_that_go_on_do_not_divide(joint: str) -> None:
    """No sentence starts with a relative or a plain "and"."""
    start = "เมื่อวานนี้ฝนตกหนักมากทำให้ถนนหลายสายในเมืองถูกน้ำท่วม"
    text = f"{start} {joint}ชาวบ้านกล่าวว่าน้ำเริ่มลดลงตั้งแต่เช้าวันนี้แล้ว"
    assert len(start) not in unstopped.ends(text, "th")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text('กขคงจ(1a"ๆ', min_size=1, max_size=40), max_size=60).map(" ".join))
def test_every_end_is_the_end_of_a_word(text: str) -> None:
    """Ends are in order, each behind a letter and before a blank, the last one at the end of the text."""
    found = unstopped.ends(text, "th")
    assert found == sorted(set(found))
    assert all(not text[end - 1].isspace() and (end == len(text) or text[end].isspace()) for end in found)
    assert (found[-1] if found else 0) == len(text.rstrip())


def test_a_stretch_without_blanks_is_one_sentence() -> None:
    """However long, it is not divided here."""
    assert unstopped.ends("ก" * 5000, "th") == [5000]
    assert unstopped.ends(f"{'ก' * 5000} {'ข' * 5000}", "th") == [5000, 10_001]
    assert unstopped.ends("", "th") == []
