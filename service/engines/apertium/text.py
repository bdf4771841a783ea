"""What goes into an Apertium pipeline and how its output becomes text again.

Apertium reads words; everything else is a hazard: a bracket is syntax, a curly quote crashes one pair's tagger, a tilde
is dropped by most, an e-mail address is translated. So only words and plain punctuation go in. Every other stretch is
kept here, and a numbered superblank `[7]`, which all programs copy, holds its place. As no mark of Apertium's (`*`
word unknown, `@` not in the bilingual dictionary, `#` not generated) can come from the source, all can be removed.

Source: https://wiki.apertium.org/wiki/Apertium_stream_format
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_ADDRESS = (
    r"(?:https?|ftps?|file|mailto|tel|ssh|git)://?[^\s<>\"“”«»]*[^\s<>\"“”«».,;:!?'’)\]}…]"
    r"|www\.[^\s<>\"“”«»]*[^\s<>\"“”«».,;:!?'’)\]}…]"
    r"|[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
    r"|[@#][\w]+(?:[.-]\w+)*"
    r"|\b(?:[\w-]{1,63}\.){1,8}(?:com|org|net|edu|gov|int|info|io|eu|co|uk|de|fr|es|cat|it|pt|ru|ua|tv|me)\b(?:/[^\s]*\w)?"
)
# Placeholders of templates: `{name}`, `{{name}}`, `${name}`, `%(name)s`, `%s`.
_TEMPLATE = r"\$?\{{1,2}[^{}\n]{0,80}\}{1,2}|%\([^()\n]{1,40}\)[sdif]|%[sdif](?!\w)"
# A word with digits or underscores inside is a name or a code (`iPhone15`, `snake_case`), and so is a version number.
_CODE = r"\b(?=\w*_)\w+\b|\b\d+(?:\.\d+){2,}\b"
# Letters of the scripts Apertium's dictionaries are written in, with their combining marks.
_LETTERS = "A-Za-zªºÀ-ÖØ-öø-ʯ\u0300-\u036f\u0370-\u03ff\u0400-\u052f\u1e00-\u1fff"
_BY_SCRIPT = {"hi": "\u0900-\u097f", "ur": "\u0600-\u06ff"}
_PLAIN_MARKS = r"0-9.,;:!?()\-–—…'"

# Letters only inside words: an apostrophe is one where a letter stands on both sides.
_CURLY = re.compile(r"(?<=[^\W\d_])[\u2019\u02bc](?=[^\W\d_])")
_PLURAL_OWNER = re.compile(r"(?<=[sxz])['\u2019](?= [^\W\d_])")
_OPEN_QUOTE = re.compile(r"(?<!\w)['\u2018]\w")
_LOOSE_APOSTROPHE = r"(?<![^\W\d_])'|'(?![^\W\d_])"
_RUN_OF_STOPS = r"(?<=[.!?,;:])[.!?,;:]+|\.{2,}"

_ENDS = (".", "!", "?", "…", ":", ";", "।", "۔")
_OUTPUT = re.compile(r"\[(\d*)\]|\\<[^<>\\]*\\>|\\?([*@#])|\\(.)|~", re.DOTALL)
_MARKED = re.compile(r"\\?[*@]\\?[#@*]*([^\W\d_]+)")
_EMPTY = re.compile(r"\] ?\[")
_BLANKS = re.compile(r" {2,}")
_SPACED_STOP = re.compile(r" +([.,;:!?)])")


@dataclass(frozen=True, slots=True)
class Guarded:
    """A text made safe for a pipeline.

    Attributes:
        text: what to write; ends in the last superblank, because the first program waits for one.
        pieces: what superblank number i stands for; the last is empty.
        stop: whether a full stop was added for the tagger, which reads a sentence to its end.
        source: the text itself.
        curly: whether its apostrophes were typographic.
    """

    text: str
    pieces: tuple[str, ...]
    stop: bool
    source: str
    curly: bool


def _hazards(language: str) -> re.Pattern[str]:
    plain = _LETTERS + _BY_SCRIPT.get(language, "") + _PLAIN_MARKS
    one = f"{_ADDRESS}|{_TEMPLATE}|{_CODE}|{_LOOSE_APOSTROPHE}|{_RUN_OF_STOPS}|[^{plain} ]|  +"
    # A hazard a single blank away joins: fewer superblanks leave the rules a clearer view of the words.
    return re.compile(f"(?:{one})(?: ?(?:{one}))*")


_DEFAULT_HAZARDS = _hazards("")
_HAZARDS = {language: _hazards(language) for language in _BY_SCRIPT}


def has_words(text: str) -> bool:
    """Whether there is anything to translate: a letter that is not part of an address."""
    return any(character.isalpha() for character in text)


def guard(text: str, language: str) -> Guarded:
    """Make a text without outer whitespace safe for a pipeline that reads `language` (a BCP-47 tag)."""
    curly = _CURLY.search(text) is not None
    straight = _CURLY.sub("'", text)
    owners: set[int] = set()
    if not _OPEN_QUOTE.search(text):
        # `workers' rights`: with no quotation open, an apostrophe after an s is a genitive; dictionaries know it.
        owners = {match.start() for match in _PLURAL_OWNER.finditer(text)}
        straight = _PLURAL_OWNER.sub("'", straight)
        curly = curly or any(text[at] == "\u2019" for at in owners)
    pieces: list[str] = []
    parts: list[str] = []
    last = 0
    for match in _HAZARDS.get(language, _DEFAULT_HAZARDS).finditer(straight):
        if match.start() in owners and match.end() == match.start() + 1:
            continue
        parts += (straight[last : match.start()], f"[{len(pieces)}]")
        # Both replacements above are one for one, so offsets hold in the text itself.
        pieces.append(text[match.start() : match.end()])
        last = match.end()
    rest = straight[last:]
    bare = straight.rstrip("\"'”’»)]} ")
    stop = not bare.endswith(_ENDS)
    parts += (rest, "." if stop else "", f"[{len(pieces)}]")
    pieces.append("")
    return Guarded("".join(parts), tuple(pieces), stop, text, curly)


def restore(guarded: Guarded, output: str) -> tuple[str, Counter[str]] | None:
    """Turn a pipeline's output into text.

    Returns:
        The text and the words the pipeline had to copy with their counts, or None when the output does not hold every
        superblank exactly once: the caller then translates the stretches between them one by one.
    """
    seen = [int(number) for number in re.findall(r"\[(\d+)\]", output)]
    if len(seen) != len(guarded.pieces) or sorted(seen) != list(range(len(seen))):
        return None
    if _EMPTY.search(output) and not _EMPTY.search(guarded.text):
        # A rule merged the only word between two of them with its neighbour, as in `will “analyze”`.
        return None
    end = f"[{len(guarded.pieces) - 1}]"
    body = output.replace(end, "\x00")
    if guarded.stop:
        if ".\x00" not in body:
            return None
        body = body.replace(".\x00", "\x00")
    unknown = Counter(word.casefold() for word in _MARKED.findall(output))
    body = _OUTPUT.sub(_plain, body)
    body = _tidy(guarded, body.replace("\x00", "").strip(" "))
    return _recased(guarded.source, _fill(guarded, body)), unknown


def _plain(match: re.Match[str]) -> str:
    if match[1]:
        return match[0]
    return match[3] or ""


def _recased(source: str, text: str) -> str:
    """Give the first letter the case it had: rules that add an article lose a capital, others take a start for one."""
    first = next((at for at, character in enumerate(text) if character.isalnum()), None)
    model = next((character for character in source if character.isalnum()), "")
    if first is None:
        return text
    letter, after = text[first], text[first + 1 : first + 2]
    if model.isupper() and letter.islower() and len(letter.upper()) == 1:
        letter = letter.upper()
    elif model.islower() and letter.isupper() and after.islower():
        letter = letter.lower()
    return text[:first] + letter + text[first + 1 :]


def _tidy(guarded: Guarded, body: str) -> str:
    """Take back the blanks that deleted or empty words left; superblanks hold all that is wide in the source."""
    body = _BLANKS.sub(" ", body)
    if not _SPACED_STOP.search(guarded.source):
        body = _SPACED_STOP.sub(r"\1", body)
    body = body.replace("( ", "(") if "( " not in guarded.source else body
    if guarded.curly:
        body = body.replace("'", "\u2019")
    return body


def _fill(guarded: Guarded, body: str) -> str:
    """Put the kept stretches back, each as close to its neighbours as it was in the source."""
    parts = re.split(r"\[(\d+)\]", body)
    tight_left, tight_right = _tightness(guarded)
    result = [parts[0]]
    for at in range(1, len(parts), 2):
        number, after = int(parts[at]), parts[at + 1]
        before = result[-1]
        if tight_left[number]:
            result[-1] = before.rstrip(" ")
        elif before and not before.endswith((" ", "'", "\u2019", "-", "(")):
            result[-1] = before + " "
        if tight_right[number]:
            after = after.lstrip(" ")
        elif after and not after.startswith((" ", ".", ",", ")")):
            after = " " + after
        result += (guarded.pieces[number], after)
    return "".join(result)


def _tightness(guarded: Guarded) -> tuple[list[bool], list[bool]]:
    """Whether each superblank had no blank on its left and on its right; the text's ends count as tight."""
    left: list[bool] = []
    right: list[bool] = []
    for match in re.finditer(r"\[\d+\]", guarded.text):
        left.append(match.start() == 0 or guarded.text[match.start() - 1] != " ")
        right.append(match.end() == len(guarded.text) or guarded.text[match.end()] != " ")
    return left, right


def stretches(guarded: Guarded) -> list[tuple[str, bool]]:
    """The source cut at its kept stretches, in order: (text, whether it may be translated)."""
    result: list[tuple[str, bool]] = []
    last = 0
    for piece in guarded.pieces[:-1]:
        at = guarded.source.index(piece, last)
        result += ((guarded.source[last:at], True), (piece, False))
        last = at + len(piece)
    result.append((guarded.source[last:], True))
    return [(text, plain) for text, plain in result if text]
