"""Whether an output looks wrong: it loops, it is far too short or long, or the text came back untranslated.

Pure functions over token ids and text; each answers with a verdict that says why. They compare with the source, because
a source may itself repeat, be a list of names or be written in two scripts. Time is linear in the length of the text.
The limits are those at which few reference translations by people are doubted (`bench/quality/guards.py` counts them).
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service import languages
from service.engines.seq2seq.letters import letters, scripts_of, weight, words


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a guard found.

    Attributes:
        ok: whether the output passes.
        reason: empty, or `loop`, `too_short`, `too_long`, `untranslated`, `wrong_script`.
        detail: the figures behind it, for logs and reports; never text of the caller.
    """

    ok: bool
    reason: str = ""
    detail: str = ""


_PASSES = Verdict(True)

# How often a stretch of so many units in a row makes a loop, by kind of unit: (period from, times). Short stretches
# repeat in honest text too (ellipses, digits, "no, no, no"), long ones do not. A character is a word's worth where
# no blanks separate words.
_TOKEN_LIMITS = ((1, 8), (2, 6), (3, 4), (8, 3))
_WORD_LIMITS = ((1, 4), (2, 4), (3, 3), (7, 2))
_LETTER_LIMITS = ((1, 9), (2, 7), (3, 5), (6, 4), (10, 3))
_CHARACTER_LIMITS = ((1, 7), (2, 5), (3, 4), (7, 3))
_LONGEST_PERIOD = 48
# A loop that the source has as well is no loop, unless the output goes on for so much longer.
_BEYOND_SOURCE = 1.6
# Share of n-grams that occurred before: of four words, or of ten letters where no blanks separate words.
_REPEATED_SHARE = 0.35
_REPEATED_BEYOND_SOURCE = 0.25
_FEWEST_GRAMS = 16

# Log of the ratio of lengths at which an output is doubted: far apart for short texts, closer for long ones.
_RATIO_BASE = 0.45
_RATIO_SHORT = 2.8

# An output is a copy when so much of the source's ordinary words is found in it; neighbours need all of it.
_COPIED_SHARE = 0.8
_FEWEST_WORDS = 4
_FEWEST_WORDS_NEIGHBOURS = 12
_FEWEST_LETTERS = 12
_OWN_SCRIPT_SHARE = 0.25
# Written languages so close that a right translation can leave a whole sentence as it was.
_NEIGHBOURS = (
    {"bs", "hr", "sr", "sr-Latn"},
    {"nb", "nn", "da"},
    {"id", "ms"},
    {"zh-Hans", "zh-Hant"},
    {"gl", "pt"},
    {"ast", "es", "gl"},
    {"ca", "oc"},
    {"cs", "sk"},
)


def check(source: str, output: str, source_language: str, target_language: str) -> tuple[Verdict, ...]:
    """The verdicts that doubt a translation; empty when all guards pass.

    Args:
        source: the segment.
        output: what came out for it.
        source_language, target_language: BCP-47 tags.
    """
    found = (
        loop_in_text(output, source),
        length_ratio(source, output),
        untranslated(source, output, source_language, target_language),
    )
    return tuple(verdict for verdict in found if not verdict.ok)


def loop_in_tokens(tokens: Sequence[int], source: Sequence[int] = ()) -> Verdict:
    """Whether token ids run in a circle, in the middle or at the end.

    Args:
        tokens: of the output.
        source: of the source in the same vocabulary, if there is one to compare with.
    """
    return _loop(np.asarray(tokens, dtype=np.int64), np.asarray(source, dtype=np.int64), _TOKEN_LIMITS, "tokens")


def loop_in_text(output: str, source: str = "") -> Verdict:
    """Whether a text runs in a circle, by words or by letters, or says the same over and over.

    Args:
        output: the text.
        source: what it was made from; what repeats there may repeat here.
    """
    written = [_letters(text) for text in (output, source)]
    if _unspaced(output):
        verdict = _loop(written[0], written[1], _CHARACTER_LIMITS, "characters")
        return verdict if not verdict.ok else _repetitive(written, 10, "characters")
    known: dict[str, int] = {}
    spoken = [_codes(words(text), known) for text in (output, source)]
    verdict = _loop(spoken[0], spoken[1], _WORD_LIMITS, "words")
    if verdict.ok:
        verdict = _loop(written[0], written[1], _LETTER_LIMITS, "letters")
    return verdict if not verdict.ok else _repetitive(spoken, 4, "words")


def length_ratio(source: str, output: str) -> Verdict:
    """Whether an output is too short or too long to say what the source says.

    Characters count by what they carry in their script (a Han character as much as three Latin letters), so that no
    table of languages is needed.
    """
    long, made = weight(source), weight(output)
    if long == 0:
        return _PASSES if made <= math.exp(_RATIO_BASE + _RATIO_SHORT) else Verdict(False, "too_long", "empty source")
    if made == 0:
        return Verdict(False, "too_short", "empty output")
    ratio = made / long
    # The wider of the two lengths sets the limit: a long output of a short source is as telling as the reverse.
    limit = _RATIO_BASE + _RATIO_SHORT / math.sqrt(max(long, made))
    if abs(math.log(ratio)) <= limit:
        return _PASSES
    detail = f"{ratio:.2f} of the source, expected {math.exp(-limit):.2f} to {math.exp(limit):.2f}"
    return Verdict(False, "too_short" if ratio < 1 else "too_long", detail)


def untranslated(source: str, output: str, source_language: str, target_language: str) -> Verdict:
    """Whether an output is the source again, or stayed in the source's script, though the languages differ.

    Segments of names and numbers only, and very short ones, are rightly left as they are.

    Args:
        source: the segment.
        output: what came out for it.
        source_language, target_language: BCP-47 tags; where one is not known, only copies are noticed.
    """
    ends = [languages.canonical(tag) or tag for tag in (source_language, target_language)]
    if ends[0] == ends[1]:
        return _PASSES
    source, output = _spoken(source), _spoken(output)
    verdict = _wrong_script(source, output, ends[0], ends[1])
    if not verdict.ok:
        return verdict
    near = any({*ends} <= group for group in _NEIGHBOURS)
    if not _unspaced(source):
        ordinary = _ordinary(source)
        if len(ordinary) < (_FEWEST_WORDS_NEIGHBOURS if near else _FEWEST_WORDS):
            return _PASSES
        share = _shared(ordinary, [word.casefold() for word in words(output)])
    else:
        pairs = _pairs(source)
        if len(pairs) < (_FEWEST_WORDS_NEIGHBOURS * 3 if near else _FEWEST_LETTERS):
            return _PASSES
        share = _shared(pairs, _pairs(output))
    if share >= (1.0 if near else _COPIED_SHARE):
        return Verdict(False, "untranslated", f"{share:.2f} of the source's ordinary words are in the output")
    return _PASSES


def _loop(units: NDArray[np.int64], source: NDArray[np.int64], limits: Sequence[tuple[int, int]], kind: str) -> Verdict:
    # A run at any period repeats a stretch of its length, and few texts repeat one as long as the shortest that counts.
    if len(units) < 2 or not _repeats(units, min(period * (times - 1) for period, times in limits)):
        return _PASSES
    for period in range(1, min(_LONGEST_PERIOD, len(units) // 2) + 1):
        times = next(times for start, times in reversed(limits) if period >= start)
        run = _longest_run(units, period)
        if run + period < period * times:
            continue
        if run + period > _BEYOND_SOURCE * (_longest_run(source, period) + period):
            return Verdict(False, "loop", f"{period} {kind} {(run + period) // period} times")
    return _PASSES


def _longest_run(units: NDArray[np.int64], period: int) -> int:
    """How many units in a row equal the one a period before."""
    if len(units) <= period:
        return 0
    breaks = np.flatnonzero(units[period:] != units[:-period])
    edges = np.concatenate(([-1], breaks, [len(units) - period]))
    return int(np.diff(edges).max()) - 1


def _repetitive(both: Sequence[NDArray[np.int64]], size: int, kind: str) -> Verdict:
    made, given = (_repeated_share(units, size) for units in both)
    if made > max(_REPEATED_SHARE, given + _REPEATED_BEYOND_SOURCE):
        return Verdict(False, "loop", f"{made:.2f} of all {size} {kind} occurred before, in the source {given:.2f}")
    return _PASSES


def _repeated_share(units: NDArray[np.int64], size: int) -> float:
    total = len(units) - size + 1
    return 1.0 - len(np.unique(_grams(units, size))) / total if total >= _FEWEST_GRAMS else 0.0


def _repeats(units: NDArray[np.int64], size: int) -> bool:
    """Whether any stretch of so many units occurs twice, overlapping or not."""
    grams = _grams(units, size)
    return len(np.unique(grams)) < len(grams)


def _grams(units: NDArray[np.int64], size: int) -> NDArray[np.uint64]:
    """Hashes of all stretches of so many units."""
    total = max(0, len(units) - size + 1)
    hashes = np.zeros(total, dtype=np.uint64)
    for offset in range(size):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + units[offset : offset + total].astype(np.uint64)
    return hashes


def _codes(units: Sequence[str], known: dict[str, int]) -> NDArray[np.int64]:
    return np.fromiter((known.setdefault(u.casefold(), len(known)) for u in units), dtype=np.int64, count=len(units))


def _letters(text: str) -> NDArray[np.int64]:
    """Code points of the letters and digits; leaders and rules of a table are no loop."""
    kept = "".join(character for character in text if character.isalnum())
    return np.frombuffer(kept.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)


def _wrong_script(source: str, output: str, source_language: str, target_language: str) -> Verdict:
    given, wanted = (_scripts(tag) for tag in (source_language, target_language))
    if not given or not wanted or given & wanted:
        return _PASSES
    # A source that is not in its own language's script (names, a quotation) does not say what to expect.
    if not _ordinary(source) and not _unspaced(source):
        return _PASSES
    counts = letters(output)
    foreign, own = (sum(counts[script] for script in chosen) for chosen in (given, wanted))
    if _letters_of(source, given) < _FEWEST_LETTERS or foreign < _FEWEST_LETTERS:
        return _PASSES
    share = own / (own + foreign)
    if share >= _OWN_SCRIPT_SHARE:
        return _PASSES
    return Verdict(False, "wrong_script", f"{share:.2f} of the letters are in the script of the target")


def _letters_of(text: str, scripts: frozenset[str]) -> int:
    """How many letters of a text belong to any of some scripts."""
    counts = letters(text)
    return sum(counts[script] for script in scripts)


@lru_cache(maxsize=512)
def _scripts(tag: str) -> frozenset[str]:
    language = languages.get(tag)
    return scripts_of(language.script) if language else frozenset()


def _spoken(text: str) -> str:
    """The text without addresses, handles and hashtags, which are the same in all languages."""
    return " ".join(
        part for part in text.split() if "://" not in part and "@" not in part and not part.startswith(("www.", "#"))
    )


def _ordinary(text: str) -> list[str]:
    """The words, in small letters, that are no names or numbers as far as their writing tells.

    Those are the words that do not begin with a capital; in a text of capitals alone, and in scripts without any, all
    words of letters are meant.
    """
    found = [word for word in words(text) if word[0].isalpha()]
    shouted = text.isupper() and len(found) >= _FEWEST_WORDS
    return [word.casefold() for word in found if shouted or not word[0].isupper()]


def _unspaced(text: str) -> bool:
    counts = letters(text)
    return 2 * sum(counts[script] for script in scripts_of("Jpan") | scripts_of("Thai")) > sum(counts.values())


def _pairs(text: str) -> list[str]:
    kept = [character for character in text if character.isalpha()]
    return [first + second for first, second in itertools.pairwise(kept)]


def _shared(source: Sequence[str], output: Sequence[str]) -> float:
    """Share of the source's units that are in the output, each as often as it is there."""
    common = Counter(source) & Counter(output)
    return common.total() / len(source) if source else 0.0
