"""Where a request carries its key. A dialect brings the way its clients know: one line in `CARRIERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Request

from service.api.compat import fields

Carrier = Callable[[Request], str | None]


def bearer(request: Request) -> str | None:
    """`Authorization: Bearer KEY`."""
    return _authorization(request, "bearer")


def api_key_header(request: Request) -> str | None:
    """`X-API-Key: KEY`."""
    given: str | None = request.environ.get("HTTP_X_API_KEY")
    return given or None


def deepl_header(request: Request) -> str | None:
    """`Authorization: DeepL-Auth-Key KEY`."""
    return _authorization(request, "deepl-auth-key")


def api_key_field(request: Request) -> str | None:
    """`api_key` among the parameters, wherever they are, as LibreTranslate's clients send it."""
    try:
        return fields.given().text("api_key") or None
    except fields.NotJson:
        return None


# Looked through in order; the first key found counts.
DEFAULT: tuple[Carrier, ...] = (bearer, api_key_header)
# By the name of a blueprint, where its callers know other ways.
CARRIERS: Mapping[str, tuple[Carrier, ...]] = {
    "deepl": (deepl_header, *DEFAULT),
    "libretranslate": (*DEFAULT, api_key_field),
}


def find(request: Request) -> str | None:
    """The key that a request carries, or None."""
    for carrier in CARRIERS.get(request.blueprint or "", DEFAULT):
        given = carrier(request)
        if given is not None:
            return given
    return None


def _authorization(request: Request, scheme: str) -> str | None:
    # Not werkzeug's parser: it takes schemes apart that are none of ours.
    given, _, key = request.environ.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    return key.strip() or None if given.lower() == scheme else None
