"""Extract: messages of a lane become memories; then the cube's follow-up work is asked for."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from memos.ids import JobId, MemoryId
from memos.memories.textual.payload import messages_of
from memos.memories.textual.writer import WriteJob
from memos.types import JobKind, JobSpec, Lane
from scheduler.keys import CUBE_SESSIONS
from scheduler.lease import JobOutcome, LeasedJob
from workers.batch import Batch
from workers.bootstrap import Resources

# A lull after which the index is sealed and checked, and the pause that joins changes into one build.
ORGANIZE_DELAY_MS = 5_000
KV_DELAY_MS = 1_000


def handle(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Write all jobs that share a reader together, in order."""
    written: dict[JobId, list[MemoryId]] = {}
    for config, jobs in groupby(batch.jobs, key=lambda job: job.payload.get("reader")):
        work = [_write_job(batch.lane, job) for job in jobs]
        reader = resources.reader(config)
        keep = batch.save_answers
        written |= resources.writer.write(batch.lane, work, reader, fence=batch.fence, keep=keep)
    _follow_up(batch, resources)
    return [JobOutcome(job=job.id, memory_ids=tuple(written[job.id])) for job in batch.jobs]


def _write_job(lane: Lane, job: LeasedJob) -> WriteJob:
    return WriteJob(job=job.id, user=job.user, messages=messages_of(lane, job.id, job.payload), answer=job.answer)


def _follow_up(batch: Batch, resources: Resources) -> None:
    """Before the commit, so that a crash in between asks twice rather than never."""
    resources.scheduler.submit(_cube_job(batch, JobKind.ORGANIZE, {}, ORGANIZE_DELAY_MS))
    wanted = [job.payload["kv"] for job in batch.jobs if job.payload.get("kv")]
    if wanted:
        resources.scheduler.submit(_cube_job(batch, JobKind.KV_BUILD, wanted[-1], KV_DELAY_MS))


def _cube_job(batch: Batch, kind: JobKind, payload: Mapping[str, Any], delay_ms: int) -> JobSpec:
    lane = Lane(tenant=batch.lane.tenant, cube=batch.lane.cube, session=CUBE_SESSIONS[kind])
    user = batch.jobs[-1].user
    return JobSpec(kind=kind, lane=lane, user=user, payload=payload, coalesce_key=kind, delay_ms=delay_ms)
