"""What became of each memory: an entry for every change, in a SQL database. Every row begins with the tenant."""

import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import (
    URL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    delete,
    insert,
    select,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from memos.errors import InvalidConfig
from memos.ids import MAX_ID_CHARS, CubeId, TenantId, cube_id, tenant_id
from memos.mem0.config import MemoryConfig
from memos.mem_user.database import Database
from memos.memories.textual.item import TextualMemoryItem
from memos.settings import Settings

Event = Literal["ADD", "UPDATE", "DELETE"]
_METADATA: Final = MetaData()
ENTRIES: Final = Table(
    "memos_mem0_history",
    _METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant", String(MAX_ID_CHARS), nullable=False),
    Column("cube_id", String(MAX_ID_CHARS), nullable=False),
    Column("memory_id", String(MAX_ID_CHARS), nullable=False),
    Column("id", String(36), nullable=False),
    Column("old_memory", Text),
    Column("new_memory", Text),
    Column("event", String(16), nullable=False),
    Column("created_at", String(40)),
    Column("updated_at", String(40)),
    Column("is_deleted", Boolean, nullable=False),
    Column("actor_id", Text),
    Column("role", Text),
)
_BY_MEMORY: Final = Index("memos_mem0_history_memory", ENTRIES.c.tenant, ENTRIES.c.cube_id, ENTRIES.c.memory_id)
_SHOWN: Final = ("id", "memory_id", "old_memory", "new_memory", "event", "created_at", "updated_at")
_SHOWN_LAST: Final = ("is_deleted", "actor_id", "role")


class History:
    """The entries of one cube of one tenant. Thread-safe; shared through the database."""

    def __init__(self, database_url: str, *, tenant: TenantId, cube: CubeId) -> None:
        self._database = _HistoryDatabase(database_url)
        self._keys = {"tenant": tenant, "cube_id": cube}

    @contextmanager
    def writing(self) -> Generator["Entries"]:
        """Entries to be kept if the block succeeds, and forgotten if it fails: make the change itself inside."""
        with self._database.transaction() as connection:
            yield Entries(connection, self._keys)

    def entries_of(self, memory_id: str) -> list[dict[str, Any]]:
        """The entries of a memory, the oldest first; none for one that never was."""
        columns = [ENTRIES.c[name] for name in (*_SHOWN, *_SHOWN_LAST)]
        wanted = and_(self._mine(), ENTRIES.c.memory_id == memory_id)
        with self._database.transaction() as connection:
            rows = connection.execute(select(*columns).where(wanted).order_by(ENTRIES.c.number))
            return [dict(row) for row in rows.mappings()]

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def _mine(self) -> Any:
        return and_(*(ENTRIES.c[name] == value for name, value in self._keys.items()))


class Entries:
    """Entries that are being written."""

    def __init__(self, connection: Connection, keys: Mapping[str, str]) -> None:
        self._connection = connection
        self._keys = keys

    def added(self, items: Sequence[TextualMemoryItem]) -> None:
        """These items are new."""
        self._write([_entry("ADD", item, new=item.memory) for item in items])

    def updated(self, old: TextualMemoryItem, new: TextualMemoryItem) -> None:
        """One item took the place of another."""
        self._write([_entry("UPDATE", new, old=old.memory, new=new.memory)])

    def deleted(self, items: Sequence[TextualMemoryItem], at: str) -> None:
        """These items are gone since then."""
        self._write([{**_entry("DELETE", item, old=item.memory), "updated_at": at} for item in items])

    def forget(self) -> None:
        """Remove all entries of the cube."""
        mine = and_(*(ENTRIES.c[name] == value for name, value in self._keys.items()))
        self._connection.execute(delete(ENTRIES).where(mine))

    def _write(self, entries: Sequence[Mapping[str, Any]]) -> None:
        if entries:
            self._connection.execute(insert(ENTRIES), [{**self._keys, **entry} for entry in entries])


class _HistoryDatabase(Database):
    """A database, opened as that of users and cubes is, with a table of its own."""

    def _prepare(self, engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(CreateTable(ENTRIES, if_not_exists=True))
            connection.execute(CreateIndex(_BY_MEMORY, if_not_exists=True))


def _entry(event: Event, item: TextualMemoryItem, *, old: str | None = None, new: str | None = None) -> dict[str, Any]:
    known = item.metadata
    return {
        "id": str(uuid.uuid4()),
        "memory_id": item.id,
        "old_memory": old,
        "new_memory": new,
        "event": event,
        "created_at": None if known.created_at is None else known.created_at.isoformat(),
        "updated_at": None if known.updated_at is None else known.updated_at.isoformat(),
        "is_deleted": event == "DELETE",
        "actor_id": known.info.get("actor_id"),
        "role": known.info.get("role"),
    }


def open_history(config: MemoryConfig, settings: Settings) -> History:
    """The history in the file that ``config`` names, else in the database of the settings. Raises InvalidConfig."""
    file = config.history_db_path
    return History(
        settings.database if file is None else _url_of(file),
        tenant=tenant_id(settings.tenant),
        cube=cube_id(config.vector_store.collection),
    )


def _url_of(path: str) -> str:
    if path in ("", ":memory:"):
        raise InvalidConfig("history_db_path must name a file: in memory it cannot be shared by threads and processes")
    url = URL.create("sqlite", database=str(Path(path).expanduser().absolute()))
    return url.render_as_string(hide_password=False)
