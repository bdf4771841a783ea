"""Language identification: honest where nothing can be told, right where much can."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import languages
from service.pipeline import detect
from service.pipeline.close_languages import Evidence
from service.records import Detection

SENTENCES = {
    "en": "The river rose again during the night, and the old bridge was closed in the morning.",
    "de": "Der Fluss stieg in der Nacht wieder an, und am Morgen wurde die alte Brücke gesperrt.",
    "fr": "La rivière est encore montée pendant la nuit et le vieux pont a été fermé ce matin.",
    "es": "El río volvió a crecer durante la noche y por la mañana cerraron el puente viejo.",
    "pt": "O rio voltou a subir durante a noite e a ponte velha foi fechada pela manhã.",
    "it": "Il fiume è cresciuto ancora nella notte e al mattino il vecchio ponte è stato chiuso.",
    "nl": "De rivier steeg vannacht opnieuw en de oude brug werd vanmorgen afgesloten.",
    "pl": "W nocy rzeka znowu wezbrała, a rano zamknięto stary most.",
    "tr": "Nehir gece boyunca yeniden yükseldi ve eski köprü sabah kapatıldı.",
    "ru": "Ночью река снова поднялась, и утром старый мост закрыли.",
    "uk": "Уночі річка знову піднялася, і вранці старий міст закрили.",
    "be": "Уначы рака зноў паднялася, і раніцай стары мост зачынілі.",
    "bg": "През нощта реката отново се покачи и сутринта старият мост беше затворен.",
    "mk": "Ноќта реката повторно порасна, а утрото стариот мост беше затворен.",
    "sr": "Река је ноћу поново порасла, па је ујутру стари мост затворен.",
    "id": "Sungai itu naik lagi karena hujan, dan jembatan lama tidak bisa dilewati pagi ini.",
    "ms": "Sungai itu naik lagi kerana hujan, dan jambatan lama tidak boleh dilalui pagi ini.",
    "nb": "Elven steg igjen i natt, og den gamle broen ble ikke åpnet før etter lunsj.",
    "nn": "Elva steig att i natt, og den gamle brua vart ikkje opna før etter lunsj.",
    "da": "Floden steg igen i nat, og den gamle bro blev først åbnet efter frokost af politiet.",
    "mi": "I piki anō te awa i te pō, ā, i katia te piriti tawhito i te ata.",
    "ar": "ارتفع النهر مرة أخرى أثناء الليل وأغلق الجسر القديم في الصباح.",
    "fa": "رودخانه شب دوباره بالا آمد و پل قدیمی صبح بسته شد.",
    "ur": "رات کو دریا پھر چڑھ گیا اور صبح پرانا پل بند کر دیا گیا ہے۔",
    "hi": "रात में नदी फिर बढ़ गई और सुबह पुराना पुल बंद कर दिया गया है।",
    "he": "הנהר עלה שוב בלילה והגשר הישן נסגר בבוקר.",
    "el": "Το ποτάμι ανέβηκε πάλι τη νύχτα και η παλιά γέφυρα έκλεισε.",
    "th": "แม่น้ำสูงขึ้นอีกครั้งในตอนกลางคืน",
    "ko": "밤사이 강물이 다시 불어나 낡은 다리가 통제되었다.",
    "ja": "夜の間に川がまた増水し、古い橋は閉鎖された。",
    "zh-Hans": "夜里河水再次上涨，旧桥今天早上关闭了。",
    "zh-Hant": "夜裡河水再次上漲，舊橋今天早上關閉了。",
}


@pytest.mark.parametrize(("code", "text"), SENTENCES.items())
def test_sentences(code: str, text: str) -> None:
    """A plain sentence is recognised, with its answer first among the candidates."""
    found = detect.detect(text)
    assert found.language == code
    assert found.alternatives[0].language == code
    assert found.alternatives[0].confidence == found.confidence


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n\t",
        "12 345,6",
        "😀🎉 👍🏽",
        "https://example.org/some/path www.example.org",
        "me@example.org",
        "...!?",
        "_",
        "\ud800",
        "\x00",
        "→ ★ ©",
    ],
)
def test_no_language_at_all(text: str) -> None:
    """Where no letters of a language are left, nothing is claimed and nothing is listed."""
    assert detect.detect(text) == Detection("und", 0.0, ())


@pytest.mark.parametrize("text", ["a", "π", "Kremlin Putin", "ok", "Anna Maria"])
def test_too_little_to_tell(text: str) -> None:
    """Names and single letters are undetermined; what they might be is still listed."""
    found = detect.detect(text)
    assert (found.language, found.confidence) == ("und", 0.0)
    assert found.alternatives


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("שלום", "he"),
        ("ευχαριστώ", "el"),
        ("გამარჯობა", "ka"),
        ("շնորհակալություն", "hy"),
        ("안녕", "ko"),
        ("ありがとう", "ja"),
        ("வணக்கம்", "ta"),
        ("ဟယ်လို", "my"),
        ("ສະບາຍດີ", "lo"),
        ("ជំរាបសួរ", "km"),
        ("日本経済", "ja"),
        ("国际关系", "zh-Hans"),
        ("國際關係", "zh-Hant"),
        ("中文", "zh-Hans"),
    ],
)
def test_script_alone_decides(text: str, code: str) -> None:
    """One word is enough in a script that one language uses."""
    assert detect.detect(text).language == code


def test_candidates_are_bounded_and_ordered() -> None:
    """At most `top` candidates come back, best first, with probabilities that add up to at most one."""
    for top in (0, 1, 5):
        found = detect.detect("Le pont est ouvert", top)
        assert len(found.alternatives) <= top
        confidences = [candidate.confidence for candidate in found.alternatives]
        assert confidences == sorted(confidences, reverse=True)
        assert sum(confidences) <= 1.0001


def test_noise_does_not_decide() -> None:
    """Links, addresses, capitals and a few foreign names leave the answer as it was."""
    text = SENTENCES["ru"]
    assert detect.detect(f"https://example.com/the-news {text} me@example.org BBC News 2024").language == "ru"
    assert detect.detect(SENTENCES["de"].upper()).language == "de"


def test_long_text_is_sampled() -> None:
    """Half a megabyte costs hardly more than an article, also when it is mostly figures."""
    long = SENTENCES["fr"] * 6000
    figures = "0123456789 " * 20_000 + SENTENCES["fr"] * 3000
    detect.warm()
    start = time.perf_counter()
    assert detect.detect(long).language == "fr"
    assert detect.detect(figures).language == "fr"
    assert time.perf_counter() - start < 0.5


def test_threads_agree() -> None:
    """Calls from many threads give what one thread gives."""
    texts = list(SENTENCES.values()) * 4
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(detect.detect, texts)) == [detect.detect(text) for text in texts]


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_any_text_gives_a_known_tag(text: str) -> None:
    """Whatever the text, the answer is a tag of the table or `und`."""
    found = detect.detect(text)
    for code in [found.language, *(candidate.language for candidate in found.alternatives)]:
        assert code == "und" or languages.canonical(code) == code
    assert 0 <= found.confidence <= 1


def test_evidence_of_words_and_letters() -> None:
    """A common word speaks for its language, a letter outside the alphabet against it."""
    latin = Evidence(["id", "ms"], "Latn").scores("Karena uang bisa")
    assert latin[0] == 3
    assert latin[1] == 0
    cyrillic = Evidence(["ru", "uk"], "Cyrl").scores("їжак")
    assert cyrillic[0] < cyrillic[1] == 0


@pytest.mark.parametrize(
    "text",
    [
        "def area(r):\n    return {'a': 3.14 * r ** 2, 'r': r}",
        "for (int i = 0; i < n; i++) { sum += a[i]; }",
        '{"name": "Anna", "age": 30, "city": "Oslo"}',
        '<div class="x"><p></p></div>',
        "asdfgh qwerty zxcvb",
        "xkcd qwzx vbnm",
        "hahahaha",
        "ffffff",
        "e3b0c44298fc1c149afbf4c8996fb924",
        "NaN null",
        "km kg cm",
        "hello handsome",
    ],
)
def test_what_is_in_no_language_is_not_guessed(text: str) -> None:
    """Source code, nonsense, digests, units and two words of any language are undetermined."""
    assert detect.detect(text).language == "und"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("El nino no quiere comer manana", "es"),
        ("Gdzie jest moj samochod, nie moge go znalezc", "pl"),
        ("Toi khong biet noi tieng Viet", "vi"),
        ("Wo ist der naechste Bahnhof", "de"),
        ("ELEZIONI, IL SINDACO SI DIMETTE DOPO IL VOTO", "it"),
        ("BREAKING NEWS: MAYOR RESIGNS AFTER VOTE", "en"),
        ("МЭР УШЁЛ В ОТСТАВКУ ПОСЛЕ ГОЛОСОВАНИЯ", "ru"),
        ("Merkel, Macron und Johnson trafen sich in Brüssel", "de"),
        ("Il presidente del consiglio è arrivato a Roma", "it"),
        ("Der Sprecher sagte „no comment“ und ging", "de"),
    ],
)
def test_as_people_write(text: str, code: str) -> None:
    """Missing accents, capitals, names and foreign quotations do not change the answer."""
    assert detect.detect(text).language == code


def test_paragraphs_in_two_languages() -> None:
    """The main language is answered, the other one listed with about its share, whatever their order."""
    german = f"{SENTENCES['de']} Niemand wurde verletzt, doch der Weg zur Schule ist nun doppelt so lang wie vorher."
    french = f"{SENTENCES['fr']} Personne n'a été blessé, mais le chemin de l'école est deux fois plus long."
    for parts in ([german, german, french], [french, german, german]):
        found = detect.detect("\n\n".join(parts))
        assert found.language == "de"
        assert [candidate.language for candidate in found.alternatives[:2]] == ["de", "fr"]
        assert 0.5 < found.confidence < 0.8
        assert 0.2 < found.alternatives[1].confidence < 0.5


def test_paragraphs_in_two_scripts() -> None:
    """Languages of two scripts are both listed, by paragraph and within one."""
    found = detect.detect(f"{SENTENCES['ru']} {SENTENCES['ru']}\n{SENTENCES['en']}")
    assert [candidate.language for candidate in found.alternatives[:2]] == ["ru", "en"]
    found = detect.detect(f"{SENTENCES['uk']} {SENTENCES['en']}")
    assert {candidate.language for candidate in found.alternatives[:2]} == {"uk", "en"}


def test_one_language_in_many_lines_is_one_language() -> None:
    """Hard-wrapped text, a foreign line and names do not make a text one of two languages."""
    lines = "\n".join(SENTENCES["nl"].split(" ")) + "\nBBC News World Service\n" + SENTENCES["nl"]
    found = detect.detect(lines)
    assert found.language == "nl"
    assert found.confidence > 0.9


def test_many_paragraphs_are_sampled() -> None:
    """A text of many thousand paragraphs costs little more than one of a few."""
    text = f"{SENTENCES['da']}\n" * 5000
    detect.warm()
    start = time.perf_counter()
    assert detect.detect(text).language == "da"
    assert time.perf_counter() - start < 0.5


def test_markup_in_plain_text_is_no_source_code() -> None:
    """A fragment of a page sent as text is in the language of its words."""
    text = (
        "<p>Библиотека на&nbsp;берегу снова открыта.</p>\n<p>Ремонт длился два года&nbsp;&mdash; читатели рады.</p>\n"
        '<p><strong>Вход</strong> через двор, <a href="/plan" class="x">план</a> у&nbsp;входа.</p>'
    )
    assert detect.detect(text).language == "ru"
