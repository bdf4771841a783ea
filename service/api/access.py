"""Who may do what, and how much of it: around every request when there is a file of keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import Flask, Response, current_app, g, has_request_context, request

from service import telemetry
from service.api import access_metrics, credentials
from service.api.context import Call
from service.api.keys import DEFAULT as DEFAULT_NAME
from service.api.keys import SCOPES, Key, KeyRing, Keys, KeysError
from service.api.limits import CONCURRENCY, Limiter, Standing, Verdict, policy_header, state_header
from service.api.problems import Limited
from service.config import Settings
from service.errors import Forbidden, Unauthorized

_EXTENSION = "precis.access"
# The supervisor asks whether its own service works; no file of keys can take this name.
SUPERVISOR = f"{DEFAULT_NAME}/supervisor"

_OPEN = frozenset({"health"})
_PAGES = frozenset({"docs"})
# What clients of dialects ask before they know of a key.
_OPEN_VIEWS = frozenset({"libretranslate.health", "libretranslate.frontend_settings", "huggingface.health"})
# Asking what is left uses nothing up.
_UNCOUNTED = frozenset({"usage.usage"})
# What a route is for, where its name does not say.
_SCOPE_OF = {"summarization": "summarize", "translation": "translate"}

_NO_KEY = "send a key as `Authorization: Bearer KEY` or `X-API-Key: KEY`"


@dataclass(slots=True)
class Entry:
    """A request that was let in: whose it is, and where its limits stand."""

    key: Key
    verdict: Verdict
    lease: str


class Access:
    """Keys and limits of an app.

    Args:
        ring: the keys.
        limiter: counts for them.
        own_digest: SHA-256 of the supervisor's key, or None.
    """

    def __init__(self, ring: KeyRing, limiter: Limiter, own_digest: bytes | None = None) -> None:
        self._ring = ring
        self.limiter = limiter
        self._own = Keys({own_digest: (own_digest, Key(SUPERVISOR))} if own_digest else {}, {})

    def identify(self) -> Key:
        """The caller of the request being answered.

        Raises:
            Unauthorized: no key, or one that nobody has, or whose time is over.
        """
        keys = self._ring.current()
        given = credentials.find(request)
        if given is None:
            if keys.anonymous is None:
                raise Unauthorized(_NO_KEY)
            return keys.anonymous
        key = keys.find(given) or self._own.find(given)
        if key is None:
            raise Unauthorized("this key is not known")
        if key.expired():
            raise Unauthorized("this key has expired")
        return key

    def by_id(self, key_id: str) -> Key | None:
        """The key of that name, if it is still there."""
        return self._ring.current().by_id.get(key_id)


def ring_of(settings: Settings) -> KeyRing | None:
    """The keys that the settings name, or None where there are none.

    Raises:
        KeysError: the file cannot be used.
    """
    return KeyRing(settings.keys_file, _reloaded) if settings.keys_file else None


def _reloaded(error: KeysError | None) -> None:
    access_metrics.reloaded("ok" if error is None else "broken")
    if error is None:
        telemetry.logger().info("the file of keys was read again")
    else:
        telemetry.logger().error("the file of keys cannot be used, the former keys stay", detail=str(error))


def register(app: Flask, access: Access | None) -> None:
    """Let only callers of the file into an app, within their limits; without one the app is open to all."""
    app.extensions[_EXTENSION] = access
    if access is not None:
        app.before_request(_enter)
        app.after_request(_tell)
        app.teardown_request(_leave)


def current_access() -> Access | None:
    """Keys and limits of the app that answers this request."""
    return cast("Access | None", current_app.extensions[_EXTENSION])


def current_entry() -> Entry | None:
    """What is known of the caller of this request; None on an open service and on open paths."""
    return g.get("entry") if has_request_context() else None


def require_scope(scope: str) -> None:
    """Refuse the caller of this request unless its key is for this task, as one part of a batch.

    Raises:
        Forbidden: the key is confined to others.
    """
    entry = current_entry()
    if entry is not None:
        _check_scope(entry.key, scope)


def is_open() -> bool:
    """Whether this request needs no key: probes, pages, preflights and what exists nowhere."""
    blueprint = request.blueprint
    if request.endpoint is None or request.method == "OPTIONS" or blueprint in _OPEN or request.endpoint in _OPEN_VIEWS:
        return True
    settings: Settings = current_app.extensions["precis"].settings
    return settings.open_pages and blueprint in _PAGES


def _enter() -> None:
    access = current_access()
    if access is None or is_open():
        return
    key = access.identify()
    call: Call = g.call
    call.caller = key.id
    endpoint = request.endpoint or ""
    name = endpoint.rpartition(".")[2]
    if request.method == "POST":
        _check_scope(key, _SCOPE_OF.get(name, name))
    if endpoint in _UNCOUNTED or key.id == SUPERVISOR:
        g.entry = Entry(key, Verdict(), "")
        return
    verdict = access.limiter.admit(key)
    g.entry = Entry(key, verdict, verdict.lease)
    if verdict.refused:
        raise refusal(verdict)


def _check_scope(key: Key, scope: str) -> None:
    # What is not in the list of scopes is only for keys that are confined to nothing.
    if key.scopes is not None and scope not in key.scopes:
        what = f"`{scope}`" if scope in SCOPES else "this"
        raise Forbidden(f"this key is not for {what}; it is for {', '.join(sorted(key.scopes))}")


def refusal(verdict: Verdict) -> Limited:
    """The failure that tells a caller which limit is in the way."""
    standing = cast(Standing, verdict.refused)
    access_metrics.limited(standing.name)
    if standing.name == CONCURRENCY:
        detail = f"{standing.quota} requests of this key are running, which is its limit"
    elif standing.unit == "characters":
        detail = f"of its {standing.quota} characters a {standing.name}, this key has {standing.left} left"
    else:
        detail = f"this key may send {standing.quota} requests a {standing.name}"
    told = {"limit": standing.name, "unit": standing.unit, "quota": standing.quota, "left": standing.left}
    return Limited(detail, retry_after_s=verdict.retry_after_s, quota=told)


def _tell(response: Response) -> Response:
    entry = current_entry()
    if response.status_code == 401:
        given = credentials.find(request) is not None
        response.headers["WWW-Authenticate"] = 'Bearer realm="precis"' + (', error="invalid_token"' if given else "")
    elif response.status_code == 403:
        response.headers["WWW-Authenticate"] = 'Bearer realm="precis", error="insufficient_scope"'
    if entry is None:
        return response
    if entry.verdict.standings:
        response.headers["RateLimit-Policy"] = policy_header(entry.verdict.standings)
        response.headers["RateLimit"] = state_header(entry.verdict.standings, entry.verdict.refused)
    if entry.lease:
        # A reply that streams runs until its last byte.
        response.call_on_close(_release(entry))
    return response


def _release(entry: Entry) -> Callable[[], None]:
    access = current_access()
    lease, entry.lease = entry.lease, ""

    def release() -> None:
        nonlocal lease
        if access is not None and lease:
            given, lease = lease, ""
            access.limiter.release(entry.key.id, given)

    return release


def _leave(_error: BaseException | None) -> None:
    # Only where no reply was made: `_tell` has handed the lease to the reply otherwise.
    entry: Entry | None = g.get("entry")
    if entry is not None and entry.lease:
        _release(entry)()
