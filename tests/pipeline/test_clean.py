"""Cleaning as a whole: what goes, what stays, and that every character is accounted for."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline.clean import clean_html, clean_text
from service.records import Article

SAMPLE = (Path(__file__).parent.parent / "data" / "article.txt").read_text(encoding="utf-8")

PIECES = st.sampled_from(
    [
        "The council of the small town said on Friday that the bridge would stay closed.",
        "Short one.",
        "Read more:",
        "Bridge closed again as floods return",
        "Advertisement",
        "Published: 3 May 2021 Updated: 4 May 2021",
        "- two eggs",
        "© 2021 The Lantern",
        "\u200b",
        "\ufeffMarked line",
        "***",
        "\x00",
        "สภาเมืองกล่าวว่าสะพานจะปิดต่อไป",
        "市议会星期五表示，这座桥将继续关闭，直到修复工程完成为止。",
        "wrapped in the middle of",
    ]
)
GAPS = st.sampled_from(["\n", "\n\n", "\r\n", "\r", "\u2028", "\u2029", " \n \n", "\u3000\n", "\u00a0", "\x0b", "\x85"])


def part(article: Article, start: int, end: int) -> str:
    return article.text[start:end]


def kept(article: Article) -> list[str]:
    return [part(article, b.start, b.end) for b in article.blocks]


def removed(article: Article) -> list[str]:
    return [part(article, r.start, r.end) for r in article.removed]


def title(article: Article) -> str | None:
    return part(article, article.title.start, article.title.end) if article.title else None


def assert_accounted(article: Article) -> None:
    """Every character that is not white space is in exactly one span, and spans are trimmed."""
    spans = [(b.start, b.end) for b in article.blocks] + [(r.start, r.end) for r in article.removed]
    if article.title:
        spans.append((article.title.start, article.title.end))
    spans.sort()
    position = 0
    for start, end in spans:
        assert position <= start < end <= len(article.text)
        assert not article.text[position:start].strip()
        assert article.text[start:end] == article.text[start:end].strip()
        position = end
    assert not article.text[position:].strip()


def test_scraped_article() -> None:
    """From a scraped article the boilerplate goes, nothing else, and the title is found."""
    article = clean_text(SAMPLE)
    assert title(article) == "Harbour ministry says ‘far too early’ to judge Odrin ferry talks"
    assert removed(article) == [
        "Velmar river dispute",
        "Published: Updated:",
        "To get the latest news first, join our Lantern channel online or in the app.",
        "Read more:",
        "More than 800 islanders spend night in school hall: council",
        "Relief fund asks for $2.7 million to repair Odrin pier",
        "Islanders do not trust ‘the ministry’s promises’: mayor of Sanna Bay",
        "Most Read Stories",
    ]
    assert len(article.blocks) == 15
    assert article.text == SAMPLE


def test_clean_false_keeps_everything() -> None:
    """Without cleaning nothing is removed, and the title is still found."""
    article = clean_text(SAMPLE, clean=False)
    assert article.removed == ()
    assert title(article) == "Harbour ministry says ‘far too early’ to judge Odrin ferry talks"
    assert_accounted(article)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(PIECES, GAPS), max_size=40), st.booleans())
def test_lines_are_accounted_for(rows: list[tuple[str, str]], clean: bool) -> None:
    """Whatever lines a text is made of, each character is in exactly one place."""
    text = "".join(piece + gap for piece, gap in rows)
    article = clean_text(text, clean=clean)
    assert article.text == text
    assert_accounted(article)
    if text.strip():
        assert article.blocks or article.title
    if not clean:
        assert article.removed == ()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400), st.booleans())
def test_any_text_is_accounted_for(text: str, clean: bool) -> None:
    """Any text at all, control characters included, is divided without loss or overlap."""
    article = clean_text(text, clean=clean)
    assert article.text == text
    assert_accounted(article)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["p", "div", "li", "h1", "b", "td", "script"]), PIECES), max_size=25),
    st.booleans(),
)
def test_any_page_is_accounted_for(rows: list[tuple[str, str]], clean: bool) -> None:
    """Pages of any make give visible text whose characters are each in exactly one place."""
    article = clean_html("".join(f"<{tag}>{piece}</{tag}>" for tag, piece in rows), clean=clean)
    assert_accounted(article)


def test_sentences_always_survive() -> None:
    """A text of nothing but calls and notices keeps its sentences."""
    article = clean_text(
        "Follow us on our channel for all the news of the day.\n\n"
        "Subscribe to our newsletter today, it is free of charge."
    )
    assert len(article.blocks) == 2


def test_one_line_is_kept() -> None:
    """A text of a single line is one block, whatever it says."""
    article = clean_text("Subscribe to our newsletter.")
    assert kept(article) == ["Subscribe to our newsletter."]


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\u3000\n"])
def test_nothing_in_nothing_out(text: str) -> None:
    """Blank text gives an article without parts."""
    article = clean_text(text)
    assert (article.text, article.title, article.blocks, article.removed) == (text, None, (), ())


def test_hard_wrapped_paragraphs_are_joined() -> None:
    """Lines broken at a column make one block that spans the line breaks."""
    text = (
        "The old mill at the edge of the village has been empty for years,\n"
        "and nobody remembers who closed it. Its wheel still turns when the\n"
        "river is high, and children are told to keep away from the water\n"
        "that runs below.\n"
        "\n"
        "In spring the council wants to sell the building, but so far there\n"
        "has been only one offer, from a baker who would like to grind his\n"
        "own flour there and to live above the stones with his family.\n"
    )
    article = clean_text(text)
    assert len(article.blocks) == 2
    assert article.removed == ()


def test_recipe_items_are_kept() -> None:
    """Ingredients are short lines without full stops and stay, as do the steps."""
    text = (
        "Pear jam for winter evenings\n\nThis jam keeps for half a year in a cool and dark cellar.\n\n"
        "Ingredients:\n- two kilos of ripe pears\n- one kilo of sugar\n- the juice of a lemon\n\n"
        "Peel the pears and cut them into small pieces.\nBoil everything for an hour and stir it often.\n"
        "Fill the jam into clean jars while it is still hot.\n"
    )
    article = clean_text(text)
    assert article.removed == ()
    assert [b.kind for b in article.blocks].count("item") == 3


def test_poem_is_kept() -> None:
    """Lines without any full stop, a poem, all stay."""
    text = (
        "Grey the harbour, grey the sea\nNo ship today, no sail for me\n"
        "I count the gulls upon the wall\nAnd wait for nothing, that is all"
    )
    article = clean_text(text)
    assert article.removed == ()


def test_dialogue_is_kept() -> None:
    """Turns of a talk stay, short ones too."""
    text = (
        "Anna: Did you see the ferry?\nBen: Which one?\n"
        "Anna: The late one, it never came back.\nBen: No\nAnna: Read the paper then.\nBen: I will do that."
    )
    article = clean_text(text)
    assert article.removed == ()


def test_script_without_full_stop_is_kept() -> None:
    """Thai prose, which has no full stop, is not taken for loose lines."""
    line = "สภาเมืองประกาศว่าสะพานเก่าจะปิดซ่อมแซมเป็นเวลาสามเดือนเนื่องจากความเสียหายจากพายุเมื่อเดือนที่แล้ว"
    article = clean_text("\n\n".join([line, line + "และชาวบ้านต้องใช้เรือ", line + "จนกว่าจะซ่อมเสร็จ", "ผู้ว่าราชการกล่าวขอบคุณ"]))
    assert article.removed == ()


STORY = {
    "es": "El puente seguirá cerrado hasta que terminen las obras, según dijo el alcalde.",
    "fr": "Le pont restera fermé jusqu’à la fin des travaux, a dit le maire de la ville.",
    "de": "Die Brücke bleibt geschlossen, bis die Arbeiten beendet sind, sagte der Bürgermeister.",
    "ru": "Мост останется закрытым до конца работ, сообщил в пятницу мэр небольшого города.",
    "uk": "Міст залишиться закритим до кінця робіт, повідомив у п’ятницю мер невеликого міста.",
    "tr": "Belediye başkanı cuma günü köprünün çalışmalar bitene kadar kapalı kalacağını söyledi.",
    "ar": "قال رئيس البلدية يوم الجمعة إن الجسر سيبقى مغلقا حتى انتهاء الأعمال.",
    "zh": "市长星期五表示，这座桥将继续关闭，直到所有修复工程全部完成为止。",
    "pl": "Most pozostanie zamknięty do końca prac, powiedział w piątek burmistrz małego miasta.",
    "id": "Jembatan itu akan tetap ditutup sampai pekerjaan selesai, kata wali kota pada hari Jumat.",
}
NOISE = {
    "es": "Lee también: El río crece por tercer día",
    "fr": "Lire aussi : La rivière monte encore",
    "de": "Lesen Sie auch: Der Fluss steigt weiter",
    "ru": "Подписывайтесь на наш канал в Телеграме.",
    "uk": "Читайте також: Річка піднімається третій день",
    "tr": "Bizi takip edin",
    "ar": "اقرأ أيضا: النهر يرتفع من جديد",
    "zh": "相关阅读：河水连续第三天上涨",
    "pl": "Czytaj też: Rzeka wzbiera trzeci dzień",
    "id": "Baca juga: Sungai naik lagi",
}


@pytest.mark.parametrize("language", sorted(STORY))
def test_noise_in_many_languages(language: str) -> None:
    """A link or a call between paragraphs goes, in each language; the paragraphs stay."""
    story = [STORY[language], STORY[language] + " " + STORY[language]]
    article = clean_text("\n\n".join([story[0], NOISE[language], story[1]]))
    assert kept(article) == story
    assert removed(article) == [NOISE[language]]


def test_real_sentence_about_a_newsletter_is_kept() -> None:
    """A sentence of the story that names a newsletter or a channel is no call."""
    lines = [
        "The mayor said in her newsletter that the bridge would open again in May.",
        "He follows the club on Facebook and never misses one of their matches at home.",
        "Our correspondent visited the channel on a boat that had seen better days.",
    ]
    article = clean_text("\n\n".join(lines))
    assert article.removed == ()


def test_scraped_page() -> None:
    """All visible text of a page, menus and teasers included, comes down to the story."""
    menu = [
        "Home",
        "World",
        "Sport",
        "Culture",
        "Weather",
        "Jobs",
        "Cars",
        "Games",
        "Podcasts",
        "Log in",
        "Videos",
        "Local",
    ]
    story = [
        f"The council said on day {n} that the bridge over the river would stay closed until the works were done."
        for n in range(8)
    ]
    tail = [
        "Related stories",
        "River rises for third day",
        "Baker buys old mill",
        "About us",
        "Contact",
        "© 2021 The Lantern",
    ]
    text = "\n".join([*menu, "Bridge stays closed until the autumn, council says", "By Ilsa Torvane", *story, *tail])
    article = clean_text(text)
    assert title(article) == "Bridge stays closed until the autumn, council says"
    assert kept(article) == story


@pytest.mark.parametrize("unit", ["word ", "a\n", "Read more:\n", "Some words here\n\n", "你好世界。\n", "By A "])
def test_long_input_is_divided_in_bounded_time(unit: str) -> None:
    """Half a million characters of any shape are accounted for; the test's time limit is the bound."""
    assert_accounted(clean_text(unit * (100_000 // len(unit))))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n\n", "\u2029"),
        lambda text: text.replace("\n\n", "\n\u00a0\n"),
        lambda text: "\ufeff\n  " + text,
        lambda text: "\n\n".join(textwrap.fill(paragraph, 72) for paragraph in text.split("\n\n")),
    ],
)
def test_layout_makes_no_difference(change: Callable[[str], str]) -> None:
    """The same article on single lines, with other line ends, marks or wrapped at a column is cleaned alike."""
    article = clean_text(change(SAMPLE))
    assert len(article.blocks) == 15
    assert "Read more:" in removed(article)
    assert (title(article) or "").startswith("Harbour ministry says")
    assert_accounted(article)


def test_questions_among_related_links() -> None:
    """Headlines that ask or exclaim do not end the list under a "read more"."""
    article = clean_text(SAMPLE.replace("Odrin pier\n", "Odrin pier, but will it be enough for all of them?\n"))
    assert len(article.blocks) == 15


def test_cookie_notice_goes_and_cookie_story_stays() -> None:
    """A notice names cookies and the site; a story about baking names only one of them."""
    story = "The baker sold four hundred cookies on the first morning of the fair, he said."
    notice = "Some cookies are needed for this website to work, and others tell us how it is used."
    article = clean_text("\n\n".join([story, notice, story + " It was raining."]))
    assert removed(article) == [notice]
