"""What a worker holds while it works a lane, and what it says at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from memos.ids import JobId, MemoryId, UserId
from memos.types import JobKind, JobState, Lane


@dataclass(frozen=True, kw_only=True, slots=True)
class LeasedJob:
    """A job as its worker sees it.

    ``attempts`` counts the earlier attempts, ``crashes`` those of them whose worker vanished. ``answer`` is what
    ``Mailbox.save_answers`` stored in an earlier attempt.
    """

    id: JobId
    kind: JobKind
    user: UserId
    attempts: int
    crashes: int
    payload: Mapping[str, Any]
    answer: str | None
    submitted_at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to work a lane, and the jobs at its head in order.

    ``fence`` grows with each new holder; ``overload`` is the level of the overload ladder when the jobs were taken.
    """

    lane: Lane
    fence: int
    overload: int = 0
    jobs: tuple[LeasedJob, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a job or an attempt failed, as its owner will read it."""

    error_class: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOutcome:
    """How a job ended: succeeded, or dead when there is a ``failure``. ``result`` must be JSON."""

    job: JobId
    memory_ids: tuple[MemoryId, ...] = ()
    degraded: tuple[str, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict[str, Any])
    failure: Failure | None = None

    @property
    def state(self) -> JobState:
        """The final state that this outcome means."""
        return JobState.SUCCEEDED if self.failure is None else JobState.DEAD
