"""Keys of the dialects' callers: in the places where their clients put them, refused in the words they read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.config_serving import DIALECTS
from tests.api.callers import KEY, UNKNOWN, Guarded, making, table

TRANSLATION = {"q": "Hello", "source": "en", "target": "es"}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    """An app that speaks all dialects and wants keys."""
    with making(tmp_path) as make:
        yield make(table("news", more="characters_per_day = 100"), dialects=" ".join(DIALECTS))


def test_libretranslate_takes_api_key_from_wherever_it_takes_parameters(guarded: Guarded) -> None:
    """From JSON, a form, the query, and from the form in the body of a GET that its own client sends."""
    client = guarded.client
    for reply in (
        client.post("/translate", json={**TRANSLATION, "api_key": KEY}),
        client.post("/translate", data={**TRANSLATION, "api_key": KEY}),
        client.post("/translate", data={**TRANSLATION, "api_key": KEY}, content_type="multipart/form-data"),
        client.get(f"/languages?api_key={KEY}"),
        client.get("/languages", data={"api_key": KEY}),
    ):
        assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("key", [None, "", 7, UNKNOWN])
def test_libretranslate_refuses_as_its_clients_read_it(guarded: Guarded, key: object) -> None:
    """403 with a string under `error`."""
    reply = guarded.client.post("/translate", json={**TRANSLATION, "api_key": key})
    assert (reply.status_code, type(reply.json["error"])) == (403, str)


def test_deepl_and_hugging_face_send_headers(guarded: Guarded) -> None:
    """`DeepL-Auth-Key` for the one, a bearer token for the other; without one each has its own refusal."""
    client = guarded.client
    deepl = {"text": ["Hello"], "target_lang": "ES"}
    assert (
        client.post("/v2/translate", json=deepl, headers={"Authorization": f"DeepL-Auth-Key {KEY}"}).status_code == 200
    )
    refused = client.post("/v2/translate", json=deepl)
    assert (refused.status_code, type(refused.json["message"])) == (403, str)
    body = {"inputs": "Hello", "parameters": {"tgt_lang": "es_XX"}}
    assert client.post("/hf/translation", json=body, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
    refused = client.post("/hf/translation", json=body)
    assert (refused.status_code, type(refused.json["error"])) == (401, str)


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        ("characters_per_day = 100", 100),
        ("characters_per_month = 900", 900),
        ("characters_per_day = 100\ncharacters_per_month = 900", 900),
        ("", 10**12),
    ],
)
def test_deepl_usage_is_that_of_the_key(tmp_path: Path, limits: str, limit: int) -> None:
    """Characters used and the limit that holds for the key: of the month, else of the day, else one nobody reaches."""
    headers = {"Authorization": f"DeepL-Auth-Key {KEY}"}
    with making(tmp_path) as make:
        client = make(table("news", more=limits), dialects="deepl").client
        assert (
            client.post("/v2/translate", json={"text": ["Hello"], "target_lang": "ES"}, headers=headers).status_code
            == 200
        )
        assert client.get("/v2/usage", headers=headers).json == {"character_count": 5, "character_limit": limit}


def test_a_text_of_unknown_language_is_charged_like_any_other(guarded: Guarded) -> None:
    """Guessing its language asks nothing of the caller's allowance."""
    guarded.pipeline.unknown = {"OKAY"}
    for number in range(1, 4):
        body = {"q": "OKAY", "source": "auto", "target": "es", "api_key": KEY}
        assert guarded.client.post("/translate", json=body).status_code == 200
        assert guarded.callers.access is not None
        assert guarded.callers.access.limiter.used("news").day_characters == number * len("OKAY")
