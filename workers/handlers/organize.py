"""Organize: after a lull, what is new is put in order, and the index brought up to the graph; once a day memories fade.

{}                  what every job does
{"decay": true}     first lets the importance of the cube's memories fade, and archives what has sunk too low, what has
                    expired, and what the retention of the settings does not let stay
"""

from collections.abc import Mapping, Sequence

from memos.organize.decay import DecayPolicy
from memos.organize.prune import PruneRules
from memos.organize.reorganise import Reorganiser
from memos.organize.report import count
from memos.organize.surroundings import Place
from memos.types import JobKind, JobSpec
from scheduler.lease import JobOutcome
from workers.batch import Batch
from workers.bootstrap import Resources


def handle(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Once for all jobs of the batch: what one of them asks for is done for all."""
    batch.ensure_held()
    archived = _age(batch, resources) if any(job.payload.get("decay") for job in batch.jobs) else 0
    reorganised = _reorganise(batch, resources) if resources.settings.reorganize else {}
    reindexed = resources.writer.index_lagging(batch.lane.tenant, batch.lane.cube)
    batch.progress(1, 2)
    resources.stores.index.flush()
    result = {"reindexed": reindexed, "archived": archived, **reorganised}
    return [JobOutcome(job=job.id, result=result) for job in batch.jobs]


def _age(batch: Batch, resources: Resources) -> int:
    settings, place = resources.settings, (batch.lane.tenant, batch.lane.cube)
    policy = DecayPolicy(half_life_days=settings.decay_half_life_days, archive_below=settings.archive_below)
    archived = resources.writer.decay(*place, policy)
    rules = PruneRules(max_age_days=settings.retention_days, keep=settings.retention_memories)
    return archived + (0 if rules == PruneRules() else resources.pruner.prune(*place, rules).pruned)


def _reorganise(batch: Batch, resources: Resources) -> Mapping[str, Mapping[str, int]]:
    """As much as one job may do; what is left is another job's, unless somebody who changes the cube asks for one."""
    batch.ensure_held()
    done = Reorganiser(resources.stores, resources.clock).run(Place(tenant=batch.lane.tenant, cube=batch.lane.cube))
    if done.left and not done.contended:
        asked_by, kind = batch.jobs[-1].user, JobKind.ORGANIZE
        resources.scheduler.submit(JobSpec(kind=kind, lane=batch.lane, user=asked_by, payload={}, coalesce_key=kind))
    return {"reorganised": count(done.report)}
