"""The graph in Neo4j 5.26 or later, any edition, and in what speaks its protocol, such as ArcadeDB.

A conflict with another transaction, also two first writers of one key, starts the transaction again. A lost
connection is tried again at once, because a restarted server leaves dead connections in the pool. Every write here may
be repeated without harm: applying jobs finds them applied, and marks and deletions come out the same.
"""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, LiteralString, TypeVar

from neo4j import Driver, GraphDatabase, Query, Result, Session
from neo4j.exceptions import (
    AuthError,
    ConnectionAcquisitionTimeoutError,
    ConstraintError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
    TransientError,
)

from memos.clock import Clock, SystemClock
from memos.configs.graph_db import Neo4jGraphDBConfig
from memos.configs.secret import reveal
from memos.errors import InvalidConfig, InvalidRequest, NotFound, Unavailable
from memos.graph_dbs import rows as layout
from memos.graph_dbs.base import DeletedCounts, JobWrite, SaidCounts
from memos.graph_dbs.decay_writer import DecayWriter
from memos.graph_dbs.edge_writer import ALL, EdgeWriter
from memos.graph_dbs.forget_writer import ForgetWriter
from memos.graph_dbs.lane_writer import LaneWriter, Run, run_in_chunks
from memos.graph_dbs.plan_writer import PlanWriter, hiding_parameters
from memos.graph_dbs.queries import load_query, load_statements
from memos.graph_dbs.rows import Row
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId, storage_key
from memos.organize.decay import DecayPolicy
from memos.organize.plan import Plan
from memos.types import Edge, Memory, MemoryStatus, Message, Source

SCHEMA_VERSION: Final = 1
CONNECT_TIMEOUT_S: Final = 3.0
READ_TIMEOUT_S: Final = 4.0
CONFLICT_PATIENCE_S: Final = 4.0
RECONNECT_PATIENCE_S: Final = 0.5
NODES_PER_DELETE: Final = 500

_SCHEMA_KEY: Final = "memos"
_LOST: Final = (ServiceUnavailable, SessionExpired)
_CONFLICTS: Final = (TransientError, ConstraintError)
_T = TypeVar("_T")


class Neo4jGraph:
    """A GraphStore over Bolt. Thread-safe. Connects at first use; make a new one after a fork."""

    def __init__(self, url: str, user: str, password: str, database: str, *, clock: Clock | None = None) -> None:
        self._bolt = _Bolt(url, (user, password), database, clock or SystemClock())

    def ensure_schema(self) -> None:
        """Make constraints and indexes. Raises InvalidConfig when a newer or older memos made the graph."""
        for statement in load_statements("schema"):
            self._bolt.run(statement, {})
        (found,) = self._bolt.change("schema_version", key=_SCHEMA_KEY, version=SCHEMA_VERSION)
        if found["version"] != SCHEMA_VERSION:
            raise InvalidConfig(
                f"the graph has schema version {found['version']}, this memos has {SCHEMA_VERSION}; "
                "use the memos that made it, or another MEMOS_NEO4J_DATABASE"
            )

    def find_applied(self, tenant: TenantId, cube: CubeId, jobs: Sequence[JobId]) -> dict[JobId, list[MemoryId]]:
        """Of these jobs, the ones already applied, each with the memories it wrote."""
        found = self._bolt.query("find_applied", tenant=tenant, cube=cube, keys=layout.keys_of(tenant, cube, jobs))
        return {JobId(row["id"]): [MemoryId(memory) for memory in row["memory_ids"]] for row in found}

    def apply_jobs(
        self,
        tenant: TenantId,
        cube: CubeId,
        session: SessionId,
        writes: Sequence[JobWrite],
        *,
        fence: int | None,
        bulk: bool = False,
    ) -> None:
        """Write jobs, messages and memories in one transaction. What has an id that exists already stays as it is."""
        writer = LaneWriter(tenant, cube, session, fence, bulk=bulk)
        distinct = layout.once_each(cube, writes)
        self._bolt.transact(lambda run: writer.write(run, distinct))

    def find_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> dict[MemoryId, Memory]:
        """Those of the ids that exist in this cube, whatever their status."""
        found = self._bolt.query("find_memories", tenant=tenant, cube=cube, keys=layout.keys_of(tenant, cube, ids))
        return {memory.id: memory for memory in _memories(found)}

    def find_by_subjects(self, tenant: TenantId, cube: CubeId, subjects: Sequence[str], *, limit: int) -> list[Memory]:
        """The active memories of these subjects, at most ``limit``: those without an end first, then the last said."""
        wanted = {"subject_keys": layout.keys_of(tenant, cube, subjects), "activated": MemoryStatus.ACTIVATED.value}
        return _memories(self._bolt.query("find_by_subjects", tenant=tenant, cube=cube, limit=max(limit, 0), **wanted))

    def find_sources(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]
    ) -> dict[MemoryId, tuple[Source, ...]]:
        """The messages behind each memory, oldest first, in one query."""
        found = self._bolt.query("find_sources", tenant=tenant, cube=cube, keys=layout.keys_of(tenant, cube, ids))
        return layout.read_sources((MemoryId(row["memory_id"]), row["message"]) for row in found)

    def find_contexts(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]
    ) -> dict[MemoryId, tuple[Source, ...]]:
        """The messages behind each memory, each behind the message before it, in two queries."""
        names = {"tenant": tenant, "cube": cube}
        found = self._bolt.query("find_sources", keys=layout.keys_of(tenant, cube, ids), **names)
        keys = layout.keys_before(tenant, cube, [row["message"] for row in found])
        before = self._bolt.query("find_messages", order_keys=keys, **names) if keys else []
        pairs = [(MemoryId(row["memory_id"]), row["message"]) for row in found]
        return layout.read_contexts(pairs, [row["message"] for row in before])

    def list_memories(
        self,
        tenant: TenantId,
        cube: CubeId,
        *,
        status: MemoryStatus | None = MemoryStatus.ACTIVATED,
        after: MemoryId | None = None,
        limit: int = 1000,
    ) -> list[Memory]:
        """A page of memories, oldest first. Raises NotFound when ``after`` was deleted: then list from the start."""
        above, below = layout.cube_range(tenant, cube)
        if after is not None:
            above = layout.order_key(tenant, self._get(tenant, cube, after))
        bounds = {"above": above, "below": below, "limit": max(limit, 0)}
        wanted = None if status is None else status.value
        return _memories(self._bolt.query("list_memories", tenant=tenant, cube=cube, status=wanted, **bounds))

    def list_messages(
        self, tenant: TenantId, cube: CubeId, session: SessionId, *, limit: int
    ) -> list[tuple[UserId, Message]]:
        """The last ``limit`` messages of a session, oldest first, each with the user whose turn it was."""
        above, below = layout.cube_range(tenant, cube, session)
        bounds = {"above": above, "below": below, "limit": max(limit, 0)}
        found = self._bolt.query("list_messages", tenant=tenant, cube=cube, **bounds)
        return [layout.read_message(row["message"]) for row in reversed(found)]

    def list_lagging(self, tenant: TenantId, cube: CubeId, *, limit: int) -> list[Memory]:
        """Memories whose ``indexed_version`` is behind their ``version``; the cost grows with their number only."""
        key = storage_key(tenant, cube)
        found = self._bolt.query("list_lagging", tenant=tenant, cube=cube, cube_key=key, limit=max(limit, 0))
        return _memories(found)

    def freshen(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> None:
        """Have the next reorganisation look at these again."""
        rows = [{"key": key} for key in layout.keys_of(tenant, cube, ids)]
        names = {"tenant": tenant, "cube": cube, "cube_key": storage_key(tenant, cube)}
        self._bolt.transact(lambda run: run_in_chunks(run, "freshen_memories", rows, names))

    def list_fresh(self, tenant: TenantId, cube: CubeId, *, limit: int) -> list[Memory]:
        """Memories that no reorganisation has seen as they are now."""
        key = storage_key(tenant, cube)
        found = self._bolt.query("list_fresh", tenant=tenant, cube=cube, cube_key=key, limit=max(limit, 0))
        return _memories(found)

    def apply_plan(self, tenant: TenantId, cube: CubeId, plan: Plan) -> bool:
        """Do all that a plan says in one transaction; False, and nothing done, when something changed since."""
        return self._bolt.transact(lambda run: PlanWriter(tenant, cube).write(run, plan))

    def mark_indexed(self, tenant: TenantId, cube: CubeId, versions: Mapping[MemoryId, int]) -> None:
        """Record what the index holds now."""
        rows = [{"key": storage_key(tenant, cube, memory), "version": version} for memory, version in versions.items()]
        parameters = {"tenant": tenant, "cube": cube}
        self._bolt.transact(lambda run: run_in_chunks(run, "mark_indexed", rows, parameters))

    def update_memory(self, tenant: TenantId, memory: Memory) -> Memory:
        """Replace a memory's text and attributes; returns it with the next ``version``."""
        key = storage_key(tenant, memory.cube, memory.id)
        changed = {"properties": layout.update_properties(tenant, memory), "cube_key": storage_key(tenant, memory.cube)}
        found = self._bolt.change("update_memory", tenant=tenant, cube=memory.cube, key=key, **changed)
        return _only(_memories(found), memory.cube, memory.id)

    def decay(self, tenant: TenantId, cube: CubeId, policy: DecayPolicy, *, now_ms: int) -> list[MemoryId]:
        """Let importance fade up to now, end what has expired, some memories a transaction; returns the archived."""
        return list(DecayWriter(tenant, cube, policy, now_ms=now_ms).run(self._bolt.transact))

    def archive_memories(
        self, tenant: TenantId, cube: CubeId, versions: Mapping[MemoryId, int], *, now_ms: int
    ) -> list[MemoryId]:
        """Archive the active ones among these memories that still have the version given; returns which."""
        parameters = layout.archive_parameters(tenant, cube, versions, now_ms=now_ms)
        return [MemoryId(row["id"]) for row in self._bolt.change("archive_memories", **parameters)]

    def link(self, tenant: TenantId, cube: CubeId, edges: Sequence[Edge]) -> None:
        """Relate memories in one transaction, all or none."""
        distinct = layout.distinct_edges(edges)
        self._bolt.transact(lambda run: EdgeWriter(tenant, cube).link(run, distinct))

    def unlink(self, tenant: TenantId, cube: CubeId, edges: Sequence[Edge]) -> int:
        """Remove these relations in one transaction; returns how many there were."""
        distinct = layout.distinct_edges(edges)
        return self._bolt.transact(lambda run: EdgeWriter(tenant, cube).unlink(run, distinct))

    def find_edges(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId], *, limit: int | None = None
    ) -> list[Edge]:
        """The relations that begin or end at these memories, each once; ``limit`` of them at most."""
        wanted = {"keys": layout.keys_of(tenant, cube, ids), "limit": ALL if limit is None else max(limit, 0)}
        return layout.read_edges(self._bolt.query("find_edges", tenant=tenant, cube=cube, **wanted))

    def delete_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> int:
        """Remove memories for good; returns how many there were."""
        keys = layout.keys_of(tenant, cube, ids)

        def delete(run: Run) -> int:
            run("hide_summaries", hiding_parameters(tenant, cube, keys))
            return int(run("delete_memories", {"tenant": tenant, "cube": cube, "keys": keys})[0]["deleted"])

        return self._bolt.transact(delete)

    def list_said(self, tenant: TenantId, cube: CubeId, user: UserId) -> list[MessageId]:
        """All messages of a user's turns in a cube."""
        found = self._bolt.query("list_said", **layout.said_parameters(tenant, cube, user, limit=ALL))
        return [MessageId(row["id"]) for row in found]

    def forget_said(self, tenant: TenantId, cube: CubeId, user: UserId, *, now_ms: int) -> SaidCounts:
        """Remove a user's messages and jobs from a cube, some at a time."""
        messages = ForgetWriter(tenant, cube, user, now_ms=now_ms).run(self._bolt.transact)
        return SaidCounts(messages=messages, jobs=self._delete_all("delete_user_jobs", tenant, cube, user=user))

    def delete_cube(self, tenant: TenantId, cube: CubeId) -> DeletedCounts:
        """Remove a cube with all of its nodes, some at a time; a call that fails half-way may be repeated."""
        memories = self._delete_all("delete_cube_memories", tenant, cube)
        messages = self._delete_all("delete_cube_messages", tenant, cube)
        jobs = self._delete_all("delete_cube_jobs", tenant, cube)
        self._delete_all("delete_cube_lanes", tenant, cube)
        return DeletedCounts(memories=memories, messages=messages, jobs=jobs)

    def ping(self) -> str:
        """The server's name and version. Raises Unavailable when it is away, or the database does not answer."""
        return self._bolt.ping()

    def close(self) -> None:
        """Disconnect. The store may be used again afterwards."""
        self._bolt.close()

    def _get(self, tenant: TenantId, cube: CubeId, memory: MemoryId) -> Memory:
        return _only(list(self.find_memories(tenant, cube, [memory]).values()), cube, memory)

    def _delete_all(self, name: str, tenant: TenantId, cube: CubeId, **more: str) -> int:
        above, below = layout.cube_range(tenant, cube)
        total, deleted = 0, NODES_PER_DELETE
        while deleted == NODES_PER_DELETE:
            bounds = {"above": above, "below": below, "limit": NODES_PER_DELETE}
            (found,) = self._bolt.change(name, tenant=tenant, cube=cube, **bounds, **more)
            deleted = int(found["deleted"])
            total += deleted
        return total


class _Bolt:
    """Sessions of one driver: errors translated, conflicts and lost connections retried, every wait limited."""

    def __init__(self, url: str, auth: tuple[str, str], database: str, clock: Clock) -> None:
        self._url = url
        self._auth = auth
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: Driver | None = None

    def query(self, name: str, **parameters: Any) -> list[Row]:
        """The rows of one named query that changes nothing."""
        return self.run(load_query(name), parameters)

    def run(self, text: LiteralString, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of one statement that may be run twice."""
        return self._attempt(lambda session: _rows(session.run(Query(text), dict(parameters))))

    def change(self, name: str, **parameters: Any) -> list[Row]:
        """The rows of one named query that changes something. In an explicit transaction, because ArcadeDB, when it
        repeats a conflicting statement that has none, may have it take effect twice."""
        return self.transact(lambda run: run(name, parameters))

    def transact(self, work: Callable[[Run], _T]) -> _T:
        """Run ``work`` in a transaction and commit it; an error rolls it back. ``work`` may run several times."""

        def attempt(session: Session) -> _T:
            with session.begin_transaction() as transaction:
                result = work(lambda name, given: _rows(transaction.run(load_query(name), dict(given))))
                transaction.commit()
                return result

        return self._attempt(attempt)

    def ping(self) -> str:
        """The server's name and version."""
        return self._attempt(lambda session: session.run(Query(load_query("ping"))).consume().server.agent)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            driver, self._opened = self._opened, None
        if driver is not None:
            driver.close()

    def _attempt(self, work: Callable[[Session], _T]) -> _T:
        started_s = self._clock.monotonic_s()
        pause_s = 0.004
        while True:
            try:
                with self._driver().session(database=self._database) as session:
                    return work(session)
            except (*_LOST, *_CONFLICTS) as error:
                patience_s = CONFLICT_PATIENCE_S if isinstance(error, _CONFLICTS) else RECONNECT_PATIENCE_S
                if self._clock.monotonic_s() + pause_s > started_s + patience_s:
                    raise self._explain(error) from error
            except (Neo4jError, DriverError) as error:
                raise self._explain(error) from error
            except (UnicodeEncodeError, OverflowError) as error:
                raise InvalidRequest(f"a text or a number that the graph cannot hold: {error!s:.200}") from error
            self._clock.sleep_s(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, 0.25)

    def _driver(self) -> Driver:
        with self._lock:
            if self._opened is None:
                self._opened = _open_driver(self._url, self._auth)
            return self._opened

    def _explain(self, error: Exception) -> Unavailable:
        if isinstance(error, AuthError):
            return Unavailable("neo4j", f"{self._url}: wrong user or password; set MEMOS_NEO4J_PASSWORD")
        reason = " ".join(str(error).split())
        if isinstance(error, (*_LOST, ConnectionAcquisitionTimeoutError)):
            return Unavailable("neo4j", f"{self._url} does not answer ({reason:.200}); check MEMOS_NEO4J_URL")
        return Unavailable("neo4j", f"{self._url}, database {self._database!r}: {reason:.300}")


def _rows(found: Result) -> list[Row]:
    """Queries return scalars and maps only, which need none of the driver's own conversion: it costs twice the time."""
    return [dict(record) for record in found]


def build_graph(config: Neo4jGraphDBConfig) -> Neo4jGraph:
    """The graph that the configuration describes."""
    return Neo4jGraph(config.url, config.user, reveal(config.password), config.database)


def _open_driver(url: str, auth: tuple[str, str]) -> Driver:
    driver = GraphDatabase.driver(
        url,
        auth=auth,
        connection_timeout=CONNECT_TIMEOUT_S,
        connection_write_timeout=CONNECT_TIMEOUT_S,
        connection_acquisition_timeout=READ_TIMEOUT_S,
        telemetry_disabled=True,
    )
    _limit_reads(driver)
    return driver


def _limit_reads(driver: Driver) -> None:
    """Give each connection a time limit for reads. The driver (6.4) has no option for it, and a server that is
    stopped, or behind a network that swallows packets, would be waited for without end."""
    pool: Any = driver._pool  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    open_connection = pool.opener

    def open_with_limit(*arguments: Any) -> Any:
        connection = open_connection(*arguments)
        connection.socket.set_read_timeout(READ_TIMEOUT_S)
        return connection

    pool.opener = open_with_limit


def _memories(found: Sequence[Row]) -> list[Memory]:
    return [layout.read_memory(row["memory"]) for row in found]


def _only(found: Sequence[Memory], cube: CubeId, memory: MemoryId) -> Memory:
    if not found:
        raise NotFound(f"no memory {memory!r} in cube {cube!r}")
    return found[0]
