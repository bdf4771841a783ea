"""The official clients of the dialects: what they send is understood, and what they read is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from service.config_serving import DIALECTS
from tests.clients.official import run
from tests.process.service import Service, serving

pytestmark = [pytest.mark.heavy, pytest.mark.process]

HUGGING = ("huggingface-0.24", "huggingface-0.36", "huggingface-1", "huggingface-2")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service that speaks all dialects; its engine writes the target before the text."""
    with serving(dialects=" ".join(DIALECTS)) as running:
        yield running


def url(service: Service, path: str = "") -> str:
    """Where clients find it."""
    return f"http://127.0.0.1:{service.port}{path}"


def test_libretranslatepy(service: Service) -> None:
    """Its three calls, one of which is a GET with a form in its body."""
    script = """
import json, sys, urllib.error
from libretranslatepy import LibreTranslateAPI
api = LibreTranslateAPI(sys.argv[1])
try:
    api.translate("x", "en", "zz")
except urllib.error.HTTPError as error:
    refused = [error.code, json.load(error)]
print(json.dumps([api.translate("Hi & bye\\nrow two", "en", "es"), api.detect("Guten Morgen, liebe Leute"),
                  api.languages(), refused]))
"""
    text, detected, languages, refused = run("libretranslatepy", script, url(service, "/"))
    assert text == "[es] Hi & bye\n[es] row two"
    assert detected[0]["language"] == "de"
    assert {"code": "en", "name": "English", "targets": ["ca", "de", "en", "es", "fr"]} in languages
    assert refused == [400, {"error": "zz is not supported"}]


def test_deepl(service: Service) -> None:
    """Texts, lists, usage and both lists of languages; a refusal is its own exception with our words."""
    script = """
import deepl, json, sys
client = deepl.DeepLClient("key", server_url=sys.argv[1])
one = client.translate_text("Hello world", target_lang="ES")
many = client.translate_text(["Guten Morgen, liebe Leute", "Bonjour tout le monde, ça va bien"], target_lang="EN-US",
                             context="news", formality="prefer_more", split_sentences="nonewlines")
try:
    client.translate_text("x", target_lang="ES", formality="more")
except deepl.DeepLException as error:
    refused = str(error)
print(json.dumps([[one.text, one.detected_source_lang, one.billed_characters],
                  [[r.text, r.detected_source_lang] for r in many],
                  [l.code for l in client.get_source_languages()], [l.code for l in client.get_target_languages()],
                  client.get_usage().any_limit_reached, refused]))
"""
    one, many, sources, targets, reached, refused = run("deepl", script, url(service))
    assert one == ["[es] Hello world", "EN", 11]
    assert [source for _, source in many] == ["DE", "FR"]
    assert many[0][0] == "[en] Guten Morgen, liebe Leute"
    assert sources == ["CA", "DE", "EN", "ES", "FR"]
    assert targets == ["CA", "DE", "EN-GB", "EN-US", "ES", "FR"]
    assert reached is False
    assert "formality" in refused


def test_deepl_against_an_engine_of_fourteen_seconds() -> None:
    """The library hangs up after ten seconds and asks again: it gets the answer, and it was computed once."""
    script = """
import deepl, json, sys, time
client = deepl.DeepLClient("key", server_url=sys.argv[1])
started = time.monotonic()
made = client.translate_text("Slow words here", source_lang="EN", target_lang="ES")
print(json.dumps([made.text, time.monotonic() - started]))
"""
    with serving(dialects="deepl", fake_script="rows=8 steps=1400 step_ms=10") as slow:
        made, took_s = run("deepl", script, url(slow))
        assert made == "[es] Slow words here"
        assert 13 < took_s < 25
        assert rows_admitted(slow) == 1


def rows_admitted(service: Service) -> int:
    """Rows that engines have taken in so far."""
    text = service.probe("/metrics").body.decode()
    return int(sum(float(value) for value in re.findall(r"^precis_rows_admitted_total\S* (\S+)$", text, re.M)))


@pytest.mark.parametrize("client", HUGGING)
def test_huggingface_hub(service: Service, client: str) -> None:
    """Summaries and translations of every generation of the client, with what else is known of them."""
    script = """
import json, sys
from huggingface_hub import InferenceClient
summaries, translations = (InferenceClient(model=sys.argv[1] + "/hf/" + it) for it in ("summarization", "translation"))
made = summaries.summarization("The bridge opens today. Many came. Nobody was hurt.")
said = translations.translation("Hello", src_lang="en_XX", tgt_lang="es_XX")
try:
    translations.translation("Hello", src_lang="en_XX", tgt_lang="zz_ZZ")
    refused = ""
except Exception as error:
    refused = f"{type(error).__name__} {error}"
text = lambda found, name: found if isinstance(found, str) else found[name]
print(json.dumps([text(made, "summary_text"), text(said, "translation_text"), refused]))
"""
    summary, translation, refused = run(client, script, url(service))
    assert summary == "The bridge opens today. Many came. Nobody was hurt."
    assert translation == "[es] Hello"
    assert "tgt_lang" in refused


def test_health_check_of_the_old_client(service: Service) -> None:
    """It asks below the model's own path."""
    script = """
import json, sys
from huggingface_hub import InferenceClient
print(json.dumps(InferenceClient(model=sys.argv[1]).health_check()))
"""
    assert run("huggingface-0.24", script, url(service, "/hf/summarization")) is True
