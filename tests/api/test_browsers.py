"""What browsers are told, on every reply."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.config import Settings
from tests.api.callers import GOOD, making
from tests.api.conftest import Bench

SITE = "https://news.example"
PREFLIGHT = {"Origin": SITE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}


@pytest.mark.parametrize("path", ["/v1/models", "/", "/docs", "/openapi.json", "/nothing", "/livez"])
def test_every_reply_is_safe_to_open(bench: Bench, path: str) -> None:
    """Nothing may be framed, sniffed, or tell where its reader came from; plain HTTP is not forbidden unasked."""
    headers = bench.client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Strict-Transport-Security" not in headers
    assert len(headers.getlist("Content-Security-Policy")) == 1


def test_https_may_be_demanded() -> None:
    """By setting every reply demands HTTPS for the time to come."""
    bench = Bench(Settings(hsts_max_age_s=63072000))
    assert bench.client.get("/livez").headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"


def test_no_other_site_may_call_by_default(bench: Bench) -> None:
    """Without the setting no reply allows another origin anything."""
    for reply in (
        bench.post("/v1/summarize", GOOD, Origin=SITE),
        bench.client.options("/v1/summarize", headers=PREFLIGHT),
    ):
        assert not [name for name in dict(reply.headers) if name.lower().startswith("access-control")]


def test_an_allowed_site_may_call_and_read() -> None:
    """Its preflight is answered, it may send what the API takes and read what it tells; failures are no exception."""
    bench = Bench(Settings(cors_origins=f"https://a.example, {SITE}/"))
    reply = bench.client.options("/v1/summarize", headers=PREFLIGHT)
    assert reply.status_code == 204
    assert reply.headers["Access-Control-Allow-Origin"] == SITE
    assert {"POST", "GET", "DELETE"} <= set(reply.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = reply.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type", "x-api-key", "idempotency-key", "x-deadline-ms"} <= set(allowed)
    for reply in (bench.post("/v1/summarize", GOOD, Origin=SITE), bench.post("/v1/summarize", {}, Origin=SITE)):
        assert reply.headers["Access-Control-Allow-Origin"] == SITE
        assert "RateLimit" in reply.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in reply.headers
        assert "Origin" in reply.headers["Vary"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://news.example.evil.example", "null", "http://news.example"]
)
def test_other_sites_stay_out(origin: str) -> None:
    """An origin that is not listed, character for character, is allowed nothing; caches are told that it matters."""
    bench = Bench(Settings(cors_origins=SITE))
    for reply in (
        bench.post("/v1/summarize", GOOD, Origin=origin),
        bench.client.options("/v1/summarize", headers={**PREFLIGHT, "Origin": origin}),
    ):
        assert not [name for name in dict(reply.headers) if name.lower().startswith("access-control")]
        assert "Origin" in reply.headers["Vary"]


def test_all_sites_may_be_let_in(tmp_path: Path) -> None:
    """With `*` any page may call, a refusal for want of a key can be read, and a preflight needs none."""
    with making(tmp_path) as make:
        app = make(cors_origins="*")
        reply = app.ask(headers={"Origin": "https://any.example"})
        assert reply.status_code == 401
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert app.ask("OPTIONS", headers=PREFLIGHT).status_code == 204


def test_options_without_origin_tells_the_methods(bench: Bench) -> None:
    """What is no preflight is answered as before."""
    assert "POST" in bench.client.options("/v1/detect").headers["Allow"]
