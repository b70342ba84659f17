"""The way in: messages become an extract job, which a worker runs, or this process when no scheduler is on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from memos.ids import JobId, MemoryId, UserId, new_job_id
from memos.mem_reader.base import Reader
from memos.mem_scheduler.base import Scheduler
from memos.memories.textual.payload import messages_of
from memos.memories.textual.writer import TextWriter, WriteJob
from memos.types import JobKind, JobSpec, JobState, Lane


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
        spec = JobSpec(kind=JobKind.EXTRACT, lane=lane, user=user, payload=payload, idempotency_key=idempotency_key)
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
        job = new_job_id() if idempotency_key is None else JobId(f"key:{user}:{idempotency_key}")
        work = WriteJob(job=job, user=user, messages=messages_of(lane, job, {"messages": messages}))
        written = self.writer.write(lane, [work], self.reader, fence=None, keep=_forget)
        self.after_add(lane)
        return Added(job_id=job, state=JobState.SUCCEEDED, memory_ids=tuple(written[job]))


def _forget(answers: Mapping[JobId, str]) -> None:
    """A direct add has no later attempt that could replay an answer."""
