"""The way in: messages become an extract job, which a worker runs, or this process when no scheduler is on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol

from memos import ids
from memos.errors import InvalidRequest
from memos.ids import JobId, MemoryId, UserId, new_job_id
from memos.mem_reader.base import Reader
from memos.mem_scheduler.base import Scheduler
from memos.memories.textual.payload import messages_of
from memos.memories.textual.writer import TextWriter, WriteJob
from memos.types import JobKind, JobSpec, JobState, Lane

MAX_KEY_CHARS: Final = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """What became of an ``add``. Queued: the job is durable and ``memory_ids`` come with its end."""

    job_id: JobId
    state: JobState
    memory_ids: tuple[MemoryId, ...] = ()


class Intake(Protocol):
    """Where checked messages go."""

    def add(
        self, lane: Lane, user: UserId, messages: Sequence[Mapping[str, Any]], idempotency_key: str | None
    ) -> Added: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedIntake:
    """Hands jobs to the scheduler: one round trip to Redis, nothing else."""

    scheduler: Scheduler
    options: Mapping[str, Any]

    def add(
        self, lane: Lane, user: UserId, messages: Sequence[Mapping[str, Any]], idempotency_key: str | None
    ) -> Added:
        """Accept messages durably."""
        payload = {"messages": messages, "user": user, **self.options}
        key = _scoped_key(lane, user, idempotency_key)
        spec = JobSpec(kind=JobKind.EXTRACT, lane=lane, user=user, payload=payload, idempotency_key=key)
        return Added(job_id=self.scheduler.submit(spec), state=JobState.QUEUED)


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectIntake:
    """Does a job's work at once, in the calling process; ``after_add`` runs when it has taken effect."""

    writer: TextWriter
    reader: Reader
    after_add: Callable[[Lane], None]

    def add(
        self, lane: Lane, user: UserId, messages: Sequence[Mapping[str, Any]], idempotency_key: str | None
    ) -> Added:
        """Write the messages' memories. An idempotency key names the job, so that a repetition finds it applied."""
        key = _scoped_key(lane, user, idempotency_key)
        job = new_job_id() if key is None else JobId(f"key-{key}")
        work = WriteJob(job=job, user=user, messages=messages_of(lane, job, {"messages": messages}))
        written = self.writer.write(lane, [work], self.reader, fence=None, keep=_forget)
        self.after_add(lane)
        return Added(job_id=job, state=JobState.SUCCEEDED, memory_ids=tuple(written[job]))


def _scoped_key(lane: Lane, user: UserId, key: Any) -> str | None:
    """The caller's key as one of this user and cube: two users may both number their calls from 1."""
    if key is None:
        return None
    if not (isinstance(key, str) and 1 <= len(key) <= MAX_KEY_CHARS and key.isprintable()):
        raise InvalidRequest(f"idempotency_key must be 1 to {MAX_KEY_CHARS} printable characters, not {key!r:.40}")
    return sha256(ids.storage_key(lane.tenant, lane.cube, user, key).encode()).hexdigest()


def _forget(answers: Mapping[JobId, str]) -> None:
    """A direct add has no later attempt that could replay an answer."""
