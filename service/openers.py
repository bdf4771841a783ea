"""Openings that lean on the sentence before: pronouns and connectives, by language."""

from __future__ import annotations

import re

# Words that open a sentence this way nearly always; articles and ambiguous forms are left out on purpose.
_WORDS = {
    "en": "he she it they this these those his her their its him them but and however also so then therefore moreover "
    "meanwhile nevertheless thus instead afterwards hence otherwise besides",
    "de": "er sie es dies diese dieser dieses dabei damit dafür dazu aber und jedoch auch doch dann danach deshalb "
    "daher außerdem trotzdem allerdings zudem seine ihre ihr",
    "fr": "il elle ils elles ce cela ça cette ces celui celle ceux mais et toutefois cependant aussi donc puis ensuite "
    "ainsi pourtant néanmoins enfin son sa ses leur leurs",
    "es": "él ella ellos ellas esto este esta estos estas eso ese esa pero y además también así entonces luego su sus",
    "pt": "ele ela eles elas isso isto este esta estes estas mas e também porém além assim então depois seu sua"
    " seus suas",
    "it": "lui lei loro egli ella esso questo questa questi queste ma e tuttavia anche inoltre però quindi poi"
    " così suo sua",
    "ca": "ell ella ells elles això aquest aquesta aquests però i també així doncs",
    "gl": "el ela eles elas isto este esta pero e tamén ademais así",
    "ro": "el ea ei ele acesta aceasta acest această dar și însă totuși",
    "nl": "hij zij ze het dit deze die maar en ook echter toch daarom daarnaast bovendien vervolgens",
    "sv": "han hon den det de denna detta men och också dock därför sedan",
    "da": "han hun den det de denne dette men og også dog derfor så",
    "nb": "han hun den det de denne dette men og også likevel derfor så",
    "ru": "он она оно они это этот эта эти но и а однако также его её ее их затем потом поэтому тогда",
    "uk": "він вона воно вони це цей ця ці але та і однак також його її їх потім тому тоді проте",
    "be": "ён яна яно яны гэта гэты але і аднак таксама яго яе іх потым таму",
    "bg": "той тя то те това този тази тези но и а обаче също затова",
    "mk": "тој таа тоа тие ова овој оваа но и а сепак исто затоа",
    "pl": "on ona ono oni one to ten ta te ale i a jednak także też jego jej ich potem dlatego",
    "cs": "on ona ono oni to tento tato toto ale a však také jeho její jejich potom proto",
    "sr": "он она оно они то овај ова ово али и међутим такође on ona ono oni to ovaj ova ovo ali i međutim takođe",
    "hr": "on ona ono oni to ovaj ova ovo ali i međutim također",
    "tr": "o bu şu onlar bunlar ancak ama fakat ve ayrıca böylece bunun onun",
    "id": "dia ia mereka ini itu tetapi namun dan juga kemudian lalu",
    "ms": "dia ia mereka ini itu tetapi namun dan juga kemudian",
    "vi": "nó họ nhưng và tuy điều sau",
    "ar": "هو هي هم هذا هذه ذلك تلك لكن ولكن وهو وهي وهم وقال وأضاف وأضافت وتابع وأوضح وأشار كما ثم وكان وكانت",
    "fa": "او آنها این آن اما ولی و همچنین وی سپس",
    "ur": "وہ یہ لیکن اور مگر تاہم انہوں اس",
    "he": "הוא היא הם הן זה זו אבל אך גם אולם לכן",
    "hi": "वह वे यह ये लेकिन और मगर इसके उन्होंने उसने परंतु",
    "fi": "hän he se ne tämä nämä mutta ja kuitenkin myös siksi lisäksi sitten sen hänen heidän",
    "hu": "ő ők ez ezek az azok de és azonban ezért továbbá majd viszont",
    "eu": "hura haiek hau hori baina eta ere hala",
    "bn": "তিনি সে তারা এটি এই কিন্তু এবং তবে এছাড়া",
    "ta": "அவர் அவள் அவன் இது இந்த ஆனால் மேலும்",
    "sw": "yeye wao hii huyo lakini na pia hata hivyo",
    "sk": "on ona ono oni to tento táto toto ale a však tiež jeho jej ich potom preto",
    "sl": "on ona ono oni to ta te ampak in vendar tudi njegov njen njihov potem zato",
    "el": "αυτός αυτή αυτό αυτοί αλλά και όμως επίσης ωστόσο",
}
_PREFIXES = {
    "zh": (
        "他",
        "她",
        "它",
        "这",
        "這",
        "但",
        "而且",
        "然而",
        "不过",
        "不過",
        "因此",
        "例如",
        "比如",
        "其中",
        "之后",
        "其次",
        "另一方面",
        "所以",
        "同时",
        "同時",
        "此外",
        "另外",
        "对此",
        "對此",
    ),
    "ja": (
        "彼",
        "これ",
        "それ",
        "この",
        "その",
        "しかし",
        "また",
        "そして",
        "だが",
        "ただ",
        "さらに",
        "一方",
        "なお",
        "そのため",
        "例えば",
        "たとえば",
        "これら",
        "それら",
        "こうし",
        "そこで",
        "つまり",
        "ところが",
        "しかも",
    ),
    "ko": (
        "그는",
        "그의",
        "이런",
        "그런",
        "이러한",
        "이 때문에",
        "이후",
        "혹은",
        "다만",
        "반면",
        "예를 들",
        "그녀",
        "그들",
        "이는",
        "이에",
        "그러나",
        "하지만",
        "그리고",
        "또한",
        "또 ",
        "이어",
        "한편",
        "따라서",
    ),
    "th": (
        "เขา",
        "เธอ",
        "พวกเขา",
        "ตัวอย่างเช่น",
        "เช่น",
        "หรือ",
        "ส่วน",
        "แต่",
        "และ",
        "นอกจาก",
        "อย่างไรก็ตาม",
        "ดังนั้น",
        "ซึ่ง",
        "โดย",
    ),
}
# Openings of several words, in lower case.
_PHRASES = {
    "en": "for example|for instance|as a result|in addition|on the other hand|at the same time|after that"
    "|in other words|such a|by contrast|in contrast|as such|even so|in turn|that is",
    "de": "das sind|das ist|das war|zum beispiel|aus diesem|zur gleichen zeit|auf der anderen seite"
    "|mit anderen worten|so wurde|so sind"
    "|so ist|in diesem|in dieser|nach diesem|gerade deswegen|das heißt",
    "fr": "par exemple|en effet|en outre|par ailleurs|de plus|à cette|à ce|dans ce|c'est|c’est|par conséquent"
    "|d'autre part",
    "es": "por ejemplo|sin embargo|por otra parte|por otro lado|no obstante|por eso|por ello|en ese|en este"
    "|de este|dicho",
    "pt": "por exemplo|enquanto isso|no entanto|por outro lado|por isso|nesse|neste|nessa|nesta"
    "|dessa forma|desse modo|ou seja",
    "it": "per esempio|ad esempio|per questo|d'altra parte|in questo|in questa|nel frattempo|di conseguenza",
    "nl": "bijvoorbeeld|als gevolg|aan de andere kant|in dit|op die",
    "ru": "например|в то же время|кроме того|при этом|в этом|к тому же|с другой стороны|таким образом|по его"
    "|по ее|по её",
    "uk": "наприклад|крім того|при цьому|у цьому|водночас|таким чином|за його|за її",
    "pl": "na przykład|poza tym|w tym|z kolei|tym samym|jego zdaniem|jej zdaniem",
    "cs": "například|kromě toho|v tomto|na druhou stranu|podle něj|podle ní",
    "tr": "örneğin|bu nedenle|bunun için|öte yandan|bu arada|aynı zamanda|buna göre",
    "id": "misalnya|hasilnya|oleh karena itu|selain itu|sementara itu|di sisi lain|dengan demikian|hal ini|hal itu",
    "ms": "misalnya|oleh itu|selain itu|sementara itu|hal ini|sebaliknya",
    "vi": "ví dụ|cụ thể|tuy nhiên|ngoài ra|bên cạnh đó|do đó|vì vậy|trong khi đó|sau đó|trước đó|điều này"
    "|theo đó|anh ta|ông ấy|bà ấy|cô ấy",
    "ar": "على سبيل المثال|ومع ذلك|في المقابل|بالإضافة إلى ذلك|لذلك|من جهة أخرى|وفي الوقت",
    "fa": "به عنوان مثال|با این حال|علاوه بر این|در نتیجه|به همین دلیل|یعنی|پس",
    "hi": "उदाहरण के लिए|इसके अलावा|हालांकि|इसलिए|इस बीच",
}
_ALIASES = {"no": "nb", "nn": "nb", "bs": "hr", "sh": "sr", "iw": "he", "zlm": "ms", "yue": "zh"}
# Words that point back from behind a noun at the beginning.
_BEHIND = {"id": {"ini", "itu", "tersebut"}, "ms": {"ini", "itu", "tersebut"}, "vi": {"này", "đó", "ấy"}}
_OPENINGS = {language: tuple(phrases.split("|")) for language, phrases in _PHRASES.items()}
_SETS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_FIRST_WORD = re.compile(r"[^\W\d_]+")
# "Smith said they did so": who they are was said before. "He" would be Smith, "it" is often nobody.
_SAID_OF_OTHERS = {
    "en": re.compile(
        r"(?:[A-Z][\w’'.-]*\s+){1,4}(?:also\s+)?(?:said|says|added|noted|insisted)\s+(?:that\s+)?(?:they|these|those)\b"
    )
}


def dangles(text: str, language: str) -> bool:
    """Tell whether a sentence leans on the one before it: it opens with a pronoun or a connective.

    Args:
        text: one sentence.
        language: its BCP-47 tag; of a language without a list nothing dangles.
    """
    code = language.split("-", 1)[0].lower()
    code = _ALIASES.get(code, code)
    prefixes = _PREFIXES.get(code)
    if prefixes is not None:
        return text.lstrip(' "“「『(（').startswith(prefixes)
    words = _SETS.get(code)
    if words is None:
        return False
    first = _FIRST_WORD.search(text[:40])
    if first is None:
        return False
    if first.group().lower() in words:
        return True
    said = _SAID_OF_OTHERS.get(code)
    if said is not None and said.match(text[:120].lstrip('"“ ')):
        return True
    start = text[first.start() : first.start() + 40].lower()
    if not _BEHIND.get(code, set()).isdisjoint(start.split()[1:3]):
        return True
    return any(
        start.startswith(phrase) and not start[len(phrase) : len(phrase) + 1].isalpha()
        for phrase in _OPENINGS.get(code, ())
    )
