"""A SQL database that is opened and prepared at first use, with its errors translated.

SQLite is the default: a file of this user alone, in WAL mode, so that readers of other processes never wait for a
writer, and writers wait for each other for up to ``BUSY_S``. PostgreSQL is used by its URL.
"""

import os
import sqlite3
import tempfile
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.schema import CreateTable

from memos.errors import Corrupt, InvalidConfig, MemosError, Unavailable
from memos.mem_user.tables import METADATA, SCHEMA, SCHEMA_VERSION

BUSY_S: Final = 4
_INSERTS: Final = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_SCHEMA_NAME: Final = "memos"


class Database:
    """Transactions on one database. Thread-safe. Opens at first use; make a new one after a fork."""

    def __init__(self, url: str) -> None:
        self._url = _parse_url(url)
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        """A transaction: committed at the end, rolled back by an error."""
        with self._translated(), self._opened().begin() as connection:
            yield connection

    def insert_if_absent(self, connection: Connection, table: Table, values: dict[str, Any]) -> None:
        """Insert a row; one with its primary key stays as it is."""
        statement = _INSERTS[self._url.get_backend_name()](table).values(values)
        connection.execute(statement.on_conflict_do_nothing(index_elements=list(table.primary_key.columns)))

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is None:
                engine = _open(self._url)
                self._prepare(engine)
                self._engine = engine
            return self._engine

    def _prepare(self, engine: Engine) -> None:
        with engine.begin() as connection:
            for table in METADATA.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
            self.insert_if_absent(connection, SCHEMA, {"name": _SCHEMA_NAME, "version": SCHEMA_VERSION})
            found = connection.scalar(select(SCHEMA.c.version).where(SCHEMA.c.name == _SCHEMA_NAME))
        if found != SCHEMA_VERSION:
            raise InvalidConfig(
                f"the database {self._shown} has schema version {found}, this memos has {SCHEMA_VERSION}; "
                "use the memos that made it, or another MEMOS_DATABASE_URL"
            )

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._explain(str(error.orig)) from error
        except SQLAlchemyError as error:
            raise self._explain(str(error)) from error
        except sqlite3.Error as error:  # of a file that is being made
            raise self._explain(str(error)) from error
        except OSError as error:
            raise self._explain(f"{error.filename}: {error.strerror}") from error

    def _explain(self, reason: str) -> MemosError:
        if "not a database" in reason or "malformed" in reason:
            return Corrupt(f"{self._shown} cannot be read as a database ({reason}); restore it from a copy")
        if "disk is full" in reason or "No space left" in reason:
            return Unavailable("database", f"{self._shown}: the disk is full; nothing was stored, free some space")
        return Unavailable("database", f"{self._shown}: {' '.join(reason.split()):.300}; check MEMOS_DATABASE_URL")

    @property
    def _shown(self) -> str:
        return self._url.render_as_string(hide_password=True)


def _parse_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise InvalidConfig("database_url is not a SQLAlchemy URL, such as sqlite:////data/memos.db") from None
    if url.get_backend_name() not in _INSERTS:
        known = ", ".join(sorted(_INSERTS))
        raise InvalidConfig(f"database_url: unknown database {url.get_backend_name()!r}; known: {known}")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise InvalidConfig("database_url: SQLite in memory cannot be shared by threads and processes; name a file")
    return url


def _open(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        _make_file(Path(url.database or ""))
        engine = create_engine(url, connect_args={"timeout": BUSY_S}, pool_timeout=BUSY_S)
        event.listen(engine, "connect", _set_up_sqlite)
        return engine
    try:
        return create_engine(url, connect_args={"connect_timeout": BUSY_S}, pool_timeout=BUSY_S, pool_pre_ping=True)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise InvalidConfig(f"database_url {url.drivername!r} needs a driver that is not installed: {error}") from None


def _make_file(path: Path) -> None:
    """Make an empty database of this user alone, already in WAL mode when others first see it.

    Connections that switch a file's mode at once get "database is locked" without a wait. And a file that exists is
    not opened here, since closing it would drop the locks that SQLite holds on it for this process.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        return
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL").close()
    connection.execute("PRAGMA foreign_keys = ON").close()
