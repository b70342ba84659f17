"""The way in: messages become an extract job, which a worker runs, or this process when no scheduler is on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol

from memos import ids
from memos.errors import InvalidRequest
from memos.ids import CubeId, JobId, MemoryId, UserId, memory_id, new_job_id
from memos.mem_cube.base import BaseMemCube
from memos.mem_reader.base import Reader
from memos.mem_scheduler.base import Scheduler
from memos.memories.textual.extraction import extract_items
from memos.memories.textual.item import TextualMemoryItem
from memos.memories.textual.payload import messages_of
from memos.memories.textual.write_job import WriteJob
from memos.memories.textual.writer import TextWriter
from memos.types import JobKind, JobSpec, JobState, Lane

MAX_KEY_CHARS: Final = 256

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """What became of an ``add``. Queued: the job is durable and ``memory_ids`` come with its end.

    A document may take several jobs, all named in ``job_ids``; ``job_id`` is then the last of them.
    """

    job_id: JobId
    state: JobState
    memory_ids: tuple[MemoryId, ...] = ()
    job_ids: tuple[JobId, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Once:
    """A name for an ``add``, so that a second one is none: for at least 24 hours, or for ever if ``lasting``."""

    key: str
    lasting: bool = False


class Intake(Protocol):
    """Where checked messages go."""

    def add(self, lane: Lane, user: UserId, messages: Messages, once: Once | None) -> Added: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedIntake:
    """Hands jobs to the scheduler: one round trip to Redis, nothing else. ``options`` is what a worker must know."""

    scheduler: Scheduler
    options: Callable[[CubeId], Mapping[str, Any]]

    def add(self, lane: Lane, user: UserId, messages: Messages, once: Once | None) -> Added:
        """Accept messages durably. Redis forgets a key; a lasting one also names the effect, which the graph keeps."""
        key = _scoped_key(lane, user, once)
        effect = {"effect": _job_of(key)} if once is not None and once.lasting else {}
        payload = {"messages": messages, "user": user, **self.options(lane.cube), **effect}
        spec = JobSpec(kind=JobKind.EXTRACT, lane=lane, user=user, payload=payload, idempotency_key=key)
        return Added(job_id=self.scheduler.submit(spec), state=JobState.QUEUED)


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectIntake:
    """Does a job's work at once, in the calling process; ``after_add`` runs when it has taken effect."""

    writer: TextWriter
    reader: Reader
    after_add: Callable[[Lane], None]

    def add(self, lane: Lane, user: UserId, messages: Messages, once: Once | None) -> Added:
        """Write the messages' memories. Any key names the job and so lasts: a repetition finds it applied.

        When the model is away, what was said under a key is found all the same, and a repetition refines it.
        """
        job = _job_of(_scoped_key(lane, user, once))
        said = messages_of(lane, job, {"messages": messages})
        work = WriteJob(job=job, user=user, messages=said, repeatable=once is not None)
        written = self.writer.write(lane, [work], self.reader, fence=None, keep=_forget)
        self.after_add(lane)
        return Added(job_id=job, state=JobState.SUCCEEDED, memory_ids=tuple(written[job]))


@dataclass(frozen=True, kw_only=True, slots=True)
class RoutedIntake:
    """Adds to the application's own objects at once, and hands everything else on.

    What an object extracts is its own affair, unless a ``reader`` is to read in its place.
    """

    stored: Intake
    find_object: Callable[[CubeId], BaseMemCube | None]
    reader: Reader | None = None

    def add(self, lane: Lane, user: UserId, messages: Messages, once: Once | None) -> Added:
        """Where the cube's memories are."""
        found = self.find_object(lane.cube)
        if found is None:
            return self.stored.add(lane, user, messages, once)
        if found.text_mem is None:
            raise InvalidRequest(f"cube {lane.cube!r} is an object without a text_mem; register one that has it")
        given = [_as_given(message) for message in messages]
        items = found.text_mem.extract(given) if self.reader is None else extract_items(self.reader, [given])[0]
        return add_to_object(found, lane, user, items, _scoped_key(lane, user, once))


def add_to_object(
    cube: BaseMemCube, lane: Lane, user: UserId, extracted: Sequence[TextualMemoryItem], key: str | None
) -> Added:
    """Items added to an object; with a key the ids are always the same, so that again is no more."""
    job = _job_of(key)
    items = [
        _placed(item, lane, user, memory_id(lane.tenant, lane.cube, job, ordinal))
        for ordinal, item in enumerate(extracted)
    ]
    added = cube.add(items) if items else []
    return Added(job_id=job, state=JobState.SUCCEEDED, memory_ids=tuple(MemoryId(memory) for memory in added))


def _as_given(message: Mapping[str, Any]) -> dict[str, Any]:
    """A checked message as a caller writes it."""
    said_at_s = message["said_at_ms"] / 1000
    return {"role": message["role"], "content": message["content"], "name": message["speaker"], "chat_time": said_at_s}


def _placed(item: TextualMemoryItem, lane: Lane, user: UserId, memory: MemoryId) -> TextualMemoryItem:
    metadata = item.metadata.model_copy(update={"user_id": user, "session_id": lane.session})
    return item.model_copy(update={"id": memory, "metadata": metadata})


def _job_of(key: str | None) -> JobId:
    """The id that effects are derived from: of one key always the same, without a key a new one."""
    return new_job_id() if key is None else JobId(f"key-{key}")


def _scoped_key(lane: Lane, user: UserId, once: Once | None) -> str | None:
    """The caller's key as one of this user and cube: two users may both number their calls from 1."""
    if once is None:
        return None
    key: Any = once.key
    if not (isinstance(key, str) and 1 <= len(key) <= MAX_KEY_CHARS and key.isprintable()):
        raise InvalidRequest(f"idempotency_key must be 1 to {MAX_KEY_CHARS} printable characters, not {key!r:.40}")
    return sha256(ids.storage_key(lane.tenant, lane.cube, user, key).encode()).hexdigest()


def _forget(answers: Mapping[JobId, str]) -> None:
    """A direct add has no later attempt that could replay an answer."""
