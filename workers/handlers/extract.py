"""Extract: messages of a lane become memories; then the cube's follow-up work is asked for.

What was said is found before a model has read it, and while the job waits for one that is away.

Under overload it does less, and says so in ``degraded`` of each job: from step ``coalesce`` on the follow-up work waits
longer, to be joined with more of its kind, and from step ``rules_reader`` on no model is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from memos.ids import JobId, MemoryId
from memos.mem_reader.base import Reader
from memos.memories.textual.payload import messages_of
from memos.memories.textual.write_job import WriteJob
from memos.types import JobKind, JobSpec, Lane, Step
from scheduler.keys import CUBE_SESSIONS
from scheduler.lease import JobOutcome, LeasedJob
from workers.batch import Batch
from workers.bootstrap import Resources

# A lull after which the index is sealed and checked, and the pause that joins changes into one build.
ORGANIZE_DELAY_MS = 5_000
KV_DELAY_MS = 1_000
COALESCE_FACTOR = 4
COALESCED = "coalesced"
RULES_READER: Final = Step.RULES_READER.value
_RULES: Final[Mapping[str, Any]] = {"backend": "rules", "config": {}}


def handle(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Write all jobs that share a reader together, in order."""
    written: dict[JobId, list[MemoryId]] = {}
    degraded: dict[JobId, tuple[str, ...]] = {}
    for config, group in groupby(batch.jobs, key=lambda job: job.payload.get("reader")):
        jobs = list(group)
        reader = resources.reader(config)
        if must_do_without_model(batch.overload, reader):
            reader = resources.reader(_RULES)
            # A stored answer is replayed all the same: the model was asked by an earlier attempt.
            degraded |= {job.id: (RULES_READER,) for job in jobs if job.answer is None}
        batch.ensure_held()
        first = _first_of_each_effect(jobs)
        work = [_write_job(batch.lane, job) for job in first.values()]
        found = resources.writer.write(batch.lane, work, reader, fence=batch.fence, keep=_keeper(batch, first))
        written |= {job.id: found[_effect_of(job)] for job in jobs}
        batch.progress(len(written), len(batch.jobs))
    late = _follow_up(batch, resources)
    return [
        JobOutcome(job=job.id, memory_ids=tuple(written[job.id]), degraded=(*degraded.get(job.id, ()), *late))
        for job in batch.jobs
    ]


def must_do_without_model(overload: int, reader: Reader) -> bool:
    """Whether this reader is too slow for the level of overload. Readers that keep no answers ask no model."""
    return overload >= Step.RULES_READER.level and reader.keeps_answers


def follow_up_delay_ms(delay_ms: int, overload: int) -> int:
    """How long follow-up work waits for more of its kind."""
    return delay_ms * COALESCE_FACTOR if overload >= Step.COALESCE.level else delay_ms


def _first_of_each_effect(jobs: Sequence[LeasedJob]) -> dict[JobId, LeasedJob]:
    first: dict[JobId, LeasedJob] = {}
    for job in jobs:
        first.setdefault(_effect_of(job), job)
    return first


def _effect_of(job: LeasedJob) -> JobId:
    """What the ids of the job's messages and memories derive from: of a document's bytes, always the same."""
    return JobId(job.payload.get("effect", job.id))


def _write_job(lane: Lane, job: LeasedJob) -> WriteJob:
    effect = _effect_of(job)
    return WriteJob(job=effect, user=job.user, messages=messages_of(lane, effect, job.payload), answer=job.answer)


def _keeper(batch: Batch, jobs: Mapping[JobId, LeasedJob]) -> Callable[[Mapping[JobId, str]], None]:
    """Between a model's answer and its effect: the answer is stored, and a cancelled job goes no further.

    Its raw turns stay, as what an earlier attempt wrote does.
    """

    def keep(answers: Mapping[JobId, str]) -> None:
        batch.save_answers({jobs[effect].id: answer for effect, answer in answers.items()})
        batch.ensure_held()

    return keep


def _follow_up(batch: Batch, resources: Resources) -> tuple[str, ...]:
    """Before the commit, so that a crash in between asks twice rather than never. Returns how it is degraded."""
    # Documents have a reader of their own, which says nothing of the cube's.
    named = [job.payload["reader"] for job in batch.jobs if job.payload.get("reader")]
    readers = [{"reader": each} for each in named if each["backend"] != "document"]
    resources.scheduler.submit(_cube_job(batch, JobKind.ORGANIZE, [{}, *readers][-1], ORGANIZE_DELAY_MS))
    wanted = [job.payload["kv"] for job in batch.jobs if job.payload.get("kv")]
    if wanted:
        resources.scheduler.submit(_cube_job(batch, JobKind.KV_BUILD, wanted[-1], KV_DELAY_MS))
    return (COALESCED,) if batch.overload >= Step.COALESCE.level else ()


def _cube_job(batch: Batch, kind: JobKind, payload: Mapping[str, Any], delay_ms: int) -> JobSpec:
    lane = Lane(tenant=batch.lane.tenant, cube=batch.lane.cube, session=CUBE_SESSIONS[kind])
    user = batch.jobs[-1].user
    waits_ms = follow_up_delay_ms(delay_ms, batch.overload)
    return JobSpec(kind=kind, lane=lane, user=user, payload=payload, coalesce_key=kind, delay_ms=waits_ms)
