"""What a model's reply must not be. A reply that fails is refused, never repaired into something plausible."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

import sentencex

from service import languages
from service.engines.remote.prompts import CHARACTERS_PER_SENTENCE, Prompt, density, rearm, translated_characters
from service.engines.remote.reply import Reply

# Unicode names of letters begin with the name of their script; ISO 15924 codes that are not simply its start.
_SCRIPTS: dict[str, tuple[str, ...]] = {
    "Latn": ("LATIN",), "Cyrl": ("CYRILLIC",), "Grek": ("GREEK",), "Arab": ("ARABIC",), "Hebr": ("HEBREW",),
    "Deva": ("DEVANAGARI",), "Beng": ("BENGALI",), "Guru": ("GURMUKHI",), "Gujr": ("GUJARATI",), "Orya": ("ORIYA",),
    "Taml": ("TAMIL",), "Telu": ("TELUGU",), "Knda": ("KANNADA",), "Mlym": ("MALAYALAM",), "Sinh": ("SINHALA",),
    "Thai": ("THAI",), "Laoo": ("LAO",), "Mymr": ("MYANMAR",), "Khmr": ("KHMER",), "Geor": ("GEORGIAN",),
    "Armn": ("ARMENIAN",), "Ethi": ("ETHIOPIC",), "Kore": ("HANGUL", "CJK"), "Hans": ("CJK", "BOPOMOFO"),
    "Hant": ("CJK", "BOPOMOFO"), "Jpan": ("CJK", "HIRAGANA", "KATAKANA"),
}  # fmt: skip
_KNOWN_SCRIPTS = frozenset(name for names in _SCRIPTS.values() for name in names)
_LEAST_LETTERS = 4
_KANA_EXPECTED = 20

# English words that are none elsewhere in the Latin script: models that ignore an order fall into English.
_ENGLISH = frozenset(
    ("the", "and", "of", "with", "that", "from", "has", "are", "by", "this", "which", "have", "been", "were")
)
# Words that other languages have too; three of them make a sentence English enough where English is asked for.
_OFTEN_ENGLISH = frozenset(
    ("a", "to", "in", "is", "it", "for", "on", "was", "be", "at", "as", "he", "she", "we", "not")
)
_OFTEN = 3
_ENGLISH_SHARE = 0.1
_ENGLISH_EXPECTED = 15

_WORD = re.compile(r"\w+")
_LEAK_WORDS = 8
_LOOP = re.compile(r"(?s)(.{2,80}?)\1{4,}")
_LOOP_CHARACTERS = 24
_LOOP_WORDS = 30
_LOOP_DISTINCT = 0.4

_THOUGHT = re.compile(r"(?s)^\s*<think(?:ing)?>.*?</think(?:ing)?>|^.*</think(?:ing)?>")
_FENCE_LINE = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)
_BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\(?\d{1,2}[.)]\s+|\[\d{1,2}\]\s+)")
_BLANKS = re.compile(r"[\s\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")

_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"“”«»]*[^\s<>\"“”«».,;:!?'’)\]}…]|[\w.+%-]{1,64}@[\w.-]{1,200}\w")
_PLACEHOLDER = re.compile(
    r"\$?\{{1,2}[^{}\n]{0,80}\}{1,2}|%\([^()\n]{1,40}\)[sdif]|%[sdif](?!\w)|</?[A-Za-z][^<>\n]{0,200}>"
)
_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f\u2009 '’٫٬]\d+)*")


class Refused(Exception):
    """The reply is no answer to the prompt.

    Args:
        remark: what was wrong, in words of ours for the model; holds nothing of the reply.
        check: its name for reports, as in `records.Check`.
    """

    def __init__(self, remark: str, check: str) -> None:
        super().__init__(remark)
        self.check = check


# What the guards that all engines share call it, in words for the model.
REMARKS = {
    "loop": "it repeated itself",
    "too_short": "it left out most of the text",
    "too_long": "it was too long",
    "untranslated": "it repeated the text instead of translating it",
    "wrong_script": "it was in another script",
}


def answer(reply: Reply, prompt: Prompt, *, cut: bool = False) -> str:
    """Return the reply without a model's wrapping (thoughts, code fences).

    Args:
        cut: a reply that ends at the token bound is given too, for a caller that can use its beginning.
    Raises:
        Refused: it is empty, over the bound, or tells of the rules.
    """
    if reply.finish == "over_long":
        raise Refused("it was far too long", "too_long")
    if reply.finish not in ("stop", "eos", "") and not (cut and reply.finish == "length"):
        raise Refused("it was not finished", "no_end")
    text = _THOUGHT.sub("", reply.text, count=1)
    if text.lstrip().startswith(("<think>", "<thinking>")):
        raise Refused("it was not finished", "no_end")
    text = rearm(_FENCE_LINE.sub("", text)).strip()
    if not any(character.isalnum() for character in text):
        raise Refused("it was empty", "too_short")
    if prompt.mark in text.casefold() or leaks(text, prompt.system):
        raise Refused("it repeated the instructions", "instructions")
    return text


def leaks(text: str, system: str) -> bool:
    """Whether the text holds eight words in a row of the rules."""
    return not _runs(system).isdisjoint(_runs(text))


def _runs(text: str) -> set[tuple[str, ...]]:
    found = _WORD.findall(text.casefold())
    return {tuple(found[at : at + _LEAK_WORDS]) for at in range(len(found) - _LEAK_WORDS + 1)}


def summary_sentences(
    reply: Reply, prompt: Prompt, tag: str, sentences: int, source_words: frozenset[str]
) -> list[str]:
    """Return the sentences of a summary, best first.

    Args:
        tag: language it must be in.
        sentences: how many were asked for; a few more are left off, as they come last.
        source_words: case-folded words of the text, which may stand in any script.
    Raises:
        Refused: it is no summary.
    """
    lines = [_BLANKS.sub(" ", _BULLET.sub("", line)).strip() for line in answer(reply, prompt, cut=True).splitlines()]
    lines = [line for line in lines if line]
    if len(lines) > 1 and lines[0].endswith((":", "：")):
        lines = lines[1:]  # an announcement
    found = [sentence for line in lines for sentence in _split(line, tag)]
    if reply.finish == "length":
        found = found[:-1]
        if not found:
            raise Refused("it was not finished", "no_end")
    if len(found) > 2 * sentences + 2 or any(len(sentence) > CHARACTERS_PER_SENTENCE for sentence in found):
        raise Refused("it was too long", "too_long")
    whole = "\n".join(found)
    if loops(whole):
        raise Refused("it repeated itself", "loop")
    check_language(whole, tag, source_words)
    return list(dict.fromkeys(found))[:sentences]


def _split(line: str, tag: str) -> list[str]:
    try:
        pieces = sentencex.segment(tag.partition("-")[0], line)
    except BaseException as error:
        # A panic in its native code derives from BaseException and has no importable type.
        if type(error).__name__ != "PanicException":
            raise
        pieces = [line]
    return [piece.strip() for piece in pieces if any(character.isalnum() for character in piece)]


def loops(text: str, source: str = "") -> bool:
    """Whether the text repeats itself as a model does that has lost its way, and its source does not."""
    return _circles(text) and not (source and _circles(source))


def _circles(text: str) -> bool:
    for match in _LOOP.finditer(text):
        if len(match[0]) >= _LOOP_CHARACTERS and any(character.isalpha() for character in match[1]):
            return True
    found = _WORD.findall(text.casefold())
    triples = list(zip(found, found[1:], found[2:], strict=False))
    return len(triples) >= _LOOP_WORDS and len(set(triples)) < _LOOP_DISTINCT * len(triples)


def check_language(text: str, tag: str, source_words: frozenset[str]) -> None:
    """Look at scripts and at the commonest English words; cheap, so close relatives pass for each other.

    Raises:
        Refused: the text is in another script, or in English where it must not be, or the reverse.
    """
    language = languages.get(tag)
    if language is None:
        return
    found = [word for word in _WORD.findall(text.casefold()) if word not in source_words]
    scripts = Counter(_script(character) for word in found for character in word)
    del scripts[""]
    own = sum(scripts[name] for name in _SCRIPTS.get(language.script, ()))
    if scripts.total() >= _LEAST_LETTERS and density(tag) * own < scripts.total() - own:
        raise Refused("it was in another script", "wrong_script")
    if language.code == "ja" and own >= _KANA_EXPECTED and not scripts["HIRAGANA"] + scripts["KATAKANA"]:
        raise Refused("it was in another language", "wrong_language")
    every = _WORD.findall(text.casefold())
    english = sum(word in _ENGLISH for word in every)
    often = len(_OFTEN_ENGLISH.intersection(every))
    if language.code == "en" and len(every) >= _ENGLISH_EXPECTED and not english and often < _OFTEN:
        raise Refused("it was in another language", "wrong_language")
    if (
        language.script == "Latn"
        and language.code != "en"
        and "the" in every
        and english >= max(2, _ENGLISH_SHARE * len(every))
    ):
        raise Refused("it was in another language", "wrong_language")


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """The script of a letter, empty for what belongs to none."""
    name = unicodedata.name(character, "").partition(" ")[0] if character.isalpha() else ""
    return name if name in _KNOWN_SCRIPTS else ""


def check_translation(text: str, source: str, source_tag: str, target_tag: str, *, near: bool) -> None:
    """Look at one translated segment.

    Args:
        near: the languages are so close that equal sentences are ordinary.
    Raises:
        Refused: it is no translation of `source`.
    """
    if not any(character.isalnum() for character in text):
        raise Refused("it was empty", "too_short")
    if text.count("\n") > source.count("\n"):
        raise Refused("it had more lines than the text", "layout")
    if len(text) > translated_characters(source, source_tag, target_tag):
        raise Refused("it was too long", "too_long")
    if 6 * len(text) * density(target_tag) < len(source) * density(source_tag) - 40:
        raise Refused("it left out most of the text", "too_short")
    if loops(text, source):
        raise Refused("it repeated itself", "loop")
    words = _WORD.findall(source.casefold())
    same_script = _home(source_tag) == _home(target_tag)
    letters = sum(character.isalpha() for character in source)
    if not near and _WORD.findall(text.casefold()) == words and letters >= 12 and _is_prose(source, same_script):
        raise Refused("it repeated the text instead of translating it", "untranslated")
    names = _WORD.findall(source) if same_script else (word for word in _WORD.findall(source) if not word.islower())
    check_language(text, target_tag, frozenset(word.casefold() for word in names))
    for pattern in (_ADDRESS, _PLACEHOLDER):
        if Counter(pattern.findall(source)) - Counter(pattern.findall(text)):
            raise Refused("it changed a web address, an e-mail address, a tag or a placeholder", "placeholder")


def _home(tag: str) -> str:
    language = languages.get(tag)
    return language.script if language else ""


def _is_prose(text: str, same_script: bool) -> bool:
    """Whether a text is more than names: it holds small words, which a translation changes."""
    plain = _PLACEHOLDER.sub(" ", _ADDRESS.sub(" ", text))
    words = _WORD.findall(plain)
    small = [word for word in words if word[0].isalpha() and not word[0].isupper()]
    return len(small) >= 3 if same_script and len(words) > 1 else bool(small)


def lost_numbers(text: str, source: str) -> int:
    """How many of the source's numbers the text does not hold; separators and the script of the digits do not count."""
    return (Counter(_numbers(source)) - Counter(_numbers(text))).total()


def _numbers(text: str) -> list[str]:
    return [
        "".join(str(unicodedata.digit(character)) for character in match[0] if character.isdigit())
        for match in _NUMBER.finditer(text)
    ]
