"""The port to the graph: the truth of textual memory, kept in Neo4j, and its twin in RAM.

Every method takes the tenant; a row of another tenant is neither read, changed nor counted.

    (Memory)-[:DERIVED_FROM]->(Message)       what a memory rests on
    (Memory)-[:PARENT, RELATES, CAUSE, FOLLOWS, MERGED_TO, SUPERSEDES, CONTRADICTS]->(Memory)    inside a cube
    (Job)                                     one per applied job: the witness that makes effects happen once
    (Lane {fence, bulk_fence, next_seq})      the newest fences that wrote here, and the next message's number
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from memos.ids import CubeId, JobId, MemoryId, SessionId, TenantId, UserId
from memos.organize.decay import DecayPolicy
from memos.types import Edge, Memory, MemoryStatus, Message, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class JobWrite:
    """All that one job adds to the graph. With ``replaces``, memories take the place of those with their ids."""

    job: JobId
    user: UserId
    messages: tuple[Message, ...]
    memories: tuple[Memory, ...]
    replaces: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletedCounts:
    """How many nodes a deletion removed."""

    memories: int
    messages: int
    jobs: int


class GraphStore(Protocol):
    """The graph of memories, messages and applied jobs.

    Errors: Unavailable when the server is away (within 5 s), Fenced as told below. Conflicts between transactions
    are retried inside.
    """

    def ensure_schema(self) -> None:
        """Make constraints and indexes if missing; safe when two processes do it at once."""
        ...

    def find_applied(self, tenant: TenantId, cube: CubeId, jobs: Sequence[JobId]) -> dict[JobId, list[MemoryId]]:
        """Of these jobs, the ones already applied, each with the memories it wrote."""
        ...

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
        """Write jobs, messages and memories in one transaction, all or nothing.

        A job that is applied already is skipped whole. A memory whose id is there stays as it is; one of a write that
        ``replaces`` takes its place, version and sources included, and keeps its relations. Messages get the session's
        next sequence numbers. With a ``fence``, raises Fenced, and writes nothing, when the lane has seen a larger one;
        a session's ``bulk`` lane has fences of its own.
        """
        ...

    def find_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> dict[MemoryId, Memory]:
        """Those of the ids that exist in this cube, whatever their status."""
        ...

    def find_sources(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]
    ) -> dict[MemoryId, tuple[Source, ...]]:
        """The messages behind each memory, oldest first; an id without any is left out."""
        ...

    def find_contexts(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]
    ) -> dict[MemoryId, tuple[Source, ...]]:
        """The messages behind each memory, each behind the message before it in its session, in the order of speech.

        A message comes once; an id without any is left out.
        """
        ...

    def list_memories(
        self,
        tenant: TenantId,
        cube: CubeId,
        *,
        status: MemoryStatus | None = MemoryStatus.ACTIVATED,
        after: MemoryId | None = None,
        limit: int = 1000,
    ) -> list[Memory]:
        """A page of memories, oldest first (by ``created_at_ms``, then ``id``), beginning behind ``after``."""
        ...

    def list_messages(
        self, tenant: TenantId, cube: CubeId, session: SessionId, *, limit: int
    ) -> list[tuple[UserId, Message]]:
        """The last ``limit`` messages of a session, oldest first, each with the user whose turn it was."""
        ...

    def list_lagging(self, tenant: TenantId, cube: CubeId, *, limit: int) -> list[Memory]:
        """Memories whose ``indexed_version`` is behind their ``version``."""
        ...

    def mark_indexed(self, tenant: TenantId, cube: CubeId, versions: Mapping[MemoryId, int]) -> None:
        """Record what the index holds now; never moves ``indexed_version`` back."""
        ...

    def update_memory(self, tenant: TenantId, memory: Memory) -> Memory:
        """Replace a memory's text and attributes; returns it with the next ``version``. Raises NotFound.

        Fields that say where it came from (user, session, creation, sources) keep their stored values.
        """
        ...

    def decay(self, tenant: TenantId, cube: CubeId, policy: DecayPolicy, *, now_ms: int) -> list[MemoryId]:
        """Let the importance of a cube's memories fade up to now; returns those archived for it, in no order.

        Applies ``memos.organize.decay.age`` to every memory, whose importance, status and version change together or
        not at all; an archived one lags in the index. A second call at the same time changes nothing, and a call after
        one that failed half-way does the rest. Several at once archive each memory once.
        """
        ...

    def link(self, tenant: TenantId, cube: CubeId, edges: Sequence[Edge]) -> None:
        """Relate memories, all or none; an edge that is there already stays one edge.

        Raises NotFound when an end is not in this cube, InvalidRequest for an end that is both, and for DERIVED_FROM.
        """
        ...

    def unlink(self, tenant: TenantId, cube: CubeId, edges: Sequence[Edge]) -> int:
        """Remove these relations; returns how many there were."""
        ...

    def find_edges(
        self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId], *, limit: int | None = None
    ) -> list[Edge]:
        """The relations that begin or end at these memories, each once, in no order; ``limit`` of them at most."""
        ...

    def delete_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> int:
        """Remove memories for good; returns how many there were. Messages stay."""
        ...

    def delete_cube(self, tenant: TenantId, cube: CubeId) -> DeletedCounts:
        """Remove a cube with all of its nodes. A second call returns zeros."""
        ...

    def ping(self) -> str:
        """The server's name and version. Raises Unavailable within 5 s."""
        ...

    def close(self) -> None: ...
