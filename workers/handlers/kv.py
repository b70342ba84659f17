"""KV: the state of a cube's stable prefix is computed and stored, or extended when the prefix has grown."""

from collections.abc import Sequence

from memos.mem_os.activation import build_result
from scheduler.lease import JobOutcome, LeasedJob
from workers.batch import Batch
from workers.bootstrap import Resources


def handle(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """One build a job; jobs of a cube coalesce, so there is rarely more than one."""
    outcomes: list[JobOutcome] = []
    for job in batch.jobs:
        outcomes.append(_build(batch, job, resources))
        batch.progress(len(outcomes), len(batch.jobs))
    return outcomes


def _build(batch: Batch, job: LeasedJob, resources: Resources) -> JobOutcome:
    batch.ensure_held()
    activation = resources.activation(job.payload["model"])
    report = activation.build(batch.lane.tenant, batch.lane.cube, job.payload["system_prompt"])
    return JobOutcome(job=job.id, result=build_result(report))
