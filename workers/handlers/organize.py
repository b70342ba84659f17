"""Organize: after a lull, the index is brought up to the graph and its fresh rows are sealed; once a day memories fade.

{}                  what every job does
{"decay": true}     first lets the importance of the cube's memories fade, and archives what has sunk too low
"""

from collections.abc import Sequence

from memos.organize.decay import DecayPolicy
from scheduler.lease import JobOutcome
from workers.batch import Batch
from workers.bootstrap import Resources


def handle(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Once for all jobs of the batch: what one of them asks for is done for all."""
    batch.ensure_held()
    archived = _decay(batch, resources) if any(job.payload.get("decay") for job in batch.jobs) else 0
    reindexed = resources.writer.index_lagging(batch.lane.tenant, batch.lane.cube)
    batch.progress(1, 2)
    resources.stores.index.flush()
    result = {"reindexed": reindexed, "archived": archived}
    return [JobOutcome(job=job.id, result=result) for job in batch.jobs]


def _decay(batch: Batch, resources: Resources) -> int:
    settings = resources.settings
    policy = DecayPolicy(half_life_days=settings.decay_half_life_days, archive_below=settings.archive_below)
    return resources.writer.decay(batch.lane.tenant, batch.lane.cube, policy)
