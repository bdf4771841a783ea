"""Hugging Face's dialect: lists, words for tokens, and languages in three spellings."""

from __future__ import annotations

import pytest

from service.errors import Overloaded
from service.pipeline.requests import Length, SummarizeRequest, TranslateRequest
from tests.api.conftest import Bench

TEXT = "The bridge opens today. Many came."


def test_a_summary_is_a_list_of_one(foreign: Bench) -> None:
    """Clients refuse a bare object; what else is known comes along."""
    (made,) = foreign.post("/hf/summarization", {"inputs": TEXT}).json
    assert made["summary_text"] == "The bridge opens today."
    assert (made["language"], made["engine"], made["truncated"]) == ("en", "extractive", False)
    assert made["warnings"] == ["shortened"]
    many = foreign.post("/hf/summarization", {"inputs": [TEXT, "Two. Three."], "parameters": {}}).json
    assert [one["summary_text"] for one in many] == ["The bridge opens today.", "Two."]


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_length": 20},
        {"max_new_tokens": 20},
        {"generate_parameters": {"max_length": 20}},
        {"generation_parameters": {"max_length": 20}},
        {"generate_kwargs": {"max_length": 20}},
    ],
)
def test_every_spelling_of_a_bound(foreign: Bench, parameters: dict[str, object]) -> None:
    """A bound in tokens becomes one in words."""
    foreign.post("/hf/summarization", {"inputs": TEXT, "parameters": parameters})
    assert foreign.pipeline.request == SummarizeRequest(text=TEXT, length=Length("words", 14))


def test_parameters_without_effect_are_told(foreign: Bench) -> None:
    """In the reply and in the header that new clients log; what clients always send is not worth a word."""
    parameters = {
        "do_sample": False,
        "num_beams": 4,
        "clean_up_tokenization_spaces": True,
        "truncation": "longest_first",
    }
    reply = foreign.post("/hf/summarization", {"inputs": TEXT, "parameters": parameters})
    assert reply.headers["X-HF-Warning"] == "parameters; without effect here: do_sample, num_beams"
    assert reply.json[0]["warnings"][1:] == ["do_sample has no effect", "num_beams has no effect"]
    assert "X-HF-Warning" not in foreign.post("/hf/summarization", {"inputs": TEXT}).headers


@pytest.mark.parametrize(
    ("source", "target"), [("en_XX", "es_XX"), ("eng_Latn", "spa_Latn"), ("en", "es"), (None, "es_XX")]
)
def test_languages_as_models_write_them(foreign: Bench, source: str | None, target: str) -> None:
    """mBART's, NLLB's and plain codes."""
    reply = foreign.post("/hf/translation", {"inputs": "Hi", "parameters": {"src_lang": source, "tgt_lang": target}})
    (made,) = reply.json
    assert (made["translation_text"], made["target"]) == ("<Hi>", "es")
    assert foreign.pipeline.request == TranslateRequest(("Hi",), ("es",), "en" if source else "auto", guess=True)


def test_languages_in_the_path(foreign: Bench) -> None:
    """For clients that send none."""
    reply = foreign.post("/hf/translation/en/es", {"inputs": ["a", "b"]})
    assert [one["translation_text"] for one in reply.json] == ["<a>", "<b>"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/hf/summarization", {}, 400),
        ("/hf/summarization", {"inputs": 7}, 400),
        ("/hf/summarization", {"inputs": []}, 400),
        ("/hf/summarization", {"inputs": "x", "parameters": []}, 400),
        ("/hf/summarization", {"inputs": "x", "parameters": {"max_length": "many"}}, 422),
        ("/hf/summarization", {"inputs": "x" * 1001}, 422),
        ("/hf/translation", {"inputs": "x"}, 400),
        ("/hf/translation", {"inputs": "x", "parameters": {"tgt_lang": "zz_ZZ"}}, 422),
        ("/hf/translation", {"inputs": "x", "parameters": {"tgt_lang": "de_DE"}}, 422),
    ],
)
def test_errors_are_objects_with_a_string(foreign: Bench, path: str, body: object, status: int) -> None:
    """Old clients put `error` behind a string, so it is never a list or an object."""
    reply = foreign.post(path, body)
    assert reply.status_code == status
    assert isinstance(reply.json["error"], str)


def test_busy_is_429(foreign: Bench) -> None:
    """Old clients retry 503 once a second for ever."""
    foreign.pipeline.error = Overloaded("the queue is full", retry_after_s=1)
    reply = foreign.post("/hf/summarization", {"inputs": TEXT})
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "1")


def test_health_and_info(foreign: Bench) -> None:
    """What `health_check` and `get_endpoint_info` ask for."""
    for path in ("/hf/summarization", "/hf/translation"):
        assert foreign.client.get(f"{path}/health").text == "Ok"
        assert foreign.client.get(f"{path}/info").json["models"] == ["extractive", "apertium"]
