"""The list of neural models: every row can be used, and `auto` takes permissive models first."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from service import languages
from service.engines import catalogue
from service.models import gate, rows
from service.models.failures import UnknownModel
from service.models.rows import NeuralRow, all_rows, get, parse
from service.records import Task

ROWS = all_rows()
BY_TASK = {task: [row for row in ROWS if row.task is task] for task in Task}
TAGS = {language.code for language in languages.all_languages()}
FAMILIES = {"m2m100", "small100", "nllb", "mbart50", "marian", "bart", "pegasus", "t5", "mt5", "madlad"}
SPDX = re.compile(r"MIT|Apache-2\.0|CC-BY(-NC)?(-SA)?-4\.0")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_can_be_used(row: NeuralRow) -> None:
    """Names, numbers and languages of a row are of the kinds the service works with."""
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", row.id)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", row.repository)
    assert row.family in FAMILIES
    assert SPDX.fullmatch(row.licence)
    assert row.commercial_use is not gate.non_commercial(row.licence)
    assert 50_000_000 < row.parameters < 4_000_000_000
    assert row.parameters % 1_000_000 == 0
    assert row.max_tokens in (512, 1024)
    assert "config.json" in row.files
    assert not [name for name in row.files if "/" in name or name.endswith(".py")]
    assert row.weight_bytes("fp32") == 2 * row.weight_bytes("bf16") == 4 * row.weight_bytes("int8")
    assert {*row.languages, *row.sources, *row.targets} <= TAGS
    if row.task is Task.SUMMARIZE:
        assert row.languages
        assert set(row.sources) == set(row.targets) <= set(row.languages)
    else:
        assert row.sources
        assert row.targets
        assert "" not in row.targets.values() or set(row.targets.values()) == {""} == set(row.sources.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_nothing_unseen_is_written_down(row: NeuralRow) -> None:
    """A revision is a whole commit that somebody saw, or empty until the first pull pins it."""
    assert re.fullmatch(r"(?:[0-9a-f]{40})?", row.revision)


@pytest.mark.parametrize("task", Task)
def test_auto_takes_permissive_models_first(task: Task) -> None:
    """Ranks are unique, non-commercial models come after all others, and models without weights last."""
    ranks = [row.rank for row in BY_TASK[task]]
    assert ranks == sorted(set(ranks))
    assert max(row.rank for row in BY_TASK[task] if row.commercial_use) < min(
        row.rank for row in BY_TASK[task] if not row.commercial_use
    )
    others = [row.rank for row in catalogue.all_rows() if row.task is task and row.engine != rows.ENGINE]
    assert max(ranks) < min(others)


def test_larger_models_of_a_series_come_first() -> None:
    """Within one series the rank follows the size, so that whoever loads two gets the better one."""
    for series in (["m2m100-1.2b", "m2m100-418m", "small100"], ["flan-t5-xl", "flan-t5-large", "flan-t5-base"]):
        assert [get(name).rank for name in series] == sorted(get(name).rank for name in series)
    pair, many = get("opus-mt-en-es"), get("m2m100-418m")
    assert get("opus-mt-tc-big-en-es").rank < pair.rank < many.rank


def test_the_engine_list_knows_every_row() -> None:
    """Both readers of the file see the same models, and no repository is listed twice."""
    seen = {(row.id, row.task, row.rank, row.licence) for row in catalogue.rows_for(rows.ENGINE)}
    assert seen == {(row.id, row.task, row.rank, row.licence) for row in ROWS}
    assert Counter(row.repository for row in ROWS).most_common(1)[0][1] == 1


@pytest.mark.parametrize(
    ("model", "source", "target", "written", "prefix"),
    [
        ("m2m100-418m", "nb", "zh-Hans", ("no", "zh"), ""),
        ("m2m100-418m", "zh-Hant", "he", ("zh", "he"), ""),
        ("nllb-200-distilled-600m", "en", "zh-Hant", ("eng_Latn", "zho_Hant"), ""),
        ("nllb-200-distilled-600m", "ko", "sq", ("kor_Hang", "als_Latn"), ""),
        ("mbart50-many-to-many", "en", "pt", ("en_XX", "pt_XX"), ""),
        ("madlad400-3b", "en", "he", ("en", "he"), "<2he> "),
        ("opus-mt-en-es", "en", "es", ("", ""), ""),
        ("opus-mt-en-zh", "en", "zh-Hant", ("", "cmn_Hant"), ">>cmn_Hant<< "),
        ("opus-mt-en-romance", "en", "fr", ("", "fr"), ">>fr<< "),
        ("opus-mt-tc-big-en-zle", "en", "uk", ("", "ukr"), ">>ukr<< "),
    ],
)
def test_languages_are_written_as_the_model_has_learnt_them(
    model: str, source: str, target: str, written: tuple[str, str], prefix: str
) -> None:
    """Each family writes languages its own way."""
    row = get(model)
    assert (row.sources[source], row.targets[target]) == written
    assert row.prefix(target) == prefix


def test_directions_are_narrowed_down() -> None:
    """One-to-many is from English only, and a source-only form is never a target."""
    assert set(get("mbart50-one-to-many").sources) == {"en"}
    assert set(get("mbart50-many-to-one").targets) == {"en"}
    assert "zh-Hant" not in get("m2m100-418m").targets
    assert get("flan-t5-base").prefix("") == "summarize: "
    assert get("mt5-xlsum").sources == {}
    with pytest.raises(KeyError):
        get("opus-mt-en-romance").prefix("de")


def test_codes_are_those_of_the_tokenizers() -> None:
    """The tables for M2M100, NLLB and mBART-50 hold only codes that the tokenizers have."""
    from transformers.models.m2m_100 import tokenization_m2m_100 as m2m100
    from transformers.models.mbart50 import tokenization_mbart50 as mbart50
    from transformers.models.nllb import tokenization_nllb as nllb

    for model, known in (
        ("m2m100-418m", m2m100.FAIRSEQ_LANGUAGE_CODES["m2m100"]),
        ("nllb-200-3.3b", nllb.FAIRSEQ_LANGUAGE_CODES),
        ("mbart50-many-to-many", mbart50.FAIRSEQ_LANGUAGE_CODES),
    ):
        assert {*get(model).sources.values(), *get(model).targets.values()} <= set(known)


def _bart(vocabulary: int, encoder: int, decoder: int, width: int = 1024, inner: int = 4096, learned: int = 0) -> int:
    """Parameters of a model of the BART family with tied embeddings."""
    attention, norm = 4 * (width * width + width), 2 * width
    feed = 2 * width * inner + inner + width
    layers = encoder * (attention + feed + 2 * norm) + decoder * (2 * attention + feed + 3 * norm)
    return vocabulary * width + layers + 2 * learned * width


def _t5(vocabulary: int, layers: int, width: int, inner: int, heads: int, matrices: int) -> int:
    """Parameters of a gated model of the T5 family, input and output matrices counted apart or once."""
    attention, feed = 4 * width * heads, 3 * width * inner
    return matrices * vocabulary * width + layers * (3 * attention + 2 * feed)


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ("m2m100-418m", _bart(128_112, 12, 12)),
        ("m2m100-1.2b", _bart(128_112, 24, 24, inner=8192)),
        ("small100", _bart(128_112, 12, 3)),
        ("nllb-200-distilled-600m", _bart(256_206, 12, 12)),
        ("nllb-200-3.3b", _bart(256_206, 24, 24, width=2048, inner=8192)),
        ("mbart50-many-to-many", _bart(250_054, 12, 12, learned=1026)),
        ("bart-large-cnn", _bart(50_264, 12, 12, learned=1026)),
        ("distilbart-cnn-6-6", _bart(50_264, 6, 6, learned=1026)),
        ("pegasus-xsum", _bart(96_103, 16, 16)),
        ("opus-mt-en-es", _bart(65_001, 6, 6, width=512, inner=2048)),
        ("opus-mt-tc-big-en-pt", _bart(54_776, 6, 6)),
        ("mt5-xlsum", _t5(250_112, 12, 768, 2048, 768, 2)),
        ("flan-t5-xl", _t5(32_128, 24, 2048, 5120, 2048, 2)),
        ("madlad400-3b", _t5(256_000, 32, 1024, 8192, 2048, 2)),
    ],
)
def test_parameters_follow_from_the_shapes(model: str, count: int) -> None:
    """The number of a row is within a hundredth of what the model's published shape gives."""
    assert get(model).parameters == pytest.approx(count, rel=0.01)


def test_a_mistyped_model_gets_a_hint() -> None:
    """The nearest id is named, or the command that lists them."""
    with pytest.raises(UnknownModel, match="did you mean m2m100-418m"):
        get("m2m100-418")
    with pytest.raises(UnknownModel, match="precis models list"):
        get("zzzzzz")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("family", "model x: no family"),
        ("licence", "model x: no licence"),
        ("max_tokens", "model x: no max_tokens"),
    ],
)
def test_a_broken_row_names_itself(broken: str, message: str) -> None:
    """A row without a needed key, or with a table that is not there, says which."""
    keys = {
        "repository": '"o/r"',
        "revision": '""',
        "task": '"translate"',
        "family": '"f"',
        "rank": "1",
        "quality": '"standard"',
        "licence": '"MIT"',
        "commercial_use": "true",
        "parameters": "1",
        "max_tokens": "512",
        "sources": '["en"]',
        "targets": '["fr"]',
    }
    head = '[files]\ncommon = []\nf = []\n[[model]]\nid = "x"\nengine = "seq2seq"\n'
    whole = [f"{key} = {value}" for key, value in keys.items()]
    assert parse(head + "\n".join(whole))[0].sources == {"en": ""}
    with pytest.raises(ValueError, match=message):
        parse(head + "\n".join(line for line in whole if not line.startswith(f"{broken} ")))
    with pytest.raises(ValueError, match="no nowhere"):
        parse(head + "\n".join([*whole, 'codes = "nowhere"']).replace('family = "f"', 'family = "f"') + "\n[codes]\n")
