"""Sentences of many languages: what ends one and what does not, phenomenon by phenomenon."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import languages
from service.pipeline.segment import sentences
from service.records import Block

# Language and its text, with a stroke where a sentence ends.
CASES = [
    ("en", "Mr. and Mrs. Hall live in the U.S. Senate district.|They moved in Jan. 2020."),
    ("en", "Acme Inc. bought the shop.|It paid $3.5 million."),
    ("en", "The flight left at 6.30 a.m. and landed at 11 p.m.|Nobody slept."),
    ("en", "See No. 5 on the list.|It is short."),
    ("en", "He works for the U.S. Army.|She does not."),
    ("en", "She lives in Washington, D.C. and works there.|He left."),
    ("en", "“Is it open?” she asked.|“No,” he said."),
    ("en", '"Stop!" he cried.|They stopped.'),
    ("en", 'He said: "It is late. We must go."|Then he left.'),
    ("en", "Visit www.example.org/a.b?c=d.e for more.|Write to me@example.co.uk."),
    ("en", "The pH was 7.4 vs. 6.9 before.|It rose."),
    ("en", "Prof. J. R. Stone, Ph.D., spoke first.|Dr. Lane followed."),
    ("en", "It happened on Sept. 5.|Nobody saw it."),
    ("en", "Wait... what?|Really?!|Yes."),
    ("en", "(It was cold.)|They stayed."),
    ("en", "The firm, e.g. its owner, i.e. Ms. Low, agreed.|Fine."),
    ("en", "Yahoo! said it would close.|It did."),
    ("en", "What is 3.14?|It is pi."),
    ("en", "Gen. Smith met Gov. Brown and Sen. Low.|They talked."),
    ("en", "The company was founded by St. John Ltd. in 1990.|It grew."),
    ("en", "1. Wash the pan.|2. Dry it well."),
    ("en", "a) Take a seat.|b) Wait."),
    ("en", "He was born in the 1920s.|She was not."),
    ("en", "Version 2.0.1 is out.|Get it."),
    ("en", "It cost £5m.|The buyer paid."),
    ("en", "He scored in the 5th min.|The crowd cheered."),
    ("en", "“We won.”|“We did not.”"),
    ("en", "He asked, “Why now?” and left.|Nobody knew."),
    ("en", "‘I am tired,’ she said.|‘Go home.’"),
    ("en", "The report (see p. 12) is long.|Read it."),
    ("en", "Fig. 3 shows the map.|It is old."),
    ("en", "J. K. Field wrote it.|So did A. B. Low."),
    ("en", "He is no. 1 in the world.|She is no. 2."),
    ("de", "Am 3. Oktober wird gefeiert.|Am 4. nicht."),
    ("de", "Das gilt z. B. für Kinder.|Für andere nicht."),
    ("de", "Das gilt z.B. für Kinder, d.h. für alle unter 14.|Für andere nicht."),
    ("de", "Dr. Weber und Prof. Klein kamen.|Sie blieben ca. zwei Std. lang."),
    ("de", "Er wohnt in der Hauptstr. 5.|Sie auch."),
    ("de", "„Wir gehen.“|„Ich nicht“, sagte er."),
    ("de", "Papst Johannes Paul II. starb 2005.|Er war alt."),
    ("de", "Im 19. Jahrhundert war das anders.|Heute nicht."),
    ("de", "Der Preis stieg um 2,5 Mio. Euro.|Das ist viel."),
    ("de", "Das Spiel endete 3:1.|In der 90. Minute fiel das letzte Tor."),
    ("de", "Die Firma Maier GmbH & Co. KG schließt.|Alle gehen."),
    ("de", "St. Gallen liegt in der Schweiz.|Es ist schön dort."),
    ("de", "Er kam u. a. mit Frau Dr. h. c. Lang.|Sie redeten."),
    ("cs", "Sraz je 1. května v Praze.|Přijde mj. Ing. Novák."),
    ("cs", "Bylo to v 19. století.|Potom už ne."),
    ("cs", "Např. pan Dvořák přišel tzv. pozdě.|Ostatní ne."),
    ("cs", "Sešli se ve čtvrtek 5. 6. 2020 v 18.30 hod.|Bylo teplo."),
    ("sk", "Stretnú sa 1. mája v Nitre.|Príde aj p. Kováč."),
    ("ru", "Это верно, т. е. так и есть.|Все согласны."),
    ("ru", "Он живёт в г. Москва на ул. Ленина.|Она нет."),
    ("ru", "А. С. Пушкин родился в 1799 г.|Он был поэтом."),
    ("ru", "В 2020 г. цена выросла на 5 тыс. руб.|Потом упала."),
    ("ru", "Пришли дети и др.|Потом все ушли."),
    ("ru", "— Ты идёшь? — спросил он.|— Нет."),
    ("ru", "«Мы придём», — сказал он.|«Хорошо»."),
    ("ru", "Это и т. д. и т. п. не важно.|Важно другое."),
    ("ru", "Проф. Иванов и акад. Петров спорили.|Им было весело."),
    ("ru", "Встреча прошла 5 янв. 2021 г. в Казани.|Были все."),
    ("uk", "Він живе в м. Київ на вул. Садовій.|Вона ні."),
    ("uk", "Т. Г. Шевченко народився 1814 р.|Він був поетом."),
    ("uk", "Це коштує 5 тис. грн.|Дорого."),
    ("be", "Ён жыве ў г. Мінск.|Яна не."),
    ("bg", "Той живее в гр. Пловдив на ул. Роза 5.|Тя не."),
    ("bg", "През 2019 г. цената падна.|После се вдигна."),
    ("sr", "Др Петровић је дошао 5. маја.|Остао је."),
    ("mk", "Д-р Петров дојде на 5 мај.|Остана."),
    ("pl", "Mieszka przy ul. Długiej 5.|Ona nie."),
    ("pl", "Przyszedł prof. Nowak i dr hab. Lis.|Rozmawiali np. o pogodzie."),
    ("pl", "W 1990 r. było inaczej.|Teraz jest lepiej."),
    ("pl", "Zdarzyło się to w 1990 r.|Potem nic."),
    ("pl", "To kosztuje 5 tys. zł.|Drogo."),
    ("pl", "Spotkali się 1. maja o godz. 18.30.|Było ciepło."),
    ("pl", "Jan III Sobieski, tzn. król, wygrał.|Tak było."),
    ("pl", "Grał w 1. lidze.|Potem w 2. lidze."),
    ("fi", "Juhla on 6. joulukuuta klo 18.30.|Tervetuloa."),
    ("fi", "Tri Virtanen tuli esim. eilen.|Hän lähti."),
    ("fi", "Se maksaa n. 5 euroa.|Se on halpa."),
    ("da", "Den 5. maj kl. 18.30 mødes vi.|Kom bare."),
    ("da", "Det gælder f.eks. børn.|Ikke andre."),
    ("nb", "Den 17. mai feirer vi.|Det gjelder bl.a. barn."),
    ("nb", "Det koster ca. 5 kr.|Det er billig."),
    ("sv", "Det gäller t.ex. barn.|Inte andra."),
    ("sv", "Det kostar ca 5 kr.|Den 6 juni är vi lediga, bl.a. här."),
    ("is", "Fundurinn er 17. júní kl. 10.|Allir koma."),
    ("et", "Pidu on 24. veebruaril kell 18.|Tulge kõik."),
    ("lv", "Svētki ir 18. novembrī plkst. 10.|Nāciet."),
    ("lt", "Jis gimė 1990 m. gegužės 5 d. Vilniuje.|Ji ne."),
    ("hu", "Az ünnep március 15. napján van.|Mindenki jön."),
    ("hu", "Dr. Kovács a 3. emeleten lakik.|Ő nem."),
    ("sl", "Dne 5. maja pride dr. Novak.|Ostane tri dni."),
    ("hr", "Dana 5. svibnja dolazi dr. Horvat.|Ostaje tri dana."),
    ("ro", "Dl. Popescu a venit la nr. 5.|Doamna nu."),
    ("tr", "3. Selim 1789 yılında tahta çıktı.|Sonra öldü."),
    ("tr", "Prof. Dr. Yılmaz 5. kata çıktı.|Orada kaldı."),
    ("tr", "Maç saat 20.30'da başladı.|Kimse gelmedi."),
    ("az", "Bu, 2. mərtəbədədir.|O gəldi."),
    ("es", "El Sr. López vive en la Av. Central.|La Sra. Ruiz no."),
    ("es", "¿Vienes mañana?|¡Claro que sí!|Bien."),
    ("es", "Costó 3.500 euros.|EE. UU. pagó la mitad."),
    ("es", "Los EE.UU. ganaron.|México perdió."),
    ("es", "Dijo: «No voy».|Y se fue."),
    ("es", "El Dr. Gómez atiende en la pág. 3.|Gracias."),
    ("es", "Nació el 3 de may. de 1990.|Murió joven."),
    ("es", "Ud. debe ir al núm. 5.|Yo no."),
    ("pt", "O Sr. Silva mora na Av. Brasil, n.º 5.|A Sra. Costa não."),
    ("pt", "O Dr. Lima chegou às 18.30.|Saiu logo."),
    ("it", "Il sig. Rossi abita in p.zza Dante.|La sig.ra Bruni no."),
    ("it", "Il dott. Verdi e l'avv. Neri parlarono.|Poi uscirono."),
    ("it", "Nel sec. XIX era diverso.|Oggi no."),
    ("fr", "M. Petit est parti.|Mme Roux aussi."),
    ("fr", "Il a dit : « Je pars. »|Puis il est sorti."),
    ("fr", "«\u00a0Tu viens\u00a0?\u00a0» demanda-t-elle.|Il resta."),
    ("fr", "Voir p. 12, art. 5.|C'est clair."),
    ("fr", "Elle vit av. J.-C. selon lui.|Il se trompe."),
    ("fr", "Né le 1er janv. 1990, il vit à St. Denis.|Il travaille."),
    ("fr", "Quoi\u202f?|Rien\u202f!|Bon."),
    ("ca", "El Sr. Puig viu al c. Major.|La Sra. Roca no."),
    ("nl", "Dhr. Jansen en mevr. Bos kwamen.|Zij bleven."),
    ("nl", "Dat geldt o.a. voor kinderen.|Niet voor u."),
    ("nl", "Het kost ca. 5 euro.|Dat is weinig."),
    ("nl", "Prof. dr. De Vries sprak op 5 jan. 2020.|Iedereen luisterde."),
    ("sq", "Z. Hoxha erdhi.|Ai iku."),
    ("el", "Πού πας;|Σπίτι.|Καλά."),
    ("el", "Ο κ. Παπάς ήρθε.|Η κα. Μαρή όχι."),
    ("el", "Το 5ο π.Χ. ήταν αλλιώς.|Τώρα όχι."),
    ("hy", "Ո՞ւր ես գնում։|Տուն։"),
    ("hy", "Նա ասաց, որ կգա:|Նա չեկավ:"),
    ("ka", "ის წავიდა.|ის არ მოვიდა."),
    ("he", 'ד"ר כהן הגיע.|הוא נשאר.'),
    ("he", "מה השעה?|שלוש."),
    ("ar", "هل جاء؟|لا.|حسنا!"),
    ("ar", "قال د. أحمد إنه سيأتي.|ولم يأت."),
    ("ar", "بلغ السعر 3.5 دولار.|ثم هبط."),
    ("fa", "آیا آمد؟|نه.|خوب است."),
    ("ur", "کیا وہ آیا؟|نہیں۔|ٹھیک ہے۔"),
    ("ps", "هغه راغی؟|نه.|ښه."),
    ("hi", "क्या वह आया?|नहीं।|ठीक है।"),
    ("hi", "डॉ. शर्मा आए।|वे रुके।"),
    ("hi", "कीमत 3.5 रुपये है।|यह कम है।"),
    ("mr", "तो गेला.|ती आली.|डॉ. जोशी आले."),
    ("ne", "ऊ गयो।|ऊ आयो।"),
    ("bn", "সে গেল।|সে কি এল?|না।"),
    ("bn", "ড. রহমান এলেন।|তিনি থাকলেন।"),
    ("pa", "ਉਹ ਗਿਆ।|ਉਹ ਆਈ।"),
    ("gu", "તે ગયો.|તે આવી."),
    ("ta", "அவன் போனான்.|அவள் வந்தாள்."),
    ("te", "అతను వెళ్ళాడు.|ఆమె వచ్చింది."),
    ("kn", "ಅವನು ಹೋದ.|ಅವಳು ಬಂದಳು."),
    ("ml", "അവൻ പോയി.|അവൾ വന്നു."),
    ("si", "ඔහු ගියා.|ඇය ආවා."),
    ("am", "እሱ መጣ።|እሷ ሄደች፧|አዎ።"),
    ("my", "သူလာသည်။|သူမသွားသည်။"),
    ("km", "គាត់មក។|នាងទៅ។"),
    ("km", "គាត់មក៕|នាងទៅ។"),
    ("ja", "「行きます。」と彼は言った。|「はい。」"),
    ("ja", "彼は来た！|本当？|はい。"),
    ("ja", "価格は3.14円です。|安い。"),
    ("ja", "「もう遅い。帰ろう。」と言って、彼は出た。|雨だった。"),
    ("ja", "ええと……わからない。|そうか。"),
    ("ja", "彼（田中氏。東京在住）は来た。|終わり。"),
    ("zh-Hans", "他说：“我走了。”|然后离开。"),
    ("zh-Hans", "“你去吗？”他问。|“不去。”"),
    ("zh-Hans", "价格是3.14元。|不贵！|真的？"),
    ("zh-Hant", "他說：「我走了。」|然後離開。"),
    ("zh-Hant", "「你去嗎？」他問。|「不去。」"),
    ("ko", "그는 갔다.|그녀는 왔다.|정말?"),
    ("ko", '"나는 간다."라고 그가 말했다.|그는 갔다.'),
    ("ko", "가격은 3.14원이다.|싸다."),
    ("vi", "Ông ấy ở TP. HCM.|Bà ấy ở Q. 5."),
    ("vi", "Giá là 3.500 đồng.|Rẻ."),
    ("id", "Dr. Budi tinggal di Jl. Mawar No. 5.|Ia pergi."),
    ("id", "Harganya Rp. 5.000.|Murah."),
    ("ms", "Encik Ali datang pada pukul 6.30 pagi.|Dia pergi."),
    ("tl", "Si G. Santos ay dumating.|Umalis siya."),
    ("sw", "Bw. Juma alikuja.|Bi. Asha hakuja."),
    ("cy", "Daeth Dr. Jones.|Aeth hi."),
    ("ga", "Tháinig an Dr. Ó Néill.|D'imigh sí."),
    ("eu", "Ekainaren 5. eguna da.|Etorri da."),
    ("zh-Hans", "他走了……我没走。"),
    ("zh-Hans", "你好。|我来了；他没来。"),
    ("en", "They met Mr. X. Low.|He was late."),
    ("de", "Er trug Nr. 7.|Das war alles."),
    ("th", "เวลา 18.30 น. มีงานเลี้ยง"),
    ("lo", "ລາວມາ. ລາວໄປ."),
    ("bn", "দাম ২.৬ টাকা।|এটা কম।"),
    ("hi", "दाम २.५ रुपये है।|यह कम है।"),
    ("pt", "— Vens? — perguntou ela.|— Vou."),
    ("pl", "„Czy mam wyjście?”, dodał.|Nikt nie wiedział."),
    ("tr", '"Geliyor musun?" dedi.|Gitti.'),
]


def split(text: str, language: str) -> list[str]:
    """The sentences of a text that is one paragraph."""
    return [text[s.start : s.end] for s in sentences(text, [Block(0, len(text), "paragraph")], language)]


@pytest.mark.parametrize(("language", "marked"), CASES)
def test_ends_of_sentences(language: str, marked: str) -> None:
    """Short forms, initials, ordinals, units, quotations, brackets and the stops of each script."""
    parts = marked.split("|")
    row = languages.get(language)
    assert row is not None
    glue = "" if row.script in ("Hans", "Hant", "Jpan") else " "
    assert split(glue.join(parts), language) == parts


@pytest.mark.parametrize("mark", ["•", "-", "–", "*", "1.", "2)", "(a)", "III."])
def test_a_bullet_is_not_a_sentence(mark: str) -> None:
    """A list mark stays with its item."""
    assert split(f"{mark} Wash the pan well.", "en") == [f"{mark} Wash the pan well."]


@pytest.mark.parametrize("text", ["3.14", "1,000.50", "18.30", "www.example.org/a.b", "me.you@example.co.uk", "v2.0.1"])
@pytest.mark.parametrize("language", ["en", "de", "ru", "hi", "th", "zh-Hans", "und"])
def test_stops_inside_a_token_end_nothing(text: str, language: str) -> None:
    """Decimals, times, addresses and versions stay whole in every language."""
    assert split(f"a {text} b", language) == [f"a {text} b"]


def test_headline_without_a_stop_is_a_block_of_its_own() -> None:
    """Blocks separate what no stop separates."""
    text = "Bridge closed again\nThe town closed it on Monday. It opens in May."
    blocks = [Block(0, 19, "paragraph"), Block(20, len(text), "paragraph")]
    assert [text[s.start : s.end] for s in sentences(text, blocks, "en")] == [
        "Bridge closed again",
        "The town closed it on Monday.",
        "It opens in May.",
    ]


_TAGS = [row.code for row in languages.all_languages()] + ["und"]
_PIECES = st.sampled_from(
    [
        *" .!?…:;,()[]«»“”„‘’\"'-—–・。！？、「」『』।॥۔؟؛።፧၊။។៕։༎๛ฯๆ",
        "\xa0",
        "\u202f",
        "\u200b",
        "\u0301",
        "\ud800",
        "\x00",
        "Dr. ",
        "z. B. ",
        "5. ",
        "5 тыс. руб. ",
        "т. е. ",
        "A. ",
        "ч. ",
        "3.14 ",
        "३.५ ",
        "และ ",
        "ที่ ",
        "好",
        "ก",
        "ا",
        "😀",
        "Word ",
        "word ",
        "(Word w.) ",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(_PIECES, max_size=80).map("".join), st.text(max_size=120)), st.sampled_from(_TAGS))
def test_every_character_is_in_one_sentence(text: str, language: str) -> None:
    """In every language, whatever the text: spans are trimmed, in order and together all that is not blank."""
    found = sentences(text, [Block(0, len(text), "paragraph")], language)
    pieces = [text[s.start : s.end] for s in found]
    assert all(piece and piece == piece.strip() for piece in pieces)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("language", "unit"),
    [
        ("th", "วันนี้ฝนตก "),
        ("ru", "Это 5 тыс. руб. и г. Тула. "),
        ("de", "Am 5. Mai z. B. (Ja.) war es. "),
        ("pl", "W 5. lidze (To tak.) „Nie?” "),
        ("zh-Hans", "“你去吗？”他问。好……"),
        ("en", "(a b. c) Mr. No. 5 A. B. "),
        ("hi", "डॉ. वह गया। "),
    ],
)
def test_work_grows_with_the_text(language: str, unit: str) -> None:
    """Four times the text takes about four times as long."""
    spent = []
    for characters in (8_000, 32_000):
        text = unit * (characters // len(unit))
        runs = []
        for _ in range(2):
            start = time.perf_counter()
            split(text, language)
            runs.append(time.perf_counter() - start)
        spent.append(min(runs))
    assert spent[1] < 12 * spent[0] + 0.05
