"""Connections to the database of jobs: SQLite by default, PostgreSQL by setting; one small vocabulary for both.

Statements are written once, with `?` for values and `{now}` for the time of the database in seconds since 1970: two
hosts whose clocks differ still agree on whose heartbeat is old.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

from service.config import Settings, SettingsError
from service.errors import Unavailable

OFF = "off"
# Statements of one process that run at a time; each takes milliseconds.
_CONNECTIONS = 4
_WAIT_S = 10.0
_BUSY_S = 30.0
_CONNECT_S = 5
# One number for all processes that may make the tables at the same moment.
_MIGRATION_LOCK = 0x50726563

Row = tuple[Any, ...]


class Cursor(Protocol):
    """What a statement gives back."""

    @property
    def rowcount(self) -> int:
        """Rows that were changed."""
        ...

    def fetchone(self) -> Row | None:
        """The next row."""
        ...

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        ...

    def close(self) -> object:
        """Leave what has not been fetched."""
        ...


class Transaction(Protocol):
    """Statements that take effect together."""

    def run(self, statement: str, values: Sequence[object] = ()) -> Cursor:
        """Run one statement."""
        ...

    def many(self, statement: str, rows: Sequence[Sequence[object]]) -> int:
        """Run one statement for each row of values; the number of rows it changed."""
        ...


class Database:
    """A bounded set of connections, opened at first use in each process. Thread-safe.

    Args:
        url: `sqlite:///ABSOLUTE/PATH` or `postgresql://user@host/db`.
        password: for PostgreSQL, or None.
    """

    def __init__(self, url: str, password: str | None = None) -> None:
        self.is_sqlite = url.startswith("sqlite:")
        self.url = url
        self._password = password
        self._dialect: _Sqlite | _Postgres = _Sqlite(path_of(url)) if self.is_sqlite else _Postgres(url, password)
        self._lock = threading.Lock()
        self._pid = 0
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()
        self._free = threading.BoundedSemaphore(_CONNECTIONS)

    @property
    def engine_url(self) -> str:
        """The address as SQLAlchemy wants it, with the password; never to be logged."""
        if self.is_sqlite:
            return f"sqlite:///{path_of(self.url)}"
        parts = urlsplit(self.url)._replace(scheme="postgresql+psycopg")
        if not self._password:
            return parts.geturl()
        user, _, host = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user}:{quote(self._password, safe='')}@{host}").geturl()

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[Transaction]:
        """Statements that are done together when the block ends, or not at all when it raises.

        Raises:
            Unavailable: the database does not answer, or is held up for too long.
        """
        self._after_fork()
        free = self._free
        if not free.acquire(timeout=_WAIT_S):
            raise Unavailable("the store of jobs is busy", retry_after_s=1)
        connection: Any = None
        try:
            try:
                connection = self._take()
                with self._dialect.within(connection, write) as transaction:
                    yield transaction
            except self._dialect.failures() as error:
                self._dialect.close(connection)
                connection = None
                raise Unavailable("the store of jobs does not answer", retry_after_s=1) from error
        finally:
            if connection is not None:
                self._idle.put(connection)
            free.release()

    def migrate(self, statements: Sequence[str]) -> None:
        """Make what is missing; any number of processes may do so at a time.

        Raises:
            Unavailable: as `transaction`.
        """
        with self.transaction() as transaction:
            if not self.is_sqlite:
                transaction.run("SELECT pg_advisory_xact_lock(?)", [_MIGRATION_LOCK])
            for statement in statements:
                transaction.run(self._dialect.types(statement))

    def close(self) -> None:
        """Close the connections of this process that are idle."""
        while self._pid == os.getpid() and not self._idle.empty():
            self._dialect.close(self._idle.get())

    def _take(self) -> Any:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._dialect.connect()

    def _after_fork(self) -> None:
        """Connections of the parent are not ours to use."""
        if self._pid == os.getpid():
            return
        with self._lock:
            if self._pid != os.getpid():
                self._idle = queue.LifoQueue()
                self._free = threading.BoundedSemaphore(_CONNECTIONS)
                self._pid = os.getpid()


class _Sqlite:
    def __init__(self, path: Path) -> None:
        self._path = path

    def connect(self) -> sqlite3.Connection:
        made = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        # Readers do not wait for writers. It is a property of the file, so that the engine's connections have it too.
        made.execute("PRAGMA journal_mode=WAL")
        return made

    def failures(self) -> type[Exception]:
        return sqlite3.OperationalError

    @staticmethod
    def types(statement: str) -> str:
        return statement

    @contextmanager
    def within(self, connection: sqlite3.Connection, write: bool) -> Iterator[Transaction]:
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            yield _SqliteTransaction(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    @staticmethod
    def close(connection: sqlite3.Connection | None) -> None:
        if connection is not None:
            connection.close()


class _SqliteTransaction:
    # 40587 days lie between the two calendars' zeros that are meant here.
    _NOW = "((julianday('now') - 2440587.5) * 86400.0)"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[object] = ()) -> Cursor:
        return self._connection.execute(statement.replace("{now}", self._NOW), values)

    def many(self, statement: str, rows: Sequence[Sequence[object]]) -> int:
        return self._connection.executemany(statement.replace("{now}", self._NOW), rows).rowcount if rows else 0


class _Postgres:
    def __init__(self, url: str, password: str | None) -> None:
        self._url = url
        self._password = password

    def connect(self) -> Any:
        import psycopg  # only where it is used: it would cost each API worker 20 MB

        given: dict[str, Any] = {"password": self._password} if self._password else {}
        return psycopg.connect(self._url, autocommit=True, connect_timeout=_CONNECT_S, **given)

    def failures(self) -> type[Exception]:
        import psycopg

        return psycopg.OperationalError

    @staticmethod
    def types(statement: str) -> str:
        return statement.replace(" REAL", " DOUBLE PRECISION").replace(" INTEGER", " BIGINT")

    @contextmanager
    def within(self, connection: Any, write: bool) -> Iterator[Transaction]:
        with connection.transaction():
            yield _PostgresTransaction(connection)

    @staticmethod
    def close(connection: Any) -> None:
        if connection is not None:
            connection.close()


class _PostgresTransaction:
    _NOW = "extract(epoch from clock_timestamp())::double precision"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[object] = ()) -> Cursor:
        cursor: Cursor = self._connection.execute(self._told(statement), values)
        return cursor

    def many(self, statement: str, rows: Sequence[Sequence[object]]) -> int:
        if not rows:
            return 0
        with self._connection.cursor() as cursor:
            cursor.executemany(self._told(statement), rows)
            changed: int = cursor.rowcount
        return changed

    def _told(self, statement: str) -> str:
        return statement.replace("?", "%s").replace("{now}", self._NOW)


def path_of(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(unquote(urlsplit(url).path))


def database_of(settings: Settings) -> Database | None:
    """The database that the settings name, or None where jobs are off.

    Raises:
        SettingsError: the address cannot be read, or the file with the password cannot.
    """
    url = settings.jobs_database
    if url in ("", OFF):
        return None
    if settings.jobs_database_password_file is None:
        return Database(url)
    try:
        password = settings.jobs_database_password_file.read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"PRECIS_JOBS_DATABASE_PASSWORD_FILE: {error.strerror}") from None
    return Database(url, password)
