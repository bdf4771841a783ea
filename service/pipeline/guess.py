"""The language of a text that is too short to tell, for callers who would rather have some answer than none."""

from __future__ import annotations

from collections.abc import Callable

from service.records import Candidate, Detection

# How many candidates are looked at, and what is left where none can be used.
CANDIDATES = 5
_LEAST_ASCII = 0.3
_FALLBACK = "en"


def likeliest(found: Detection, text: str, usable: Callable[[str], bool]) -> Detection:
    """The likeliest candidate of a detection that told nothing.

    Args:
        found: with its candidates.
        text: whose language it is.
        usable: whether something can be done with a language.
    """
    # A word in plain letters is English more often than what a weak guess says.
    least = _LEAST_ASCII if text.isascii() else 0.0
    fitting = (one for one in found.alternatives if one.confidence >= least and usable(one.language))
    guess = next(fitting, Candidate(_FALLBACK, 0.0))
    return Detection(guess.language, guess.confidence)
