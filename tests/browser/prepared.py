"""Replies that the real engines would not give on command, in the shape of the API, to see how the page shows them."""

from __future__ import annotations

from typing import Any

TEXT = "The mill in Eastbrook closed on Friday. It made flour for 300 years."
EVIL = "<img src=x onerror=\"document.body.dataset.owned='1'\"><script>document.body.dataset.owned='2'</script>"


def reply(text: str = TEXT, summary: str = TEXT, **changed: Any) -> dict[str, Any]:
    """A reply with one sentence of summary from the beginning of the text; offsets in UTF-16 units."""
    made: dict[str, Any] = {
        "id": "0123456789abcdef01234567",
        "language": {"code": "en", "confidence": 0.974, "detected": True},
        "title": None,
        "summary": {
            "text": summary,
            "language": "en",
            "format": "paragraph",
            "engine": "extractive",
            "degraded": None,
            "route": ["en"],
            "checks": [],
            "sentences": [{"text": summary, "sources": [{"start": 0, "end": len(text), "score": 1.0}]}],
            "faithfulness": {"verdict": "supported", "checked": ["names"], "unsupported": []},
        },
        "translations": [],
        "cleaning": {"removed": []},
        "coverage": {"input_characters": len(text), "used_characters": len(text), "chunks": 1, "truncated": False},
        "usage": {"input_tokens": 10, "output_tokens": 10},
        "timing_ms": {"total": 12.0, "queue": 1.0, "model": 9.0},
        "provenance": {"service_version": "0.1.0", "models": [], "config_digest": "0123456789abcdef"},
        "warnings": [],
    }
    made["summary"] |= changed.pop("made", {})
    return made | changed


def doubt(text: str, what: str, kind: str) -> dict[str, Any]:
    """Something in a text that is not in its source."""
    start = text.index(what)
    return {"start": start, "end": start + len(what), "text": what, "kind": kind}


def unsupported(*doubts: dict[str, Any]) -> dict[str, Any]:
    """A check that found these."""
    return {"verdict": "unsupported", "checked": ["quantities", "names"], "unsupported": list(doubts)}


def translation(language: str, text: str, **changed: Any) -> dict[str, Any]:
    """A translation of the summary."""
    made = {
        "language": language,
        "status": "ok",
        "text": text,
        "engine": "some-model",
        "route": ["en", language],
        "quality": "neural",
        "checks": [],
        "faithfulness": {"verdict": "unchecked", "checked": [], "unsupported": []},
    }
    return made | changed
