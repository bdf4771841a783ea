"""The remote engine from the settings."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from service import languages
from service.config import Settings, SettingsError
from service.engines.base import Engine

ANY = "*"
_MOST_KEY_CHARACTERS = 8192


def create(settings: Settings) -> Engine:
    """Make the engine as the settings say; nothing is sent yet.

    Raises:
        SettingsError: a setting is missing or cannot be used; the message names it and never holds the key.
    """
    if find_spec("httpx") is None:
        raise SettingsError("PRECIS_ENGINES: remote needs httpx, which comes with the full set of packages")
    # Only here, because this module is read where httpx is not installed too.
    from service.engines.remote.client import Server
    from service.engines.remote.engine import RemoteEngine

    if not settings.remote_model.strip():
        raise SettingsError("PRECIS_REMOTE_MODEL: the remote engine needs the model's name on its server")
    server = Server(
        url=_url(settings.remote_url),
        model=settings.remote_model.strip(),
        key=_key(settings.remote_key_file),
        connect_s=settings.remote_connect_timeout_s,
        first_token_s=settings.remote_token_timeout_s,
        total_s=settings.remote_timeout_s,
        concurrency=settings.remote_concurrency,
        retries=settings.remote_retries,
        extra=_extra(settings.remote_extra_json),
    )
    tags = _tags(settings.remote_languages)
    every = tuple(language.code for language in languages.all_languages())
    return RemoteEngine(
        server,
        summarized=tags,
        translated=every if tags == (ANY,) else tags,
        rank=settings.remote_rank,
        licence=settings.remote_licence,
        chunk_characters=settings.remote_chunk_characters,
    )


def _url(text: str) -> str:
    """The address without a closing `/v1`."""
    try:
        parts = urlsplit(text.strip())
        bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment
        secret = parts.username is not None or parts.password is not None
        port = parts.port
    except ValueError:
        bad, secret, port = True, False, None
    if bad or port == 0:
        raise SettingsError("PRECIS_REMOTE_URL: the remote engine needs an address such as http://llm:8000")
    if secret:
        raise SettingsError("PRECIS_REMOTE_URL: no user or password here; a key goes into PRECIS_REMOTE_KEY_FILE")
    return text.strip().rstrip("/").removesuffix("/v1").rstrip("/")


def _key(file: Path | None) -> str:
    if file is None or file == Path():  # an empty variable is none
        return ""
    try:
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError("PRECIS_REMOTE_KEY_FILE: the file cannot be read as a key") from None
    if not key or len(key) > _MOST_KEY_CHARACTERS or not key.isprintable() or " " in key:
        raise SettingsError("PRECIS_REMOTE_KEY_FILE: the file holds no key")
    return key


def _extra(text: str) -> dict[str, object]:
    if not text.strip():
        return {}
    try:
        extra = json.loads(text)
    except (ValueError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise SettingsError("PRECIS_REMOTE_EXTRA_JSON: not a JSON object")
    reserved = sorted({"messages", "model", "stream"} & extra.keys())
    if reserved:
        raise SettingsError(f"PRECIS_REMOTE_EXTRA_JSON: {reserved[0]} is set by the engine itself")
    return extra


def _tags(text: str) -> tuple[str, ...]:
    words = text.replace(",", " ").split()
    if words == [ANY]:
        return (ANY,)
    found = []
    for word in words:
        tag = languages.canonical(word)
        if tag is None:
            raise SettingsError(f"PRECIS_REMOTE_LANGUAGES: {word} is no language this service knows")
        found.append(tag)
    if not found:
        raise SettingsError("PRECIS_REMOTE_LANGUAGES: names no language")
    return tuple(sorted(set(found)))
