"""API keys: what a file of them says, and how a caller's key is looked up in it. Knows no Flask.

Only hashes are kept. Keys are random and long (`new_key`), so one round of SHA-256 hides them as well as a slow hash
would, and a flood of wrong keys costs next to nothing; a word that somebody chose is refused as a key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

PREFIX = "precis_"
# Shorter ones are guessed from their hash; longer ones are no keys.
MIN_CHARACTERS, MAX_CHARACTERS = 24, 512
_MIN_DIFFERENT = 10
MAX_KEYS = 4000
_MAX_FILE_BYTES = 4 * 1024 * 1024

# What a key may be confined to: tasks, and ways to hand in many of them.
SCOPES = ("summarize", "translate", "detect", "batch", "jobs")
# Tables of the file that are no keys: limits of keys that name none, and of callers without a key.
DEFAULT, ANONYMOUS = "default", "anonymous"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_NOBODY = b"\0" * 32


class KeysError(ValueError):
    """The file cannot be used; the message says where it is wrong and holds neither keys nor hashes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one key may use; None is without limit.

    Rates refill evenly, with a burst of one period's worth. Days and months are those of UTC.
    """

    requests_per_second: int | None = None
    requests_per_minute: int | None = None
    concurrency: int | None = None
    characters_per_day: int | None = None
    characters_per_month: int | None = None


LIMIT_NAMES = tuple(field.name for field in fields(Limits))


@dataclass(frozen=True, slots=True)
class Key:
    """A caller that is known.

    Attributes:
        id: name in the file; not secret.
        limits: what it may use.
        scopes: entries of `SCOPES`, or None for all of them.
        expires_s: Unix time from which the key is refused, or None.
    """

    id: str
    limits: Limits = Limits()
    scopes: frozenset[str] | None = None
    expires_s: float | None = None

    def expired(self, now_s: float | None = None) -> bool:
        """Whether its time is over."""
        return self.expires_s is not None and (time.time() if now_s is None else now_s) >= self.expires_s


@dataclass(frozen=True, slots=True)
class Keys:
    """The content of a file of keys.

    Attributes:
        by_digest: SHA-256 of a key to that digest and the key's owner.
        by_id: owners by name, the anonymous one included.
        anonymous: who calls without a key, or None when that is not allowed.
    """

    by_digest: Mapping[bytes, tuple[bytes, Key]]
    by_id: Mapping[str, Key]
    anonymous: Key | None = None

    def find(self, given: str) -> Key | None:
        """The owner of a key, expired or not; None when nobody has it.

        The look-up goes by digest, which a caller cannot steer, and ends in a comparison in constant time.
        """
        if not MIN_CHARACTERS <= len(given) <= MAX_CHARACTERS:
            given = ""
        digest = digest_of(given)
        kept, key = self.by_digest.get(digest, (_NOBODY, None))
        return key if hmac.compare_digest(kept, digest) else None


def digest_of(key: str) -> bytes:
    """SHA-256 of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def new_key() -> str:
    """A random key of 240 bits."""
    return PREFIX + secrets.token_urlsafe(30)


def hash_line(key: str) -> str:
    """The value of `hash` for a key.

    Raises:
        KeysError: the key is short or monotonous enough to be guessed, or holds what headers cannot carry.
    """
    if not MIN_CHARACTERS <= len(key) <= MAX_CHARACTERS or len(set(key)) < _MIN_DIFFERENT:
        raise KeysError(
            f"a key needs {MIN_CHARACTERS} to {MAX_CHARACTERS} random characters; `precis keys new` makes one"
        )
    if not re.fullmatch(r"[!-~]+", key):
        raise KeysError("a key is of ASCII characters without blanks, because it travels in a header")
    return "sha256:" + digest_of(key).hex()


def load(path: Path) -> Keys:
    """Read a file of keys.

    Raises:
        KeysError: it cannot be read, or is not well formed.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise KeysError(f"cannot be read: {error.strerror}") from None
    if len(content) > _MAX_FILE_BYTES:
        raise KeysError(f"is larger than {_MAX_FILE_BYTES} bytes")
    return parse(content)


def parse(content: bytes) -> Keys:
    """The keys in the text of a file.

    Raises:
        KeysError: not TOML, or a table that cannot be used, by its name.
    """
    try:
        tables: dict[str, Any] = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The messages of the parser quote a character at most, but a line of theirs may hold a hash.
        where = re.search(r"\(at [^)]*\)", str(error))
        raise KeysError(f"is not TOML {where[0] if where else ''}".rstrip()) from None
    if len(tables) > MAX_KEYS:
        raise KeysError(f"holds more than {MAX_KEYS} keys")
    given = tables.pop(DEFAULT, {})
    defaults = _limits(DEFAULT, _only(DEFAULT, given, LIMIT_NAMES), Limits())
    by_digest: dict[bytes, tuple[bytes, Key]] = {}
    by_id: dict[str, Key] = {}
    for name, table in tables.items():
        key = _key(name, table, defaults)
        by_id[name] = key
        for digest in () if name == ANONYMOUS else _digests(name, table.get("hash")):
            if digest in by_digest:
                raise KeysError(f"[{name}] has the same key as [{by_digest[digest][1].id}]")
            by_digest[digest] = (digest, key)
    return Keys(by_digest, by_id, by_id.get(ANONYMOUS))


def _key(name: str, table: object, defaults: Limits) -> Key:
    if not _ID.fullmatch(name):
        raise KeysError("a key's name is of up to 64 letters, digits, dots, dashes and underscores")
    known = (*LIMIT_NAMES, "scopes") if name == ANONYMOUS else (*LIMIT_NAMES, "scopes", "hash", "expires")
    found = _only(name, table, known)
    return Key(name, _limits(name, found, defaults), _scopes(name, found), _expiry(name, found.get("expires")))


def _only(name: str, table: object, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise KeysError(f"[{name}] must be a table")
    for entry in table:
        if entry not in known:
            raise KeysError(f"[{name}] has an entry that is not known; known are {', '.join(known)}")
    return table


def _limits(name: str, table: Mapping[str, Any], defaults: Limits) -> Limits:
    made: dict[str, int | None] = {}
    for entry in LIMIT_NAMES:
        value = table.get(entry, getattr(defaults, entry))
        # `true` is an int in Python; 0 in a file lifts a default.
        if value is not None and (type(value) is not int or not 0 <= value <= 10**15):
            raise KeysError(f"[{name}] {entry} must be a whole number; 0 is no limit")
        made[entry] = value or None
    if (made["concurrency"] or 0) > 10_000:
        raise KeysError(f"[{name}] concurrency must be 10000 at most")
    return Limits(**made)


def _scopes(name: str, table: Mapping[str, Any]) -> frozenset[str] | None:
    given = table.get("scopes")
    if given is None:
        return None
    if not isinstance(given, list) or not given or any(scope not in SCOPES for scope in given):
        raise KeysError(f"[{name}] scopes must be a list of {', '.join(SCOPES)}")
    return frozenset(given)


def _expiry(name: str, given: object) -> float | None:
    if given is None:
        return None
    if isinstance(given, datetime):
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    if isinstance(given, date):
        return datetime(given.year, given.month, given.day, tzinfo=UTC).timestamp()
    raise KeysError(f"[{name}] expires must be a date or a date with time, without quotes")


def _digests(name: str, given: object) -> list[bytes]:
    lines = given if isinstance(given, list) else [given]
    matches = [_HASH.fullmatch(line) if isinstance(line, str) else None for line in lines]
    if not matches or None in matches:
        raise KeysError(f"[{name}] hash must be what `precis keys hash` prints, or a list of that")
    return [bytes.fromhex(match[1]) for match in matches if match]


class KeyRing:
    """The keys of a file, read again when the file changes. A file that cannot be used leaves the former keys.

    Args:
        path: of the file; symbolic links are followed at each look, so that a mounted secret may be swapped.
        told: called after each attempt to read a changed file, with the failure or None.
        every_s: seconds between two looks; a look is one `stat`.
    Raises:
        KeysError: the file cannot be used at the start.
    """

    def __init__(self, path: Path, told: Callable[[KeysError | None], None], *, every_s: float = 1.0) -> None:
        self._path = path
        self._told = told
        self._every_s = every_s
        self._seen = self._signature()
        self._keys = load(path)
        self._look_at_s = time.monotonic() + every_s

    def current(self) -> Keys:
        """The keys that count now."""
        now_s = time.monotonic()
        if now_s >= self._look_at_s:
            # Threads that come meanwhile go on with the former keys.
            self._look_at_s = now_s + self._every_s
            self._look()
        return self._keys

    def _look(self) -> None:
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self._keys = load(self._path)
        except KeysError as error:
            self._told(error)
        else:
            self._told(None)

    def _signature(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
