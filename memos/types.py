"""The values that travel between the parts: messages, memories, jobs. Frozen, and free of any store's habits.

Times are integers in milliseconds since the epoch, UTC, and say so in their names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId


class Role(StrEnum):
    """Who spoke, in the words of every chat API."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class MemoryType(StrEnum):
    """MemOS's four shelves of textual memory."""

    WORKING = "WorkingMemory"
    LONG_TERM = "LongTermMemory"
    USER = "UserMemory"
    OUTER = "OuterMemory"


class Category(StrEnum):
    """What sort of statement a memory is."""

    FACT = "fact"
    PREFERENCE = "preference"
    EVENT = "event"
    PLAN = "plan"
    RELATION = "relation"
    INSTRUCTION = "instruction"


class MemoryStatus(StrEnum):
    """Only ``activated`` memories are found by a search."""

    ACTIVATED = "activated"
    ARCHIVED = "archived"


class EdgeType(StrEnum):
    """How a memory relates to another, or, by DERIVED_FROM, to the message it came from."""

    PARENT = "PARENT"
    RELATES = "RELATES"
    CAUSE = "CAUSE"
    FOLLOWS = "FOLLOWS"
    MERGED_TO = "MERGED_TO"
    SUPERSEDES = "SUPERSEDES"
    CONTRADICTS = "CONTRADICTS"
    DERIVED_FROM = "DERIVED_FROM"


RELATIONS: Final = frozenset(EdgeType) - {EdgeType.DERIVED_FROM}


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """A directed relation between two memories of one cube.

    PARENT goes from a summary to what it sums up, CAUSE to the effect, FOLLOWS to what came before, MERGED_TO to the
    memory that lives on, SUPERSEDES to the one that was true before, CONTRADICTS to an earlier one that may be true as
    well; RELATES says nothing more. DERIVED_FROM is none: it goes to a message.
    """

    source: MemoryId
    target: MemoryId
    type: EdgeType


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message as it was said. ``speaker`` is the name to show: the caller's ``name``, else the role."""

    id: MessageId
    role: Role
    text: str
    speaker: str
    said_at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The message that a memory came from."""

    message_id: MessageId
    session: SessionId
    role: Role
    speaker: str
    text: str
    said_at_ms: int


DEFAULT_IMPORTANCE: Final = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """One textual memory. ``version`` grows with every change; ``indexed_version`` is the one that search finds.

    ``importance``, from 0 to 1, held at ``importance_at_ms`` or, if that is earlier, at the memory's creation. It fades
    from then on (memos/organize/decay.py), and that it fades makes no new version; a ``pinned`` one does not fade. The
    statement holds from ``valid_at_ms``, or else from when it was said, until ``invalid_at_ms``. From ``expires_at_ms``
    on it is found no more. ``info`` is the application's own, in values of JSON.
    """

    id: MemoryId
    cube: CubeId
    user: UserId
    session: SessionId
    text: str
    memory_type: MemoryType = MemoryType.LONG_TERM
    category: Category = Category.FACT
    status: MemoryStatus = MemoryStatus.ACTIVATED
    speaker: str = ""
    key: str = ""
    entities: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    confidence: float = 1.0
    importance: float = DEFAULT_IMPORTANCE
    importance_at_ms: int = 0
    said_at_ms: int = 0
    valid_at_ms: int | None = None
    invalid_at_ms: int | None = None
    expires_at_ms: int | None = None
    pinned: bool = False
    created_at_ms: int = 0
    updated_at_ms: int = 0
    version: int = 1
    indexed_version: int = 0
    source_ids: tuple[MessageId, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A memory that a search found. ``score`` is the sum of ``parts``, or its part ``rerank`` where there is one."""

    memory: Memory
    score: float
    parts: Mapping[str, float]
    sources: tuple[Source, ...] = ()


class JobKind(StrEnum):
    """What a job does. The value is also the Celery task's and the queue's last word."""

    EXTRACT = "extract"
    ORGANIZE = "organize"
    KV_BUILD = "kv"


class JobState(StrEnum):
    """Where a job is in its life.

    queued ──> leased ──> running ──> succeeded
      │  ▲                   ├──────> dead
      │  └──── retrying <────┘
      └──────> cancelled
    """

    QUEUED = "queued"
    LEASED = "leased"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"


FINAL_STATES: Final = frozenset({JobState.SUCCEEDED, JobState.DEAD, JobState.CANCELLED})


class Step(StrEnum):
    """The steps of the overload ladder, mildest first. A job's record names the last one that touched it."""

    NONE = ""
    COALESCE = "coalesce"
    PAUSE = "pause"
    RULES_READER = "rules_reader"
    REFUSE_NOISY = "refuse_noisy"
    REFUSE_ALL = "refuse_all"

    @property
    def level(self) -> int:
        """0 for none, 5 for the hardest."""
        return list(Step).index(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """What is worked in order, by one worker at a time.

    A session has two: what waits in its ``bulk`` lane never holds up the other, and has no order with it.
    """

    tenant: TenantId
    cube: CubeId
    session: SessionId
    bulk: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSpec:
    """A job to be submitted. ``payload`` must be JSON; it never travels through Celery.

    With ``idempotency_key`` a second submission within 24 hours returns the first job. With ``coalesce_key`` a
    submission is absorbed by a job of that key in the same lane which has not started; if ``debounce_ms`` is given,
    that job then starts ``delay_ms`` from now, but no later than ``debounce_ms`` after its own submission. A job starts
    ``delay_ms`` after its submission and not before ``run_after_ms``; until then its lane sleeps.
    """

    kind: JobKind
    lane: Lane
    user: UserId
    payload: Mapping[str, Any]
    idempotency_key: str | None = None
    coalesce_key: str | None = None
    delay_ms: int = 0
    debounce_ms: int = 0
    run_after_ms: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One attempt that did not succeed: which, when it ended, and why."""

    number: int
    ended_at_ms: int
    error_class: str
    error_message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRecord:
    """What is known of a job. Kept for 7 days after its end.

    ``progress`` is (done, total) in units of the handler's choice, (0, 0) while it has said nothing. ``overload`` is
    the hardest step of the overload ladder that this job met. ``history`` has the last 20 failed attempts.
    """

    id: JobId
    kind: JobKind
    lane: Lane
    user: UserId
    state: JobState
    attempts: int = 0
    submitted_at_ms: int = 0
    due_at_ms: int = 0
    started_at_ms: int | None = None
    updated_at_ms: int = 0
    finished_at_ms: int | None = None
    cancel_requested: bool = False
    cost_tokens: int = 0
    progress: tuple[int, int] = (0, 0)
    error_class: str = ""
    error_message: str = ""
    history: tuple[Attempt, ...] = ()
    memory_ids: tuple[MemoryId, ...] = ()
    degraded: tuple[str, ...] = ()
    overload: Step = Step.NONE
    result: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def wait_ms(self) -> int | None:
        """Milliseconds from submission to the first start."""
        return None if self.started_at_ms is None else self.started_at_ms - self.submitted_at_ms

    @property
    def run_ms(self) -> int | None:
        """Milliseconds from the first start to the end."""
        if self.started_at_ms is None or self.finished_at_ms is None:
            return None
        return self.finished_at_ms - self.started_at_ms
