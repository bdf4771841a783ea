"""What browsers are told: which pages of other origins may call the API, and what a reply may be used for.

Sources: Fetch standard (CORS protocol); RFC 6797 (HSTS); Content Security Policy Level 3.
"""

from __future__ import annotations

from flask import Flask, Response, request

from service.config import Settings

_METHODS = "GET, POST, DELETE, OPTIONS"
_ALLOWED = "Authorization, Content-Type, Accept, X-API-Key, X-Request-Id, X-Deadline-Ms, Idempotency-Key, Last-Event-ID"
_EXPOSED = (
    "X-Request-Id, Server-Timing, Retry-After, RateLimit, RateLimit-Policy, Idempotent-Replay, Location, "
    "WWW-Authenticate"
)
# Browsers cut it to their own bounds, two hours and a day.
_MAX_AGE_S = 7200

# A reply with data is no page: nothing may frame it or take it for a script, wherever it is opened. Pages have policies
# of their own.
_SECURITY = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


def register(app: Flask, settings: Settings) -> None:
    """Put the headers for browsers on every reply of an app, and answer preflights where origins are allowed."""
    fixed = [(name.lower(), name, value) for name, value in _SECURITY]
    if settings.hsts_max_age_s:
        name = "Strict-Transport-Security"
        fixed.append((name.lower(), name, f"max-age={settings.hsts_max_age_s}; includeSubDomains"))

    def secure(response: Response) -> Response:
        headers = response.headers
        # Each look-up by name goes through all of them: one pass is enough.
        there = {name.lower() for name, _ in headers}
        for key, name, value in fixed:
            if key not in there:
                headers.add(name, value)
        return response

    app.after_request(secure)
    origins = frozenset(origin.rstrip("/").lower() for origin in settings.cors_origins.replace(",", " ").split())
    if origins:
        _Cors(origins).register(app)


class _Cors:
    """Answers to pages of other origins. Cookies are never asked for: a key is sent by whoever has it."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins
        self._all = "*" in origins

    def register(self, app: Flask) -> None:
        app.before_request(self._preflight)
        app.after_request(self._share)

    def _allowed(self) -> str | None:
        origin: str | None = request.environ.get("HTTP_ORIGIN")
        if origin is None:
            return None
        if self._all:
            return "*"
        return origin if origin.lower() in self._origins else None

    def _preflight(self) -> Response | None:
        if request.method != "OPTIONS" or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in request.environ:
            return None
        response = Response(status=204)
        if self._allowed():
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _ALLOWED
            response.headers["Access-Control-Max-Age"] = str(_MAX_AGE_S)
        return response

    def _share(self, response: Response) -> Response:
        if not self._all:
            response.vary.add("Origin")
        allowed = self._allowed()
        # A dialect may have said more for itself.
        if allowed and "Access-Control-Allow-Origin" not in response.headers:
            response.headers["Access-Control-Allow-Origin"] = allowed
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
            # Said of this reply by the policy above, and taken back for the origins that may read it.
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response
