"""The port to the graph: the truth of textual memory, kept in Neo4j, and its twin in RAM.

Every method takes the tenant; a row of another tenant is neither read, changed nor counted.

    (Memory)-[:DERIVED_FROM]->(Message)       what a memory rests on
    (Memory)-[:PARENT, RELATES, CAUSE, FOLLOWS, MERGED_TO, SUPERSEDES, CONTRADICTS]->(Memory)    inside a cube
    (Job)                                     one per applied job: the witness that makes effects happen once
    (Lane {fence, bulk_fence, next_seq})      the newest fences that wrote here, and the next message's number
    (Retention)                               what a cube says of how long its memories stay; most cubes have none
    (Reading {said})                          what a cube wants of its facts, as JSON; most cubes have none
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from memos.configs.reading import ReadingConfig
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.organize.decay import DecayPolicy
from memos.organize.plan import Plan
from memos.organize.retention import Retention
from memos.organize.revise import NO_REVISION, Revision
from memos.types import Edge, Memory, MemoryStatus, Message, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class JobWrite:
    """All that one job does to the graph. With ``replaces``, memories take the place of those with their ids.

    Those of the memories that ``taken_over`` names, and all that are ``archived``, are known memories in their next
    version.
    """

    job: JobId
    user: UserId
    messages: tuple[Message, ...]
    memories: tuple[Memory, ...]
    replaces: bool = False
    revision: Revision = NO_REVISION
    taken_over: frozenset[MemoryId] = frozenset()
    archived: tuple[Memory, ...] = ()

    @property
    def made(self) -> list[Memory]:
        """The memories that are new, or replace others whatever these were."""
        return [memory for memory in self.memories if memory.id not in self.taken_over]

    @property
    def rewritten(self) -> list[Memory]:
        """The memories that are there already, as they will be."""
        return [*(memory for memory in self.memories if memory.id in self.taken_over), *self.archived]

    @property
    def memory_ids(self) -> list[MemoryId]:
        """The memories that the job wrote, and then those that it said again."""
        said_again = (each.memory for each in self.revision.reinforced)
        return list(dict.fromkeys((*(memory.id for memory in self.memories), *said_again)))


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletedCounts:
    """How many nodes a deletion removed."""

    memories: int
    messages: int
    jobs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SaidCounts:
    """How much of what a user said was removed from a cube, and in how many jobs it had come."""

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

        A job that is applied already is skipped whole, its revision too; what a revision says of a memory that is not
        in this cube has no effect. A memory whose id is there stays as it is; one of a write that
        ``replaces`` takes its place, version and sources included, and keeps its relations; one that is ``rewritten``
        does so if the stored one has the version before, and otherwise has no effect. Messages get the session's next
        sequence numbers. With a ``fence``, raises Fenced, and writes nothing, when the lane has seen a larger one;
        a session's ``bulk`` lane has fences of its own.
        """
        ...

    def find_memories(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> dict[MemoryId, Memory]:
        """Those of the ids that exist in this cube, whatever their status."""
        ...

    def find_by_subjects(self, tenant: TenantId, cube: CubeId, subjects: Sequence[str], *, limit: int) -> list[Memory]:
        """The active memories of these subjects (``memos.organize.revise.subject_of``), at most ``limit``.

        Those without an end come first, of each kind the last said. Costs what there is of these subjects. Memories
        that were written before there were subjects have none, and are not found.
        """
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

    def freshen(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> None:
        """Have the next reorganisation look at these again; what is not there is left out."""
        ...

    def list_fresh(self, tenant: TenantId, cube: CubeId, *, limit: int) -> list[Memory]:
        """Memories that were written, got another text or status, or were superseded, since a plan has seen them.

        In no order; costs what it finds. Documents and working memory are never fresh, nor is what was written before
        there were reorganisations. A summary is when one of its memories was deleted.
        """
        ...

    def apply_plan(self, tenant: TenantId, cube: CubeId, plan: Plan) -> bool:
        """Do all that a plan says, in one transaction, and have what it has seen be fresh no more.

        False, and nothing done, when a memory that it rests on is gone, has another version, or is not fresh any more
        though the plan has seen it so: then plan again. So a second call changes nothing. What was written lags in the
        index; the rows of what was removed are the caller's to delete.
        """
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
        """Let the importance of a cube's memories fade up to now, and end those that have expired.

        Returns those that were archived, in no order.

        Applies ``memos.organize.decay.age`` to every memory, whose importance, status and version change together or
        not at all; an archived one lags in the index. A second call at the same time changes nothing, and a call after
        one that failed half-way does the rest. Several at once archive each memory once.
        """
        ...

    def archive_memories(
        self, tenant: TenantId, cube: CubeId, versions: Mapping[MemoryId, int], *, now_ms: int
    ) -> list[MemoryId]:
        """Archive the active ones among these memories that still have the version given; returns which, in no order.

        All in one transaction, so give some hundreds at a time. An archived one has its next version, and lags.
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
        """Remove memories for good; returns how many there were. Messages stay.

        A summary of one, which holds the same words, is archived and fresh: a reorganisation makes it anew.
        """
        ...

    def list_said(self, tenant: TenantId, cube: CubeId, user: UserId) -> list[MessageId]:
        """All messages of a user's turns in a cube, in no order."""
        ...

    def forget_said(self, tenant: TenantId, cube: CubeId, user: UserId, *, now_ms: int) -> SaidCounts:
        """Remove a user's messages and jobs from a cube. A second call returns zeros.

        What rests on such a message, or has one before its own, is changed as ``memos.organize.forget.loosen`` says,
        and lags in the index. What nothing is left of is to be deleted before. A call that fails half-way may be
        repeated.
        """
        ...

    def set_retention(self, tenant: TenantId, cube: CubeId, retention: Retention) -> None:
        """Have a cube say how long its memories stay, in the place of all that it said before."""
        ...

    def find_retention(self, tenant: TenantId, cube: CubeId) -> Retention | None:
        """What a cube said last, be it without a limit; None when it never said anything."""
        ...

    def set_reading(self, tenant: TenantId, cube: CubeId, reading: ReadingConfig) -> None:
        """Have a cube say what it wants of its facts, in the place of all that it said before."""
        ...

    def find_reading(self, tenant: TenantId, cube: CubeId) -> ReadingConfig | None:
        """What a cube said last, be it nothing; None when it never said anything.

        Raises Corrupt for what is stored and is no such configuration.
        """
        ...

    def delete_cube(self, tenant: TenantId, cube: CubeId, *, keep_settings: bool = False) -> DeletedCounts:
        """Remove a cube with all of its nodes, or all but its retention and reading. A second call returns zeros.

        What is kept is for a cube that is emptied and goes on.
        """
        ...

    def ping(self) -> str:
        """The server's name and version. Raises Unavailable within 5 s."""
        ...

    def close(self) -> None: ...
