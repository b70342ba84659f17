"""Organize: after a lull, the index is brought up to the graph and its fresh rows are sealed."""

from collections.abc import Sequence

from scheduler.lease import JobOutcome
from workers.batch import Batch
from workers.bootstrap import Resources


def handle(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Once for all jobs of the batch: they ask for the same."""
    batch.ensure_held()
    reindexed = resources.writer.index_lagging(batch.lane.tenant, batch.lane.cube)
    batch.progress(1, 2)
    resources.stores.index.flush()
    return [JobOutcome(job=job.id, result={"reindexed": reindexed}) for job in batch.jobs]
