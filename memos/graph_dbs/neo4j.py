"""The graph in Neo4j 5.26 or later, any edition, and in what speaks its protocol, such as ArcadeDB.

Every write here may be repeated without harm, as memos/graph_dbs/bolt.py does: applying jobs finds them applied, and
marks and deletions come out the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from memos.clock import Clock, SystemClock
from memos.configs.graph_db import Neo4jGraphDBConfig
from memos.configs.reading import ReadingConfig
from memos.configs.secret import reveal
from memos.errors import InvalidConfig, NotFound
from memos.graph_dbs import rows as layout
from memos.graph_dbs.base import DeletedCounts, JobWrite, SaidCounts
from memos.graph_dbs.bolt import Bolt
from memos.graph_dbs.decay_writer import DecayWriter
from memos.graph_dbs.edge_rows import distinct_edges, read_edges
from memos.graph_dbs.edge_writer import ALL, EdgeWriter
from memos.graph_dbs.forget_writer import ForgetWriter
from memos.graph_dbs.lane_writer import LaneWriter, Run, run_in_chunks
from memos.graph_dbs.last_messages import find_last_messages
from memos.graph_dbs.message_rows import (
    keys_before,
    once_each,
    read_contexts,
    read_sources,
    said_parameters,
)
from memos.graph_dbs.plan_writer import PlanWriter, hiding_parameters
from memos.graph_dbs.queries import load_statements
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId, storage_key
from memos.organize.decay import DecayPolicy
from memos.organize.plan import Plan
from memos.organize.retention import Retention
from memos.types import Edge, Memory, MemoryStatus, Message, Source

SCHEMA_VERSION: Final = 1
NODES_PER_DELETE: Final = 500

_SCHEMA_KEY: Final = "memos"


class Neo4jGraph:
    """A GraphStore over Bolt. Thread-safe. Connects at first use; make a new one after a fork."""

    def __init__(self, url: str, user: str, password: str, database: str, *, clock: Clock | None = None) -> None:
        self._bolt = Bolt(url, (user, password), database, clock or SystemClock())

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
        distinct = once_each(cube, writes)
        self._bolt.transact(lambda run: writer.write(run, distinct))

    def find_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> dict[MemoryId, Memory]:
        """Those of the ids that exist in this cube, whatever their status."""
        found = self._bolt.collect("find_memories", tenant=tenant, cube=cube, keys=layout.keys_of(tenant, cube, ids))
        return {memory.id: memory for memory in _memories(found)}

    def find_by_subjects(self, tenant: TenantId, cube: CubeId, subjects: Sequence[str], *, limit: int) -> list[Memory]:
        """The active memories of these subjects, at most ``limit``: those without an end first, then the last said."""
        wanted = {"subject_keys": layout.keys_of(tenant, cube, subjects), "activated": MemoryStatus.ACTIVATED.value}
        found = self._bolt.collect("find_by_subjects", tenant=tenant, cube=cube, limit=max(limit, 0), **wanted)
        return _memories(found)

    def find_sources(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]
    ) -> dict[MemoryId, tuple[Source, ...]]:
        """The messages behind each memory, oldest first, in one query."""
        keys = layout.keys_of(tenant, cube, ids)
        return read_sources(self._bolt.collect("find_sources", tenant=tenant, cube=cube, keys=keys))

    def find_contexts(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]
    ) -> dict[MemoryId, tuple[Source, ...]]:
        """The messages behind each memory, each behind the message before it, in two queries."""
        names = {"tenant": tenant, "cube": cube}
        found = self._bolt.collect("find_sources", keys=layout.keys_of(tenant, cube, ids), **names)
        keys = keys_before(tenant, cube, [message for _, message in found])
        before = self._bolt.collect("find_messages", order_keys=keys, **names) if keys else []
        return read_contexts(found, before)

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
        return _memories(self._bolt.collect("list_memories", tenant=tenant, cube=cube, status=wanted, **bounds))

    def list_messages(
        self, tenant: TenantId, cube: CubeId, session: SessionId, *, limit: int
    ) -> list[tuple[UserId, Message]]:
        """The last ``limit`` messages of a session, oldest first, each with the user whose turn it was."""
        return find_last_messages(self._bolt, tenant, cube, session, limit=max(limit, 0))

    def list_lagging(self, tenant: TenantId, cube: CubeId, *, limit: int) -> list[Memory]:
        """Memories whose ``indexed_version`` is behind their ``version``; the cost grows with their number only."""
        key = storage_key(tenant, cube)
        found = self._bolt.collect("list_lagging", tenant=tenant, cube=cube, cube_key=key, limit=max(limit, 0))
        return _memories(found)

    def freshen(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> None:
        """Have the next reorganisation look at these again."""
        rows = [{"key": key} for key in layout.keys_of(tenant, cube, ids)]
        names = {"tenant": tenant, "cube": cube, "cube_key": storage_key(tenant, cube)}
        self._bolt.transact(lambda run: run_in_chunks(run, "freshen_memories", rows, names))

    def list_fresh(self, tenant: TenantId, cube: CubeId, *, limit: int) -> list[Memory]:
        """Memories that no reorganisation has seen as they are now."""
        key = storage_key(tenant, cube)
        found = self._bolt.collect("list_fresh", tenant=tenant, cube=cube, cube_key=key, limit=max(limit, 0))
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
        return _only(_memories([row["memory"] for row in found]), memory.cube, memory.id)

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
        distinct = distinct_edges(edges)
        self._bolt.transact(lambda run: EdgeWriter(tenant, cube).link(run, distinct))

    def unlink(self, tenant: TenantId, cube: CubeId, edges: Sequence[Edge]) -> int:
        """Remove these relations in one transaction; returns how many there were."""
        distinct = distinct_edges(edges)
        return self._bolt.transact(lambda run: EdgeWriter(tenant, cube).unlink(run, distinct))

    def find_edges(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId], *, limit: int | None = None
    ) -> list[Edge]:
        """The relations that begin or end at these memories, each once; ``limit`` of them at most."""
        wanted = {"keys": layout.keys_of(tenant, cube, ids), "limit": ALL if limit is None else max(limit, 0)}
        return read_edges(self._bolt.collect("find_edges", tenant=tenant, cube=cube, **wanted))

    def delete_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> int:
        """Remove memories for good; returns how many there were."""
        keys = layout.keys_of(tenant, cube, ids)

        def delete(run: Run) -> int:
            run("hide_summaries", hiding_parameters(tenant, cube, keys))
            return int(run("delete_memories", {"tenant": tenant, "cube": cube, "keys": keys})[0]["deleted"])

        return self._bolt.transact(delete)

    def list_said(self, tenant: TenantId, cube: CubeId, user: UserId) -> list[MessageId]:
        """All messages of a user's turns in a cube."""
        found = self._bolt.query("list_said", **said_parameters(tenant, cube, user, limit=ALL))
        return [MessageId(row["id"]) for row in found]

    def forget_said(self, tenant: TenantId, cube: CubeId, user: UserId, *, now_ms: int) -> SaidCounts:
        """Remove a user's messages and jobs from a cube, some at a time."""
        messages = ForgetWriter(tenant, cube, user, now_ms=now_ms).run(self._bolt.transact)
        return SaidCounts(messages=messages, jobs=self._delete_all("delete_user_jobs", tenant, cube, user=user))

    def set_retention(self, tenant: TenantId, cube: CubeId, retention: Retention) -> None:
        """Have a cube say how long its memories stay, in one node of its own."""
        key, limits = storage_key(tenant, cube), asdict(retention)
        self._bolt.change("set_retention", tenant=tenant, cube=cube, key=key, limits=limits)

    def find_retention(self, tenant: TenantId, cube: CubeId) -> Retention | None:
        """What a cube said last, or None."""
        found = self._bolt.query("find_retention", tenant=tenant, cube=cube, key=storage_key(tenant, cube))
        return layout.read_retention(found[0]["retention"]) if found else None

    def set_reading(self, tenant: TenantId, cube: CubeId, reading: ReadingConfig) -> None:
        """Have a cube say what it wants of its facts, in one node of its own."""
        key, said = storage_key(tenant, cube), layout.reading_json(reading)
        self._bolt.change("set_reading", tenant=tenant, cube=cube, key=key, said=said)

    def find_reading(self, tenant: TenantId, cube: CubeId) -> ReadingConfig | None:
        """What a cube said last, or None."""
        found = self._bolt.query("find_reading", tenant=tenant, cube=cube, key=storage_key(tenant, cube))
        return layout.read_reading(found[0]["said"], cube) if found else None

    def delete_cube(self, tenant: TenantId, cube: CubeId, *, keep_settings: bool = False) -> DeletedCounts:
        """Remove a cube with all of its nodes, or all but its retention and reading, some at a time; a call that fails
        half-way may be repeated."""
        memories = self._delete_all("delete_cube_memories", tenant, cube)
        messages = self._delete_all("delete_cube_messages", tenant, cube)
        jobs = self._delete_all("delete_cube_jobs", tenant, cube)
        self._delete_all("delete_cube_lanes", tenant, cube)
        for name in () if keep_settings else ("delete_cube_retention", "delete_cube_reading"):
            self._bolt.change(name, tenant=tenant, cube=cube, key=storage_key(tenant, cube))
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


def build_graph(config: Neo4jGraphDBConfig) -> Neo4jGraph:
    """The graph that the configuration describes."""
    return Neo4jGraph(config.url, config.user, reveal(config.password), config.database)


def _memories(found: Sequence[Mapping[str, Any]]) -> list[Memory]:
    return [layout.read_memory(properties) for properties in found]


def _only(found: Sequence[Memory], cube: CubeId, memory: MemoryId) -> Memory:
    if not found:
        raise NotFound(f"no memory {memory!r} in cube {cube!r}")
    return found[0]
