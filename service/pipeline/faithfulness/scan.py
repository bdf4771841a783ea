"""A text as the tokens that may be part of a quantity: figures, numerals, known words and signs, with their places."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from service.pipeline.faithfulness import numerals
from service.pipeline.faithfulness.letters import WORD, key
from service.pipeline.faithfulness.lexicon import Entry, Lexicon
from service.pipeline.faithfulness.meanings import Meaning, Meanings

# Kinds of token.
FIGURE, NUMERAL, FRACTION, WORDS, SIGN, CLOCK_TIME, DATE, ROMAN = range(8)

FRACTIONS = {"½": "0.5", "¼": "0.25", "¾": "0.75", "⅓": "1/3", "⅔": "2/3", "⅕": "0.2", "⅛": "0.125"}

_FIGURE = r"\d++(?:[.,'](?=\d)\d++|[ ](?=\d{3}(?!\d))\d{3})*+"


def _numeral(digits: str, places: str, alone: str) -> str:
    """Numerals that begin with figures, `1億2000万`, `22억 5천만`, and those of characters alone, `二十三`."""
    led = rf"\d{{1,{numerals.LONGEST_RUN}}}+(?:[.,]\d{{1,9}}+){{0,6}}+[ ]?{places}[{digits}]{{0,9}}+"
    more = rf"(?:[ ]?\d{{1,4}}+(?:[.,]\d{{1,4}}+)?+[ ]?{places}[{digits}]{{0,9}}+){{0,4}}+"
    rest = rf"(?:[ ]?\d{{1,4}}+(?![.,]\d|[ ]?{places}))?+"
    return f"{led}{more}{rest}|{alone}"


_HAN_LARGE = "[十拾百佰千仟万萬亿億兆]"
_HAN = f"{numerals.HAN_DIGITS}{_HAN_LARGE[1:-1]}"
_HANGUL_LARGE = "[십백천만억조]"
_NUMERAL = _numeral(_HAN, _HAN_LARGE, f"[{_HAN}]{{1,20}}+")
_HANGUL_NUMERAL = _numeral(
    _HANGUL_LARGE[1:-1], _HANGUL_LARGE, f"(?<![가-힣])[{numerals.HANGUL_DIGITS}{_HANGUL_LARGE[1:-1]}]{{2,12}}+"
)
_TIME = r"(?<![\d:.,])\d{1,2}(?::\d{2}(?::\d{2})?|h\d{2})(?![\d:]|[.,]\d)"
_DATE = (
    r"(?<![\d./,-])(?:\d{4}(?P<s>[-/.])\d{1,2}(?P=s)\d{1,2}|\d{1,2}(?P<t>[-/.])\d{1,2}(?P=t)(?:\d{4}|\d{2}))"
    r"(?![\d/-]|[.,]\d)"
)
_SIGNS = "%‰°℃℉$€£¥₹₽₩₺₴₪฿₫₦₱₸₿₨৳"
_ROMAN = re.compile(r"(?<![^\W_])[IVXLCMІХСМ]{1,9}(?=(?:e|è|ème|er|th|-?й|-?го)?(?![^\W_]))")
_NEXT_WORD = re.compile(rf"[ \-'\n]{{1,2}}+({WORD})")
_CYRILLIC_ROMAN = str.maketrans("ІХСМ", "IXCM")


class Token(NamedTuple):
    """Part of a text that may be part of a quantity.

    Attributes:
        start: first code point.
        end: code point after the last one.
        kind: FIGURE (digits), NUMERAL (East Asian), FRACTION, WORDS, SIGN, CLOCK_TIME, DATE or ROMAN.
        text: folded.
        meanings: of words and signs.
    """

    start: int
    end: int
    kind: int
    text: str
    meanings: Meanings = ()

    def first(self, kind: str) -> Meaning | None:
        """The first meaning of a kind."""
        for meaning in self.meanings:
            if meaning.kind == kind:
                return meaning
        return None


@lru_cache(maxsize=8)
def _pattern(words: str, numeral: str) -> re.Pattern[str]:
    parts = [
        rf"(?P<date>{_DATE})",
        rf"(?P<time>{_TIME})",
        rf"(?P<sign>(?:us|c|a|hk|nt|r|s)?\$|[{_SIGNS}]|百分之)",
        *([rf"(?P<numeral>{numeral})"] if numeral else []),
        rf"(?P<figure>{_FIGURE})",
        rf"(?P<fraction>[{''.join(FRACTIONS)}])",
        rf"(?P<word>{words})",
    ]
    return re.compile("|".join(parts))


def _trie(words: Iterable[str]) -> str:
    """A pattern that finds the longest of many words at a place, letter by letter."""
    tree: dict[str, dict] = {}  # type: ignore[type-arg]
    for word in words:
        node = tree
        for letter in word:
            node = node.setdefault(letter, {})
        node[""] = {}

    def written(node: dict[str, dict]) -> str:  # type: ignore[type-arg]
        branches = [re.escape(letter) + written(below) for letter, below in node.items() if letter]
        if not branches:
            return ""
        return f"(?:{'|'.join(branches)})" + ("?+" if "" in node else "")

    return written(tree)


class Scanner:
    """Finds the tokens of texts in one language."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Args: the words of the language."""
        self._lexicon = lexicon
        if lexicon.vocabulary.spaced:
            words = WORD
        else:
            latin = r"[a-z\u00c0-\u024f]+"
            known = [word for word in lexicon.vocabulary.words if not word.isascii()]
            known += [
                symbol for symbol in lexicon.vocabulary.units.symbols if symbol.isalpha() and not symbol.isascii()
            ]
            words = f"{latin}|{_trie(known)}" if known else latin
        numeral = {"": "", "hangul": _HANGUL_NUMERAL, "han": _NUMERAL}[lexicon.vocabulary.numerals]
        self._find = _pattern(words, numeral).finditer

    def tokens(self, text: str, folded: str) -> list[Token]:
        """The tokens of a text in order; words without a meaning are left out.

        Args:
            text: as it was written, for Roman numerals, which only their capitals tell.
            folded: what `fold` makes of it.
        """
        found: list[Token] = []
        lookup = self._lexicon.lookup
        done = 0
        for match in self._find(folded):
            group = match.lastgroup
            if group == "word":
                entry = lookup(match[0])
                if entry is not None and match.start() >= done:
                    token = self._word(folded, match, entry)
                    if token is not None:
                        found.append(token)
                        done = token.end
            elif match.start() < done:
                continue
            elif group == "figure":
                found.append(Token(match.start(), match.end(), FIGURE, match[0]))
            else:
                found.append(self._other(group or "", match))
        romans = [
            Token(match.start(), match.end(), ROMAN, match[0].translate(_CYRILLIC_ROMAN).lower())
            for match in _ROMAN.finditer(text)
        ]
        return sorted([*found, *romans], key=lambda token: token[:2]) if romans else found

    def _word(self, folded: str, match: re.Match[str], entry: Entry) -> Token | None:
        """The token that begins with a word: of several words, `quatre-vingt-dix`, of one, or none."""
        start, end = match.span()
        for rest, meaning in entry.phrases:
            last = end
            for wanted in rest[1:]:
                following = _NEXT_WORD.match(folded, last)
                if following is None or key(following[1]) != wanted:
                    break
                last = following.end()
            else:
                return Token(start, last, WORDS, folded[start:last], (meaning,))
        return Token(start, end, WORDS, match[0], entry.meanings) if entry.meanings else None

    def _other(self, group: str, match: re.Match[str]) -> Token:
        start, end = match.span()
        if group == "numeral":
            return Token(start, end, NUMERAL, match.group())
        if group == "fraction":
            return Token(start, end, FRACTION, match.group())
        if group == "sign":
            sign = match.group()
            return Token(start, end, SIGN, sign, self._lexicon.symbol(sign))
        return Token(start, end, CLOCK_TIME if group == "time" else DATE, match.group())
