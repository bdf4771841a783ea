"""Which names of an output its source has, and which it does not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline.faithfulness.names import NameIndex


def doubted(source: str, output: str, language: str = "en", other: str = "") -> list[str]:
    """The names of an output that are not in the source; each is where it says it is."""
    found = NameIndex(source, language).unsupported(output, other or language)
    assert all(output[item.start : item.end] == item.text and item.kind == "name" for item in found)
    return [item.text for item in found]


ENGLISH = "Foreign minister Dmitri Karelin met Olga Brandt of the United Nations in Riga on Monday. Karelin left early."


@pytest.mark.parametrize(
    ("output", "names"),
    [
        ("In Riga, Dmitri Karelin met Olga Brandt.", []),
        ("In Riga, Dmitri Karelin met Ingrid Solberg.", ["Ingrid Solberg"]),
        ("The talks in Riga were opened by Brandt.", []),
        ("The talks in Oslo were opened by Brandt.", ["Oslo"]),
        ("Karelin's visit to the UN was short.", []),
        ("Karelin's visit to the IMF was short.", ["IMF"]),
        ("Solberg's visit was short.", ["Solberg"]),
        ("Diplomats met on Tuesday in October.", []),
    ],
)
def test_names_within_a_language(output: str, names: list[str]) -> None:
    """Whole and partial names are found, with a possessive and abbreviated; others are doubted."""
    assert doubted(ENGLISH, output) == names


@pytest.mark.parametrize(
    ("language", "source", "good", "bad", "name"),
    [
        (
            "ru",
            "Министр Олег Карелин прибыл в Ригу.",
            "Встречу с Карелиным в Риге отменили.",
            "Встречу с Лосевым в Риге отменили.",
            "Лосевым",
        ),
        (
            "cs",
            "Ministr Karel Brandl navštívil Prahu.",
            "Cesta do Prahy s Brandlem trvala den.",
            "Cesta do Brna s Brandlem trvala den.",
            "Brna",
        ),
        (
            "tr",
            "Bakan Kemal Aksoylu dün Bursa'ya geldi.",
            "Dün Aksoylu'nun Bursa'daki gezisi bitti.",
            "Dün Aksoylu'nun Trabzon'daki gezisi bitti.",
            "Trabzon",
        ),
        (
            "fi",
            "Ministeri Mikko Karvela saapui Turkuun.",
            "Eilen Karvelan vierailu päättyi.",
            "Eilen Lehtosen vierailu päättyi.",
            "Lehtosen",
        ),
        (
            "el",
            "Ο υπουργός Νίκος Καρέλης έφτασε στην Πάτρα.",
            "Χθες ο Καρέλη ήταν στην Πάτρα.",
            "Χθες ο Βλάχος ήταν στην Πάτρα.",
            "Βλάχος",
        ),
        (
            "fr",
            "Le ministre Luc d'Arvenne a visité l'Albanie.",
            "Hier, d'Arvenne était en Albanie.",
            "Hier, Maréchaud était en Albanie.",
            "Maréchaud",
        ),
    ],
)
def test_inflected_names(language: str, source: str, good: str, bad: str, name: str) -> None:
    """A name is recognised with the endings of its language, and another one is not taken for it."""
    assert doubted(source, good, language) == []
    assert doubted(source, bad, language) == [name]


def test_german_nouns_are_not_names() -> None:
    """A noun that the source does not have is no name; a name beside another or spelled unlike German is."""
    source = "Kanzlerin Petra Lindner traf am Montag den Bürgermeister von Kiel."
    assert doubted(source, "Bei dem Besuch sprach Lindner über Häfen, Wohnungen und die Zukunft.", "de") == []
    assert doubted(source, "Am Montag traf Petra Sokolowa den Bürgermeister.", "de") == ["Sokolowa"]
    assert doubted(source, "Am Montag sprach sie lange mit Kowalczyk.", "de") == ["Kowalczyk"]


@pytest.mark.parametrize(
    ("language", "other", "source", "good", "bad", "name"),
    [
        (
            "en",
            "ru",
            "Boris Feldmann spoke in Athens.",
            "Борис Фельдман выступил в Афинах.",
            "Выступил Дмитрий Карелин.",
            "Дмитрий Карелин",
        ),
        (
            "ru",
            "en",
            "Выступил Дмитрий Карелин.",
            "Then Dmitry Karelin spoke.",
            "Then Boris Feldmann spoke.",
            "Boris Feldmann",
        ),
        (
            "en",
            "el",
            "Then Boris Feldmann spoke.",
            "Τότε μίλησε ο Μπόρις Φέλντμαν.",
            "Τότε μίλησε ο Αντόνιο Ράλλης.",
            "",
        ),
        (
            "ar",
            "en",
            "تحدث دونالد ويلسون أمس.",
            "Yesterday Donald Wilson spoke.",
            "Yesterday Patrick Hendriksen spoke.",
            "Patrick Hendriksen",
        ),
        (
            "hi",
            "en",
            "कल डोनाल्ड विल्सन ने भाषण दिया।",
            "Yesterday Donald Wilson spoke.",
            "Yesterday Patrick Hendriksen spoke.",
            "Patrick Hendriksen",
        ),
        (
            "ko",
            "en",
            "어제 도널드 윌슨이 연설했다.",
            "Yesterday Donald Wilson spoke.",
            "Yesterday Patrick Hendriksen spoke.",
            "Patrick Hendriksen",
        ),
        (
            "he",
            "en",
            "דונלד וילסון נאם אתמול.",
            "Yesterday Donald Wilson spoke.",
            "Yesterday Patrick Hendriksen spoke.",
            "Patrick Hendriksen",
        ),
        (
            "en",
            "es",
            "The minister met Weller.",
            "El ministro se reunió con Weller.",
            "El ministro se reunió con Karelin.",
            "Karelin",
        ),
        (
            "en",
            "es",
            "The Supreme Court met.",
            "Se reunió el Tribunal Supremo.",
            "Se reunió con Karelin el Tribunal Supremo.",
            "",
        ),
    ],
)
def test_names_across_languages(language: str, other: str, source: str, good: str, bad: str, name: str) -> None:
    """Names are recognised by their sound in other scripts, and what may be translated is never doubted."""
    assert doubted(source, good, language, other) == []
    found = doubted(source, bad, language, other)
    assert found == ([name] if name else found)


@pytest.mark.parametrize(
    ("language", "other", "source", "output"),
    [
        ("de", "en", "Deutschland und die Schweiz haben sich geeinigt.", "Germany and Switzerland agree."),
        ("en", "ar", "Germany agreed with France.", "اتفقت ألمانيا مع فرنسا."),
        ("en", "zh-Hans", "Germany agreed with France.", "德国与法国达成协议。"),
        ("zh-Hans", "en", "德国与法国达成协议。", "An accord of Germany with France."),
        ("fr", "de", "L'Allemagne et l'ONU sont d'accord.", "Einig sind sich Deutschland und die UN."),
        ("en", "ru", "The EU warned the U.S. again.", "ЕС снова предупредил США."),
        ("en", "fr", "The German chancellor went to Vienna.", "La chancelière allemande est allée à Vienne."),
        ("en", "de", "It costs 5 $ in Athens.", "In Griechenland kostet das 5 US-Dollar."),
    ],
)
def test_places_have_other_names_in_other_languages(language: str, other: str, source: str, output: str) -> None:
    """Countries, cities and organisations are known by the names that each language gives them."""
    assert doubted(source, output, language, other) == []


@pytest.mark.parametrize(
    ("language", "other", "source", "output", "name"),
    [
        ("de", "en", "Deutschland und die Schweiz haben sich geeinigt.", "Then Portugal agreed.", "Portugal"),
        ("en", "ar", "Germany agreed with France.", "اتفقت اليابان مع فرنسا.", "اليابان"),
        ("en", "ko", "Germany agreed with France.", "독일은 일본과 합의했다.", "일본과"),
        ("hi", "hi", "जर्मनी ने फ़्रांस से बात की।", "जर्मनी ने पुर्तगाल से बात की।", "पुर्तगाल"),
        (
            "ja",
            "ja",
            "ドイツは昨日、東京で新しい計画を発表した。",
            "発表によると、CEOのJohnsonは昨日、東京で新しい計画を説明した。",
            "Johnson",
        ),
    ],
)
def test_other_places_are_doubted(language: str, other: str, source: str, output: str, name: str) -> None:
    """A country that the source does not name is doubted in scripts without capitals as well."""
    found = doubted(source, output, language, other)
    assert found == [name]


def test_headlines_tell_nothing_by_capitals() -> None:
    """Where every word has a capital only acronyms could be names."""
    assert doubted(ENGLISH, "Quiet Diplomats Leave Early After Long Talks") == []


def test_names_side_by_side_are_one() -> None:
    """A name of several words is one item, with what stands between them."""
    assert doubted(ENGLISH, "On Monday it was Jean-Pierre van Houten who left.") == ["Jean-Pierre van Houten"]


def test_a_source_without_letters_supports_nothing_and_breaks_nothing() -> None:
    """Empty and odd texts are looked up like any other."""
    assert doubted("", "Then Boris Feldmann spoke.") == ["Boris Feldmann"]
    assert doubted("12 🌉 \ud800", "🌉") == []


ALPHABET = st.sampled_from(list("ABCabc ÉéßİıЖжΩωابتह्िन한국東京カタ'’-.\n\"“”12,:🌉"))


@given(st.text(ALPHABET, max_size=120), st.sampled_from(["en", "de", "tr", "ru", "ar", "hi", "ja", "zh-Hans", "und"]))
@settings(max_examples=150, deadline=None)
def test_a_text_supports_itself(text: str, language: str) -> None:
    """Nothing of a text is doubted against the text itself, whatever it is."""
    assert doubted(text, text, language) == []


@given(st.text(ALPHABET, max_size=80), st.text(ALPHABET, max_size=80), st.sampled_from(["en", "de", "ru", "ar", "ja"]))
@settings(max_examples=150, deadline=None)
def test_places_in_the_output_are_exact(source: str, output: str, language: str) -> None:
    """Every item slices to its text, between any two languages, and no two overlap."""
    for other in ("en", "tr", "ko"):
        found = NameIndex(source, language).unsupported(output, other)
        assert all(output[item.start : item.end] == item.text for item in found)
        assert all(one.end <= two.start for one, two in pairwise(found))
