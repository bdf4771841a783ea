"""Quantities of outputs looked up in their sources, in many languages and formats."""

from __future__ import annotations

import time

import pytest
from babel.numbers import format_decimal
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import number_words
from service.languages import all_languages
from service.pipeline.faithfulness.quantities import QuantityIndex


def _missing(source: str, source_language: str, output: str, language: str) -> list[tuple[str, str]]:
    found = QuantityIndex(source, source_language).unsupported(output, language)
    for item in found:
        assert output[item.start : item.end] == item.text
    return [(item.kind, item.text) for item in found]


SAME = [
    ("1,000 people came.", "en", "1.000 Menschen kamen.", "de"),
    ("1,000 people came.", "en", "1 000 personnes sont venues.", "fr"),
    ("1,000 people came.", "en", "1\u202f000 personnes sont venues.", "fr"),
    ("1'000 Leute kamen.", "de", "A thousand people came.", "en"),
    ("It cost 10,00,000 rupees.", "en", "इसकी कीमत 10 लाख रुपये थी।", "hi"),
    ("It cost 10,00,000 rupees.", "en", "Es kostete 1 Million Rupien.", "de"),
    ("It grew by 2.5 percent.", "en", "Es wuchs um 2,5 Prozent.", "de"),
    ("It grew by 2.5 percent.", "en", "Рост составил 2,5 %.", "ru"),
    ("It grew by 2.5 percent.", "en", "نما بنسبة ٢٫٥٪.", "ar"),
    ("It grew by 5%.", "en", "增长了百分之五。", "zh"),
    ("增长了百分之五。", "zh", "It grew by 5 per cent.", "en"),
    ("It grew by 5%.", "en", "Yüzde 5 büyüdü.", "tr"),
    ("23 people died.", "en", "২৩ জন মারা গেছেন।", "bn"),
    ("23 people died.", "en", "มีผู้เสียชีวิต ๒๓ คน", "th"),
    ("มีผู้เสียชีวิตยี่สิบสามคน", "th", "23 people died.", "en"),
    ("23 people died.", "en", "二十三人死亡。", "zh"),
    ("二十三人死亡。", "zh", "Twenty-three people died.", "en"),
    ("23 people died.", "en", "２３人が死亡した。", "ja"),
    ("23명이 숨졌다.", "ko", "Dreiundzwanzig Menschen starben.", "de"),
    ("Двадцать три человека погибли.", "ru", "23 people died.", "en"),
    ("توفي ثلاثة وعشرون شخصا.", "ar", "23 people died.", "en"),
    ("Yirmi üç kişi öldü.", "tr", "23 people died.", "en"),
    ("Zginęło dwudziestu trzech żołnierzy.", "pl", "23 soldiers died.", "en"),
    ("Huszonhárom ember halt meg.", "hu", "23 people died.", "en"),
    ("Quatre-vingt-dix-sept personnes.", "fr", "97 people.", "en"),
    ("Zweihundertfünfzig Menschen.", "de", "250 people.", "en"),
    ("Two hundred and fifty people.", "en", "250 Menschen.", "de"),
    ("The deal is worth €5m.", "en", "The deal is worth 5 million euros.", "en"),
    ("The deal is worth €5m.", "en", "Das Geschäft ist 5 Mio. Euro wert.", "de"),
    ("The deal is worth €5m.", "en", "这笔交易价值500万欧元。", "zh"),
    ("The deal is worth €5m.", "en", "El acuerdo vale 5 millones de euros.", "es"),
    ("The deal is worth €5m.", "en", "यह सौदा 50 लाख यूरो का है।", "hi"),
    ("The deal is worth €5m.", "en", "Сделка стоит 5 млн евро.", "ru"),
    ("The deal is worth €5m.", "en", "거래 규모는 500만 유로다.", "ko"),
    ("The deal is worth €5m.", "en", "Thỏa thuận trị giá 5 triệu euro.", "vi"),
    ("The firm earned $1.5bn.", "en", "La empresa ganó 1500 millones de dólares.", "es"),
    ("The firm earned $1.5bn.", "en", "Die Firma verdiente 1,5 Milliarden Dollar.", "de"),
    ("The firm earned $1.5bn.", "en", "該公司賺了15億美元。", "zh-Hant"),
    ("The firm earned $1.5bn.", "en", "Компания заработала полтора миллиарда долларов.", "ru"),
    ("人口は1億2000万人です。", "ja", "The population is 120 million.", "en"),
    ("인구는 3만5천 명이다.", "ko", "The population is 35,000.", "en"),
    ("Nüfus 1 milyon 200 bin.", "tr", "The population is 1.2 million.", "en"),
    ("साढ़े तीन करोड़ लोग", "hi", "35 million people", "en"),
    ("Half a million people marched.", "en", "500.000 Menschen marschierten.", "de"),
    ("Two and a half million people.", "en", "2,5 Millionen Menschen.", "de"),
    ("5k runners", "en", "5,000 runners", "en"),
    ("A dozen eggs", "en", "12 Eier", "de"),
    ("It happened two decades ago.", "en", "那是20年前的事。", "zh"),
    ("The 3rd attempt failed.", "en", "La 3ème tentative a échoué.", "fr"),
    ("第三次尝试失败了。", "zh", "The third attempt failed.", "en"),
    ("The twenty-first century", "en", "XXI век", "ru"),
    ("Le XVIe siècle", "fr", "The 16th century", "en"),
    ("World War II ended.", "en", "第二次世界大战结束了。", "zh"),
    ("Two-thirds agreed.", "en", "2/3 stimmten zu.", "de"),
    ("The score was 2-1.", "en", "Die Partie endete 2:1.", "de"),
    ("Between 5 and 6 million people.", "en", "5-6 Millionen Menschen.", "de"),
    ("10 to 12 percent", "en", "10–12 %", "de"),
    ("On 5 March 2024 it rained.", "en", "Am 5. März 2024 regnete es.", "de"),
    ("On March 5, 2024 it rained.", "en", "2024年3月5日下雨了。", "zh"),
    ("On March 5, 2024 it rained.", "en", "El 5 de marzo de 2024 llovió.", "es"),
    ("On March 5, 2024 it rained.", "en", "2024-03-05", "en"),
    ("On March 5, 2024 it rained.", "en", "5/3/24", "en"),
    ("On March 5, 2024 it rained.", "en", "3/5/24", "en"),
    ("On March 5, 2024 it rained.", "en", "Ngày 5 tháng 3 năm 2024 trời mưa.", "vi"),
    ("On March 5, 2024 it rained.", "en", "هطل المطر في ٥ آذار ٢٠٢٤.", "ar"),
    ("On March 5, 2024 it rained.", "en", "2024년 3월 5일 비가 왔다.", "ko"),
    ("On March 5, 2024 it rained.", "en", "5 марта 2024 года шёл дождь.", "ru"),
    ("On March 5, 2024 it rained.", "en", "It rained in March.", "en"),
    ("On March 5, 2024 it rained.", "en", "It rained in 2024.", "en"),
    ("On 5 and 6 March 2024 it rained.", "en", "On March 6, 2024 it rained.", "en"),
    ("05.03.2024", "de", "5 March 2024", "en"),
    ("ฝนตกวันที่ 5 มีนาคม พ.ศ. 2567", "th", "It rained on 5 March 2024.", "en"),
    ("In the 1990s", "en", "В 90-х годах", "ru"),
    ("In the nineties", "en", "In den 1990er Jahren", "de"),
    ("w latach dziewięćdziesiątych", "pl", "in the 1990s", "en"),
    ("It starts at 6.30pm.", "en", "Es beginnt um 18:30 Uhr.", "de"),
    ("It starts at 6pm.", "en", "Es beginnt um 18 Uhr.", "de"),
    ("It starts at 18h30.", "fr", "It starts at 6:30 p.m.", "en"),
    ("Temperatures reached 30°C.", "en", "Es wurden 30 Grad.", "de"),
    ("It is 10 miles away.", "en", "Es ist 16 Kilometer entfernt.", "de"),
    ("It weighs 100 pounds.", "en", "Es wiegt 45 kg.", "de"),
    ("COVID-19 and flight B52", "en", "الرحلة B52 وكوفيد-19", "ar"),
    ("Call 0800 555 111.", "en", "اتصل على ٠٨٠٠٥٥٥١١١.", "ar"),
    ("About 5.02 million voted.", "en", "About 5 million voted.", "en"),
    ("2,970 people came.", "en", "Nearly 3,000 people came.", "en"),
    ("2,970 people came.", "en", "Fast 3000 Menschen kamen.", "de"),
    ("A 37-year-old", "en", "sedmatřicetiletá žena", "cs"),
    ("sedmatřicetiletá žena", "cs", "A 37-year-old woman", "en"),
    ("הגיעו ארבעה עשר אנשים", "he", "Fourteen people came", "en"),
]

WRONG = [
    ("Profits rose 20%.", "en", "Profits rose 30%.", "en", "percentage", "30"),
    ("Profits rose 20%.", "en", "Die Gewinne stiegen um 20 Euro.", "de", "amount", "20"),
    ("It cost 5 euros.", "en", "It cost 5 dollars.", "en", "amount", "5"),
    ("It cost €5.", "en", "Es kostete 5 Dollar.", "de", "amount", "5"),
    ("It cost 5 million euros.", "en", "It cost 5 billion euros.", "en", "amount", "5 billion"),
    ("这笔交易价值500万欧元。", "zh", "The deal is worth 50 million euros.", "en", "amount", "50 million"),
    ("1,000 people came.", "en", "1.500 Menschen kamen.", "de", "number", "1.500"),
    ("Three people died.", "en", "Seven people died.", "en", "number", "Seven"),
    ("Drei Menschen starben.", "de", "Siebzehn Menschen starben.", "de", "number", "Siebzehn"),
    ("Three people died.", "en", "Двенадцать человек погибли.", "ru", "number", "Двенадцать"),
    ("Three people died.", "en", "二十三人死亡。", "zh", "number", "二十三"),
    ("On 5 March 2024 it rained.", "en", "Am 6. März 2024 regnete es.", "de", "date", "6. März 2024"),
    ("On 5 March 2024 it rained.", "en", "On 5 May 2024 it rained.", "en", "date", "5 May 2024"),
    ("On 5 March 2024 it rained.", "en", "2024年4月5日下雨了。", "zh", "date", "2024年4月5日"),
    ("On 5 March 2024 it rained.", "en", "It rained in October.", "en", "date", "October"),
    ("On 5 March 2024 it rained.", "en", "It rained in 2023.", "en", "date", "2023"),
    ("It opened on 5 March.", "en", "It opened on 5 March 2022.", "en", "date", "5 March 2022"),
    ("It starts at 6.30pm.", "en", "It starts at 7:45.", "en", "number", "7:45"),
    ("About 180 people came.", "en", "About 170 people came.", "en", "number", "170"),
    ("It is 10 miles away.", "en", "Es ist 30 Kilometer entfernt.", "de", "amount", "30"),
    ("It lasted 5 days.", "en", "It lasted 5 weeks.", "en", "amount", "5"),
    ("World War II ended.", "en", "World War III ended.", "en", "number", "III"),
    ("Flight B52", "en", "Flight B53", "en", "number", "53"),
    ("Ngày 27/4", "vi", "Ngày 27/9", "vi", "date", "27/9"),
]

NO_ALARM = [
    ("one of the second kind may march on, once more", "en"),
    ("Theresa May met the press on a quarter.", "en"),
    ("una de las segundas", "es"),
    ("un des premiers", "fr"),
    ("ein Mensch und acht geben", "de"),
    ("一些人十分高兴，万一下雨", "zh"),
    ("千万不要", "zh"),
    ("dos des de casa, un dia", "ca"),
    ("nouă casă", "ro"),
    ("از او می گوید", "fa"),
    ("εκτός σπιτιού", "el"),
    ("мою семью", "ru"),
    ("both countries, two sides", "en"),
]


@pytest.mark.parametrize(("source", "language", "output", "other"), SAME)
def test_the_same_quantity_is_found_in_any_form(source: str, language: str, output: str, other: str) -> None:
    """What a source says in one format, script or language is supported in another."""
    assert _missing(source, language, output, other) == []


@pytest.mark.parametrize(("source", "language", "output", "other", "kind", "text"), WRONG)
def test_another_quantity_is_reported(
    source: str, language: str, output: str, other: str, kind: str, text: str
) -> None:
    """A changed number, unit, magnitude or date is reported with its kind and its place."""
    assert _missing(source, language, output, other) == [(kind, text)]


@pytest.mark.parametrize(("output", "language"), NO_ALARM)
def test_words_that_are_only_sometimes_numbers_are_silent(output: str, language: str) -> None:
    """A word that may be no quantity is never reported."""
    assert _missing("Nothing.", "en", output, language) == []


def test_every_language_compares_figures() -> None:
    """In each language of the table figures are found, and wrong ones reported."""
    for language in all_languages():
        index = QuantityIndex("4,321 – 17.5 %", language.code)
        assert index.unsupported("4.321 17,5%", "en") == (), language.code
        assert [item.text for item in index.unsupported("4322", language.code)] == ["4322"], language.code


@pytest.mark.parametrize("language", ["", "und", "xx", "klingon"])
def test_an_unknown_language_has_figures_only(language: str) -> None:
    """A language that is not known is no error."""
    assert _missing("5 and 17", language, "17", language) == []
    assert _missing("5 and 17", language, "18", language) == [("number", "18")]


@pytest.mark.parametrize("language", ["vi", "de", "sw"])
def test_number_words_are_those_of_icu(language: str) -> None:
    """`python -m scripts.number_words --write` makes the table."""
    assert number_words.section(language) in number_words.TABLE.read_text(encoding="utf-8")


def test_items_are_in_order_with_offsets_of_code_points() -> None:
    """Items are sorted, and each slices out of the output, also behind characters outside the first plane."""
    found = QuantityIndex("nothing", "en").unsupported("😀 12 and 𝟏𝟑 and 14%", "en")
    assert [item.text for item in found] == ["12", "𝟏𝟑", "14"]
    assert [item.start for item in found] == sorted(item.start for item in found)


PIECES = (
    *("5 million", "twenty-three", "%", "$", "€", "of", "and", "half", "a", "March", "May 2024", "3/4", "12:30", "6pm"),
    *("nearly", "万", "三", "二十三", "日", "月", "年", "लाख", "ثلاثة وعشرون", "тысяч", "Mio.", "und zwei", "XVI", "½"),
    *("1.000,5", "dozen", "point", "천만", "百分之", "km"),
)
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.integers(0, 10**9).map(str),
        st.sampled_from(PIECES),
    ),
    max_size=14,
).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.sampled_from(["en", "de", "fr", "ru", "ar", "hi", "zh", "ja", "ko", "th", "vi", "tr", "xx"]))
def test_a_text_supports_itself(text: str, language: str) -> None:
    """Nothing of a text is missing in itself, whatever it holds."""
    assert _missing(text, language, text, language) == []


@settings(max_examples=40, deadline=None)
@given(
    st.decimals(min_value=0, max_value=10**9, places=2),
    st.sampled_from(["en", "de", "fr", "de_CH", "hi", "ar_EG", "fa", "bn", "pl", "pt", "sv", "ja", "mr"]),
    st.sampled_from(["en", "de", "fr", "de_CH", "hi", "ar_EG", "fa", "bn", "pl", "pt", "sv", "ja", "mr"]),
)
def test_a_number_in_one_locale_is_the_same_in_another(number: object, one: str, other: str) -> None:
    """A number as one locale writes it is found as another does."""
    written = [
        format_decimal(number, format="#,##0.##", locale=each, numbering_system="default") for each in (one, other)
    ]
    assert _missing(f"({written[0]})", one[:2], f"({written[1]})", other[:2]) == []


HOSTILE = [
    "1",
    ",",
    "1,",
    "1 ",
    "1.",
    "1/",
    "12:",
    "$",
    "万",
    "1万",
    "X ",
    "twenty ",
    "five and ",
    "5 march ",
    "a half ",
]


@pytest.mark.heavy
@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_texts_take_linear_time(piece: str, language: str) -> None:
    """A long run of one thing is read about as fast as twice half of it."""
    seconds = []
    for size in (3_000, 12_000):
        text = (piece * size)[:size]
        tries = []
        for _ in range(3):  # the best of them: a collection of garbage can fall into any
            start = time.process_time()
            assert QuantityIndex(text, language).unsupported(text, language) == ()
            tries.append(time.process_time() - start)
        seconds.append(min(tries))
    assert seconds[1] < 10 * seconds[0] + 0.5
