"""`precis keys new | hash | check`."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from service.api import keys
from service.config import Settings, SettingsError


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `keys` and what it can do to the command line."""
    group = commands.add_parser("keys", help="make and check API keys")
    actions = group.add_subparsers(dest="action", required=True)

    new = actions.add_parser(
        "new", help="make a key (on standard error) and its table for the file (on standard output)"
    )
    new.add_argument("name", help="who it is for; seen in logs and usage")
    new.set_defaults(run=_new)

    hashed = actions.add_parser("hash", help="read a key from standard input and print its `hash` for the file")
    hashed.set_defaults(run=_hash)

    check = actions.add_parser("check", help="check a file of keys and list what is in it")
    check.add_argument("file", nargs="?", type=Path, help="default: PRECIS_KEYS_FILE")
    check.add_argument("--key", action="store_true", help="read a key from standard input and tell whose it is")
    check.set_defaults(run=_check)


def _new(options: argparse.Namespace, settings: Settings) -> int:
    key = keys.new_key()
    table = f'[{options.name}]\nhash = "{keys.hash_line(key)}"\n'
    try:
        keys.parse(table.encode())
    except keys.KeysError as error:
        return _refuse(error)
    print(f"the key, shown only now: {key}", file=sys.stderr)
    print(table, end="")
    return 0


def _hash(options: argparse.Namespace, settings: Settings) -> int:
    try:
        print(f'hash = "{keys.hash_line(_read_key())}"')
    except keys.KeysError as error:
        return _refuse(error)
    return 0


def _check(options: argparse.Namespace, settings: Settings) -> int:
    path: Path | None = options.file or settings.keys_file
    if path is None:
        raise SettingsError("name a file, or set PRECIS_KEYS_FILE")
    try:
        found = keys.load(path)
    except keys.KeysError as error:
        print(f"precis: {path} {error}", file=sys.stderr)
        return 1
    if options.key:
        key = found.find(_read_key())
        print(_line(key) if key else "nobody has this key")
        return 0 if key and not key.expired() else 1
    for key in found.by_id.values():
        print(_line(key))
    return 0


def _line(key: keys.Key) -> str:
    told = [f"{name}={value}" for name in keys.LIMIT_NAMES if (value := getattr(key.limits, name)) is not None]
    if key.scopes is not None:
        told.append("scopes=" + ",".join(sorted(key.scopes)))
    if key.expires_s is not None:
        when = datetime.fromtimestamp(key.expires_s, UTC).isoformat()
        told.append(f"{'EXPIRED' if key.expired(time.time()) else 'expires'}={when}")
    return f"{key.id:24} {' '.join(told) or 'without limits'}"


def _read_key() -> str:
    """From standard input: arguments are seen by everybody on the machine."""
    if sys.stdin.isatty():
        return getpass.getpass("key: ").strip()
    return sys.stdin.readline().strip()


def _refuse(error: keys.KeysError) -> int:
    print(f"precis: {error}", file=sys.stderr)
    return 1
