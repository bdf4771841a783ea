"""Who is let in, how far, and what they are told."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import telemetry
from service.api import credentials
from service.api.replies_about import ProblemShape
from service.api.usage import UsageReplyShape
from service.errors import EngineFailed
from tests.api.callers import BEARER, GOOD, KEY, OTHER, UNKNOWN, Guarded, Make, making, table
from tests.api.conftest import Bench


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A maker of guarded apps."""
    with making(tmp_path) as maker:
        yield maker


@pytest.fixture
def guarded(make: Make) -> Guarded:
    """An app with one key and no limits."""
    return make()


# ---- who is let in --------------------------------------------------------------------------------------------------


def test_without_a_file_all_are_let_in(bench: Bench) -> None:
    """A service without keys is open, counts nothing and names nobody."""
    reply = bench.post("/v1/summarize", GOOD, Authorization="Bearer whatever")
    assert reply.status_code == 200
    assert "RateLimit" not in reply.headers
    assert bench.pipeline.context is not None
    assert bench.pipeline.context.caller == ""
    assert bench.client.get("/v1/usage").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {"Authorization": f"bearer   {KEY} "},
        {"X-API-Key": KEY},
        {"Authorization": "Basic eA==", "X-API-Key": KEY},
    ],
)
def test_a_key_is_read_from_either_header(guarded: Guarded, headers: dict[str, str]) -> None:
    """Bearer and `X-API-Key` do the same; the pipeline learns the name, never the key."""
    assert guarded.ask(headers=headers).status_code == 200
    assert guarded.pipeline.context is not None
    assert guarded.pipeline.context.caller == "news"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/", "/ui/now/main.js"])
def test_probes_and_pages_are_open(guarded: Guarded, path: str) -> None:
    """What watches the service and what explains it needs no key."""
    assert guarded.ask("GET", path, headers={}).status_code == 200


def test_pages_may_be_closed(make: Make) -> None:
    """By setting, pages need a key as well; probes never do."""
    closed = make(open_pages=False)
    for path in ("/", "/docs", "/openapi.json"):
        assert closed.ask("GET", path, headers={}).status_code == 401
        assert closed.ask("GET", path).status_code == 200
    assert closed.ask("GET", "/livez", headers={}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, 'Bearer realm="precis"'),
        ({"Authorization": "Bearer "}, 'Bearer realm="precis"'),
        ({"Authorization": f"Basic {base64.b64encode(KEY.encode()).decode()}"}, 'Bearer realm="precis"'),
        ({"Authorization": f"Bearer {UNKNOWN}"}, 'Bearer realm="precis", error="invalid_token"'),
        ({"X-API-Key": "x"}, 'Bearer realm="precis", error="invalid_token"'),
        ({"X-API-Key": "x" * 8000}, 'Bearer realm="precis", error="invalid_token"'),
        ({"Authorization": f"DeepL-Auth-Key {KEY}"}, 'Bearer realm="precis"'),
    ],
)
def test_strangers_are_told_how_to_send_a_key(guarded: Guarded, headers: dict[str, str], told: str) -> None:
    """No key or a wrong one is a 401 problem that says what is wanted, whatever the path."""
    for method, path in (("POST", "/v1/summarize"), ("GET", "/v1/models"), ("GET", "/v1/usage")):
        reply = guarded.ask(method, path, headers=headers)
        assert (reply.status_code, reply.json["code"]) == (401, "unauthorized")
        assert reply.headers["WWW-Authenticate"] == told
        ProblemShape.model_validate_json(reply.data)
    assert guarded.pipeline.requests == []


def test_expired_keys_are_refused(make: Make) -> None:
    """A key whose time is over is a 401 that says so."""
    reply = make(table("news", more="expires = 2020-01-01")).ask()
    assert (reply.status_code, reply.json["detail"]) == (401, "this key has expired")


def test_what_exists_nowhere_is_not_found(guarded: Guarded) -> None:
    """Unknown paths and wrong methods are what they are, with a key or without."""
    assert guarded.ask("GET", "/nothing", headers={}).status_code == 404
    assert guarded.ask("GET", "/v1/summarize", headers={}).status_code == 405


def test_scopes_confine_a_key(make: Make) -> None:
    """A key for one task is refused another with 403; what is known of the service it may ask."""
    app = make(table("news", more='scopes = ["detect"]'))
    assert app.ask(path="/v1/detect").status_code == 200
    reply = app.ask()
    assert (reply.status_code, reply.json["code"]) == (403, "forbidden")
    assert "insufficient_scope" in reply.headers["WWW-Authenticate"]
    assert app.ask("GET", "/v1/models").status_code == 200
    assert app.ask("GET", "/v1/usage").json["scopes"] == ["detect"]


def test_callers_without_a_key_may_be_let_in_with_limits(make: Make) -> None:
    """With a table `anonymous` a key is optional; a wrong key is still refused."""
    app = make(table("news") + '[anonymous]\nrequests_per_minute = 1\nscopes = ["summarize"]')
    assert app.ask(headers={}).status_code == 200
    assert app.ask(headers={}).status_code == 429
    assert app.ask(path="/v1/detect", headers={}).status_code == 403
    assert app.ask(headers={"X-API-Key": UNKNOWN}).status_code == 401
    assert app.ask().status_code == 200


def test_preflights_need_no_key(guarded: Guarded) -> None:
    """OPTIONS carries no key in any browser."""
    assert guarded.ask("OPTIONS", headers={}).status_code == 200


def test_a_dialect_names_its_own_ways(monkeypatch: pytest.MonkeyPatch, guarded: Guarded) -> None:
    """The table of carriers reads DeepL's scheme, and LibreTranslate's field from JSON, forms and queries."""
    from flask import request

    ways = (credentials.deepl_header, credentials.api_key_field)
    monkeypatch.setattr(credentials, "CARRIERS", {"x": ways})
    monkeypatch.setattr("flask.wrappers.Request.blueprint", "x")
    sent: tuple[dict[str, object], ...] = (
        {"headers": {"Authorization": f"DeepL-Auth-Key {KEY}"}},
        {"json": {"q": "a", "api_key": KEY}},
        {"data": {"q": "a", "api_key": KEY}},
        {"query_string": {"api_key": KEY}},
    )
    for given in sent:
        with guarded.app.test_request_context("/", method="POST", **given):  # type: ignore[arg-type]
            assert credentials.find(request) == KEY
    for given in ({"json": [1]}, {"json": {"api_key": 1}}, {"data": b"{", "content_type": "application/json"}):
        with guarded.app.test_request_context("/", method="POST", **given):  # type: ignore[arg-type]
            assert credentials.find(request) is None


# ---- how far --------------------------------------------------------------------------------------------------------


def test_a_rate_is_told_and_held(make: Make) -> None:
    """Each reply says what is left; over the limit is 429 with the time to wait and the limit in the way."""
    app = make(table("news", more="requests_per_minute = 2\nconcurrency = 3"))
    reply = app.ask()
    assert reply.headers["RateLimit-Policy"] == '"minute";q=2;w=60, "concurrency";q=3;qu="concurrent-requests"'
    assert reply.headers["RateLimit"] == '"minute";r=1;t=30, "concurrency";r=2'
    assert app.ask("GET", "/v1/models").status_code == 200
    reply = app.ask()
    assert (reply.status_code, reply.json["code"]) == (429, "rate_limited")
    assert 25 <= int(reply.headers["Retry-After"]) <= 30
    assert reply.headers["RateLimit"].startswith('"minute";r=0;t=')
    assert reply.json["quota"] == {"limit": "minute", "unit": "requests", "quota": 2, "left": 0}
    ProblemShape.model_validate_json(reply.data)
    assert len(app.pipeline.requests) == 2


def test_a_bad_request_counts(make: Make) -> None:
    """A request is counted whatever comes of it, so that nobody tries things out for free."""
    app = make(table("news", more="requests_per_minute = 1"))
    assert app.ask(body={"nothing": 1}).status_code == 400
    assert app.ask().status_code == 429


def test_concurrency_is_given_back_at_the_last_byte(make: Make) -> None:
    """A place is taken until the reply was sent in full, and given back when a request fails."""
    app = make(table("news", more="concurrency = 1"))
    first = app.client.post("/v1/summarize", json=GOOD, headers=BEARER)
    reply = app.ask()
    assert (reply.status_code, reply.json["quota"]["limit"]) == (429, "concurrency")
    assert reply.headers["Retry-After"] == "1"
    first.close()
    app.pipeline.error = ValueError("x")
    for _ in range(3):
        assert app.ask().status_code == 500
    app.pipeline.error = None
    assert app.ask().status_code == 200
    assert app.ask("GET", "/v1/usage").json["running"] == 0


def test_characters_are_counted_as_sent(make: Make) -> None:
    """An article counts once, a text for each target, what fails not at all; what does not fit is refused."""
    app = make(table("news", more="characters_per_day = 100"))

    def used() -> int:
        return int(app.ask("GET", "/v1/usage").json["characters"]["day"])

    reply = app.ask(body={"text": "x" * 30, "translate_to": ["es", "fr"]})
    assert reply.headers["RateLimit"].startswith('"day";r=70;t=')
    assert used() == 30
    assert app.ask(path="/v1/translate", body={"text": ["ab", "c"], "target": ["es", "fr"]}).status_code == 200
    assert used() == 36
    assert app.ask(path="/v1/detect", body={"text": ["abcd"]}).status_code == 200
    assert used() == 40
    app.pipeline.error = EngineFailed("no")
    assert app.ask(body={"html": "x" * 60}).status_code == 500
    assert used() == 40
    app.pipeline.error = None
    reply = app.ask(body={"text": "x" * 61})
    assert (reply.status_code, reply.json["code"]) == (429, "rate_limited")
    assert reply.json["quota"] == {"limit": "day", "unit": "characters", "quota": 100, "left": 60}
    assert 0 < int(reply.headers["Retry-After"]) <= 86_400
    assert app.ask(body={"text": "x" * 60}).status_code == 200


def test_usage_is_the_callers_own(make: Make) -> None:
    """Each key sees its counts, limits and expiry; asking is neither counted nor limited."""
    app = make(table("news", more="requests_per_minute = 1\nexpires = 2999-01-01") + table("other", OTHER))
    app.ask()
    for _ in range(3):
        reply = app.ask("GET", "/v1/usage")
    told = UsageReplyShape.model_validate_json(reply.data)
    assert (told.key, told.requests.day, told.requests.month) == ("news", 1, 1)
    assert told.characters.month == len(GOOD["text"])
    assert told.limits.requests_per_minute == 1
    assert told.limits.concurrency is None
    assert told.expires == "2999-01-01T00:00:00+00:00"
    assert app.ask("GET", "/v1/usage", headers={"X-API-Key": OTHER}).json["requests"] == {"day": 0, "month": 0}


# ---- what is never told ---------------------------------------------------------------------------------------------


def test_no_key_text_or_address_gets_out(make: Make) -> None:
    """Over good and bad requests, logs, metrics and failures hold neither keys nor text nor addresses."""
    stream = io.StringIO()
    telemetry.configure_logging("api", "debug", stream)
    secret = "unmistakable words of the article"
    app = make(table("news", more='requests_per_minute = 6\nscopes = ["summarize"]'))
    replies = [
        app.ask(body={"text": secret}),
        app.ask(body={"text": secret}, headers={**BEARER, "Idempotency-Key": "idem-1-secret"}),
        app.ask(body={"text": secret}, headers={**BEARER, "Idempotency-Key": "idem-1-secret"}),
        app.ask(body={"text": "other"}, headers={**BEARER, "Idempotency-Key": "idem-1-secret"}),
        app.ask(body={"text": secret}, headers={"X-API-Key": UNKNOWN}),
        app.ask(path="/v1/detect", body={"text": secret}),
        app.ask("GET", f"/v1/models?api_key={KEY}"),
        app.ask("GET", f"/{KEY}"),
    ]
    app.pipeline.error = ValueError(secret + KEY)
    replies.append(app.ask(body={"text": secret}))
    replies += [app.ask(body={"text": secret}) for _ in range(4)]
    app.file.write_text(f'[a]\nhash = "{KEY}"')
    app.callers.access._ring._look_at_s = 0.0  # type: ignore[union-attr]
    app.ask()
    assert {reply.status_code for reply in replies} == {200, 401, 403, 404, 409, 429, 500}
    logs = stream.getvalue()
    assert "the file of keys cannot be used" in logs
    assert '"caller": "news"' in logs
    failures = "".join(reply.text for reply in replies if reply.status_code != 200)
    metrics = app.ask("GET", "/metrics", headers={}).text
    assert "precis_limited_total" in metrics
    for told in (logs, failures, metrics):
        for word in (KEY, KEY[7:], UNKNOWN, secret, "idem-1-secret", "127.0.0.1"):
            assert word not in told
    assert "news" not in metrics
