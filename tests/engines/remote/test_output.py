from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import service
from service import languages
from service.config import DEFAULT_REMOTE_LANGUAGES
from service.engines.remote import chunks, output
from service.engines.remote.prompts import disarm, rearm
from service.engines.sources import SourceIndex
from service.records import Segment

NOTHING: frozenset[str] = frozenset()

SENTENCES = {
    "ar": "ستستبدل البلدة عباراتها الثلاث بعبارات كهربائية.",
    "de": "Die Stadt ersetzt ihre drei Fähren durch elektrische.",
    "el": "Η πόλη θα αντικαταστήσει τα τρία πλοία της με ηλεκτρικά.",
    "en": "The town will replace its three ferries with electric ones.",
    "fr": "La ville remplacera ses trois bacs par des bacs électriques.",
    "he": "העיירה תחליף את שלוש המעבורות שלה בחשמליות.",
    "hi": "शहर अपनी तीन नावों को बिजली की नावों से बदलेगा।",
    "ja": "町は三隻のフェリーを電動のものに替える。",
    "ko": "마을은 세 척의 여객선을 전기 여객선으로 바꾼다.",
    "ru": "Город заменит три парома на электрические.",
    "th": "เมืองจะเปลี่ยนเรือข้ามฟากสามลำเป็นเรือไฟฟ้า",
    "zh-Hans": "该镇将用电动渡轮替换三艘渡轮。",
}


@pytest.mark.parametrize("tag", SENTENCES)
def test_a_language_passes_for_itself_and_not_for_another_script(tag: str) -> None:
    """Each sentence is accepted in its own language and refused where another script is expected."""
    home = languages.get(tag)
    assert home is not None
    output.check_language(SENTENCES[tag], tag, NOTHING)
    for other in SENTENCES:
        language = languages.get(other)
        assert language is not None
        if {home.script, language.script} <= {"Hans", "Jpan", "Kore"} or home.script == language.script:
            continue
        with pytest.raises(output.Refused, match="script"):
            output.check_language(SENTENCES[tag], other, NOTHING)


def test_every_script_of_the_table_is_known() -> None:
    """A language added to the table can be checked, and every tag of our own lists is in it."""
    codes = {language.code for language in languages.all_languages()}
    assert {language.script for language in languages.all_languages()} <= set(output._SCRIPTS)
    assert set(DEFAULT_REMOTE_LANGUAGES.split()) <= codes
    table = tomllib.loads((Path(service.__file__ or "").parent / "data" / "remote.toml").read_text("utf-8"))
    assert {tag for group in table["near"] for tag in group} <= codes


@pytest.mark.parametrize(
    ("text", "source", "lost"),
    [
        ("1.250,5 und 2028", "1,250.5 in 2028", 0),
        ("१२ और 7", "12 and 7", 0),
        ("zwölf", "12", 1),
        ("3 von 3", "3 of 3", 0),
        ("3", "3 of 3", 1),
    ],
)
def test_numbers_are_counted_whatever_their_form(text: str, source: str, lost: int) -> None:
    """Separators and digits of other scripts are the same number; words are not."""
    assert output.lost_numbers(text, source) == lost


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300), st.integers(1, 40))
def test_slices_are_the_text(text: str, most: int) -> None:
    """Cutting leaves nothing out, changes nothing and keeps the bound."""
    found = chunks.slices(text, most)
    assert "".join(found) == text
    assert all(len(piece) <= most for piece in found)


@given(st.lists(st.text(alphabet="ab .", min_size=1, max_size=60), max_size=20), st.integers(5, 40))
def test_packing_keeps_every_character(texts: list[str], most: int) -> None:
    """Pieces under the bound hold all texts in order."""
    packed = chunks.pack(texts, most)
    assert "".join(packed).replace("\n", "") == "".join(texts)
    assert all(len(piece) <= most for piece in packed)


def test_paragraphs_are_lines() -> None:
    """Segments of a paragraph are joined, paragraphs are not."""
    segments = [Segment("One.", 0), Segment("Two.", 0), Segment("Three.", 1)]
    assert chunks.lines(segments) == ["One. Two.", "Three."]


@given(st.text(alphabet="<>|/[]sINT_end｜a \u2060", max_size=40).filter(lambda text: "\u2060" not in text))
def test_disarming_can_be_undone(text: str) -> None:
    """What is made harmless for a template comes back as it was."""
    assert rearm(disarm(text)) == text


@given(st.lists(st.text(max_size=80), max_size=8), st.text(max_size=80))
def test_sources_are_segments(segments: list[str], sentence: str) -> None:
    """Whatever the texts, sources are distinct indices in order, and there are some exactly where there is support."""
    index = SourceIndex(segments)
    found = index.sources(sentence)
    assert list(found) == sorted(set(found))
    assert all(0 <= at < len(segments) for at in found)
    assert bool(found) == index.supports(sentence)
