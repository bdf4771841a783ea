"""The cleaning model: what it sees of a line, how it reads all lines together, and pages in many scripts."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.pipeline.clean import clean_html, clean_text
from service.pipeline.clean_chars import count_signs
from service.pipeline.clean_features import best_stretch, features, run_lengths
from service.pipeline.clean_lines import split_lines
from service.pipeline.clean_model import ASIDE, BODY, HEAD, TAIL, best_parts, parts, weights
from service.records import Article

MENU = {
    "ar": ["الرئيسية", "العالم", "الرياضة", "الثقافة", "الطقس", "وظائف", "سيارات", "ألعاب", "فيديو", "محليات"],
    "hi": ["होम", "दुनिया", "खेल", "संस्कृति", "मौसम", "नौकरी", "गाड़ियां", "वीडियो", "स्थानीय", "राय"],
    "zh": ["首页", "国际", "体育", "文化", "天气", "招聘", "汽车", "游戏", "视频", "本地"],
    "ja": ["トップ", "国際", "スポーツ", "文化", "天気", "求人", "自動車", "ゲーム", "動画", "地域"],
    "th": ["หน้าแรก", "ต่างประเทศ", "กีฬา", "วัฒนธรรม", "อากาศ", "งาน", "รถยนต์", "เกม", "วิดีโอ", "ท้องถิ่น"],
    "ru": ["Главная", "Мир", "Спорт", "Культура", "Погода", "Работа", "Авто", "Игры", "Видео", "Город"],
    "el": [
        "Αρχική",
        "Κόσμος",
        "Αθλητικά",
        "Πολιτισμός",
        "Καιρός",
        "Εργασία",
        "Αυτοκίνητο",
        "Παιχνίδια",
        "Βίντεο",
        "Πόλη",
    ],
    "he": ["ראשי", "עולם", "ספורט", "תרבות", "מזג אוויר", "דרושים", "רכב", "משחקים", "וידאו", "מקומי"],
    "ko": ["홈", "국제", "스포츠", "문화", "날씨", "채용", "자동차", "게임", "동영상", "지역"],
}
STORY = {
    "ar": [
        "قال مجلس البلدة الصغيرة يوم الجمعة إن الجسر فوق النهر سيبقى مغلقا حتى نهاية أعمال الترميم في الخريف.",
        "وأضاف رئيس البلدية أن المهندسين وجدوا شقوقا في ثلاثة من أعمدة الجسر بعد العاصفة التي ضربت المنطقة.",
        "ويقول السكان إن الطريق الآخر أطول بعشرة كيلومترات وإن الأطفال يصلون متأخرين إلى المدرسة كل صباح.",
        "وسيبدأ العمال في صب الخرسانة الجديدة الأسبوع المقبل إذا انخفض مستوى الماء في النهر كما هو متوقع.",
    ],
    "hi": [
        "छोटे शहर की परिषद ने शुक्रवार को कहा कि नदी पर बना पुल मरम्मत का काम पूरा होने तक बंद रहेगा।",
        "महापौर ने बताया कि तूफान के बाद इंजीनियरों को पुल के तीन खंभों में गहरी दरारें मिली हैं।",
        "लोगों का कहना है कि दूसरा रास्ता दस किलोमीटर लंबा है और बच्चे रोज सुबह देर से स्कूल पहुंचते हैं।",
        "अगर नदी का पानी उम्मीद के मुताबिक उतरा तो मजदूर अगले हफ्ते नया कंक्रीट डालना शुरू करेंगे।",
    ],
    "zh": [
        "小镇议会星期五表示，河上的大桥将继续关闭，直到今年秋天所有修复工程全部完成为止。",
        "镇长说，上个月的暴风雨过后，工程师们在三根桥墩上发现了很深的裂缝，必须立即修补。",
        "居民们抱怨说，另一条路要多走十公里，孩子们每天早上上学都会迟到，商店的生意也变差了。",
        "如果河水像预计的那样下降，工人们下星期就会开始浇筑新的混凝土，费用由省政府承担。",
    ],
    "ja": [
        "小さな町の議会は金曜日、川に架かる橋を秋の修復工事が終わるまで引き続き閉鎖すると発表した。",
        "町長によると、先月の嵐の後、技術者が三本の橋脚に深いひび割れを見つけたという。",
        "住民は、別の道は十キロも遠回りで、子どもたちが毎朝学校に遅れてしまうと話している。",
        "川の水位が予想通りに下がれば、作業員は来週から新しいコンクリートの打設を始める予定だ。",
    ],
    "th": [
        "สภาเมืองเล็กแห่งนี้ประกาศเมื่อวันศุกร์ว่าสะพานข้ามแม่น้ำจะยังคงปิดต่อไปจนกว่างานซ่อมแซมจะแล้วเสร็จในฤดูใบไม้ร่วง",
        "นายกเทศมนตรีกล่าวว่าวิศวกรพบรอยร้าวลึกในเสาสะพานสามต้นหลังจากพายุที่พัดถล่มพื้นที่เมื่อเดือนที่แล้ว",
        "ชาวบ้านบอกว่าถนนอีกเส้นหนึ่งไกลกว่าเดิมสิบกิโลเมตรและเด็กๆไปโรงเรียนสายทุกเช้านับตั้งแต่สะพานปิด",
        "คนงานจะเริ่มเทคอนกรีตใหม่ในสัปดาห์หน้าหากระดับน้ำในแม่น้ำลดลงตามที่คาดการณ์ไว้โดยจังหวัดเป็นผู้ออกค่าใช้จ่าย",
    ],
    "ru": [
        "Совет небольшого города сообщил в пятницу, что мост через реку останется закрытым до конца ремонта осенью.",
        "Мэр рассказал, что после бури инженеры нашли глубокие трещины в трёх опорах моста и работы нельзя отложить.",
        "Жители говорят, что другая дорога длиннее на десять километров и дети каждое утро опаздывают в школу.",
        "Рабочие начнут заливать новый бетон на следующей неделе, если вода в реке спадёт, как ожидают в городе.",
    ],
    "el": [
        "Το συμβούλιο της πόλης ανακοίνωσε την Παρασκευή ότι η γέφυρα θα μείνει κλειστή μέχρι το τέλος των έργων.",
        "Ο δήμαρχος είπε ότι οι μηχανικοί βρήκαν βαθιές ρωγμές σε τρεις κολόνες της γέφυρας μετά την καταιγίδα.",
        "Οι κάτοικοι λένε ότι ο άλλος δρόμος είναι δέκα χιλιόμετρα μακρύτερος και τα παιδιά αργούν στο σχολείο.",
        "Οι εργάτες θα αρχίσουν να ρίχνουν νέο σκυρόδεμα την άλλη εβδομάδα, αν πέσει η στάθμη του νερού στο ποτάμι.",
    ],
    "he": [
        "מועצת העיירה הקטנה הודיעה ביום שישי כי הגשר מעל הנהר יישאר סגור עד סוף עבודות השיקום בסתיו הקרוב.",
        "ראש העיר אמר כי לאחר הסערה מצאו המהנדסים סדקים עמוקים בשלושה מעמודי הגשר וכי אי אפשר לדחות את העבודה.",
        "התושבים אומרים כי הדרך האחרת ארוכה בעשרה קילומטרים וכי הילדים מאחרים לבית הספר בכל בוקר מאז הסגירה.",
        "הפועלים יתחילו לצקת בטון חדש בשבוע הבא אם מפלס המים בנהר ירד כפי שצופים אנשי המועצה.",
    ],
    "ko": [
        "작은 마을의 의회는 금요일 강 위의 다리를 가을에 보수 공사가 끝날 때까지 계속 폐쇄한다고 밝혔다.",
        "시장은 지난달 폭풍이 지나간 뒤 기술자들이 교각 세 개에서 깊은 균열을 발견했다고 말했다.",
        "주민들은 다른 길이 십 킬로미터나 더 멀어서 아이들이 매일 아침 학교에 늦는다고 이야기한다.",
        "강물이 예상대로 줄어들면 인부들은 다음 주부터 새 콘크리트를 붓기 시작할 예정이라고 한다.",
    ],
}  # fmt: skip


def longer(language: str) -> list[str]:
    """Return a story of six paragraphs."""
    one, two, three, four = STORY[language]
    return [one, two, three, four, f"{two} {four}", f"{one} {three}"]


def kept(article: Article) -> list[str]:
    return [article.text[b.start : b.end] for b in article.blocks]


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
@pytest.mark.parametrize("language", sorted(STORY))
def test_pages_in_other_scripts(language: str, gap: str) -> None:
    """A page's menu above and below the story goes in every script, and the story stays whole."""
    menu, story = MENU[language], longer(language)
    article = clean_text(gap.join([*menu, *story, *menu, "© 2021"]))
    assert kept(article) == story
    assert {"page_head", "page_tail"} <= {r.rule for r in article.removed}


@pytest.mark.parametrize("language", sorted(STORY))
def test_clean_articles_in_other_scripts_stay(language: str) -> None:
    """An article without anything around it keeps every line, one line a paragraph or with blank lines between."""
    for gap in ("\n", "\n\n"):
        assert clean_text(gap.join(STORY[language])).removed == ()


def test_list_marks_do_not_save_a_menu() -> None:
    """Converters to Markdown write menus as lists; the bullets do not make them part of the story."""
    menu = [f"  * {entry}" for entry in MENU["ru"]]
    article = clean_text("\n".join([*menu, "", *longer("ru"), "", *menu]))
    assert kept(article) == longer("ru")


def test_extracted_blocks_get_a_second_look() -> None:
    """On a page of HTML the story stays, the menu goes, and a call inside the story is named by its rule."""
    menu = "".join(f"<li><a href='/{i}'>{entry}</a></li>" for i, entry in enumerate(MENU["el"]))
    call = "Subscribe to our newsletter and never miss a story."
    story = "".join(f"<p>{line}</p>" for line in STORY["el"])
    article = clean_html(
        f"<html><body><nav><ul>{menu}</ul></nav><article>{story}<p>{call}</p>{story}</article></body></html>"
    )
    assert call not in kept(article)
    assert set(STORY["el"]) <= set(kept(article))
    assert not set(MENU["el"]) & set(kept(article))


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aB1 .,|·@#\n。गก\U0001f600\ud800\u2028“]([", max_size=200))
def test_counts_are_those_of_each_line(text: str) -> None:
    """Counting in all lines at once gives what counting in each line gives."""
    lines = split_lines(text)
    if not lines:
        return
    signs = count_signs(text, lines)
    for i, line in enumerate(lines):
        assert signs.length[i] == len(line.text)
        assert signs.letters[i] == sum(c.isalpha() for c in line.text)
        assert signs.digits[i] == sum(c.isdigit() for c in line.text)
        assert signs.pieces[i] == len(line.text.split())
        assert signs.links[i] == line.text.count("](")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_features_are_finite_numbers(text: str) -> None:
    """Whatever the text, every line has every feature that the weights know, as a finite number."""
    lines = split_lines(text)
    if not lines:
        return
    names, values = features(text, lines)
    assert set(names) == set(weights().by_name)
    assert len(names) == len(set(names))
    assert values.shape == (len(lines), len(names))
    assert np.isfinite(values).all()
    assert len(parts(names, values)) == len(lines)


SCORES = arrays(np.float32, st.tuples(st.integers(1, 6), st.just(4)), elements=st.floats(-8, 0, width=32))


@settings(max_examples=60, deadline=None)
@given(SCORES, st.sampled_from([0.0, 0.5, 2.0]))
def test_the_best_sequence_is_found(scores: np.ndarray, change: float) -> None:
    """The sequence of parts scores as well as the best of all sequences that are allowed."""
    steps = {
        (HEAD, HEAD),
        (HEAD, BODY),
        (BODY, BODY),
        (BODY, ASIDE),
        (ASIDE, ASIDE),
        (ASIDE, BODY),
        (BODY, TAIL),
        (TAIL, TAIL),
    }

    def value(sequence: tuple[int, ...]) -> float:
        changes = sum(a != b for a, b in itertools.pairwise(sequence))
        return float(sum(row[part] for row, part in zip(scores, sequence, strict=True))) - change * changes

    allowed = [
        sequence
        for sequence in itertools.product((HEAD, BODY, ASIDE, TAIL), repeat=len(scores))
        if sequence[0] in (HEAD, BODY) and sequence[-1] != ASIDE and set(itertools.pairwise(sequence)) <= steps
    ]
    found = tuple(best_parts(scores, change))
    assert found in allowed
    assert value(found) == pytest.approx(max(map(value, allowed)), abs=1e-3)


def test_stretches_and_runs() -> None:
    """The stretch with the largest sum and the lengths of runs are those one counts by hand."""
    assert best_stretch(np.array([-1.0, 4.0, -1.0, 3.0, -9.0, 5.0])) == (1, 3)
    assert best_stretch(np.array([-3.0, -1.0, -2.0])) == (1, 1)
    assert run_lengths(np.array([True, True, False, True])).tolist() == [2, 2, 0, 1]
