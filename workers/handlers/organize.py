"""Organize: after a lull, what is new is put in order, and the index brought up to the graph; once a day memories fade.

{}                  what every job does
{"decay": true}     first lets the importance of the cube's memories fade, and archives what has sunk too low, what has
                    expired, and what the cube's retention, else that of the settings, does not let stay
{"reader": {...}}   asks the model of that reader, where it has one, and not of the reader of the settings

With a model, summaries are in its words, and more is related; ``degraded`` of a job says BY_RULES when it did not do
all that it was asked for, and the step of the overload ladder on which no model is asked at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from memos.llms.base import LLM
from memos.organize.decay import DecayPolicy
from memos.organize.prune import PruneRules
from memos.organize.report import count
from memos.organize.retention import choose, common_retention
from memos.organize.surroundings import Place
from memos.types import JobKind, JobSpec, Step
from memos.wiring import build_reorganiser
from scheduler.lease import JobOutcome
from workers.batch import Batch
from workers.bootstrap import Resources

BY_RULES: Final = "organized_by_rules"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Done:
    """What a reorganisation adds to a job's result, and how it was degraded."""

    result: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    degraded: tuple[str, ...] = ()


def handle(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Once for all jobs of the batch: what one of them asks for is done for all."""
    batch.ensure_held()
    archived = _age(batch, resources) if any(job.payload.get("decay") for job in batch.jobs) else 0
    reorganised = _reorganise(batch, resources) if resources.settings.reorganize else _Done()
    reindexed = resources.writer.index_lagging(batch.lane.tenant, batch.lane.cube)
    batch.progress(1, 2)
    resources.stores.index.flush()
    result = {"reindexed": reindexed, "archived": archived, **reorganised.result}
    return [JobOutcome(job=job.id, result=result, degraded=reorganised.degraded) for job in batch.jobs]


def _age(batch: Batch, resources: Resources) -> int:
    settings, place = resources.settings, (batch.lane.tenant, batch.lane.cube)
    # First, so that nothing is archived by other words than the cube's while these cannot be read.
    rules = choose(resources.stores.graph.find_retention(*place), common_retention(settings))
    policy = DecayPolicy(half_life_days=settings.decay_half_life_days, archive_below=rules.below_importance or 0.0)
    archived = resources.writer.decay(*place, policy)
    rest = replace(rules, below_importance=None)  # that is decided where importances are brought up to date
    return archived + (0 if rest == PruneRules() else resources.pruner.prune(*place, rest).pruned)


def _reorganise(batch: Batch, resources: Resources) -> _Done:
    """As much as one job may do; what is left is another job's, unless somebody who changes the cube asks for one."""
    batch.ensure_held()
    named = [job.payload["reader"] for job in batch.jobs if job.payload.get("reader")]
    payload = {"reader": named[-1]} if named else {}
    llm, skipped = _find_model(batch, resources, payload.get("reader"))
    reorganiser = build_reorganiser(resources.stores, resources.clock, resources.settings, llm)
    done = reorganiser.run(Place(tenant=batch.lane.tenant, cube=batch.lane.cube))
    if done.left and not done.contended:
        asked_by, kind = batch.jobs[-1].user, JobKind.ORGANIZE
        resources.scheduler.submit(
            JobSpec(kind=kind, lane=batch.lane, user=asked_by, payload=payload, coalesce_key=kind)
        )
    by_rules = (BY_RULES,) if done.report["degraded"] else ()
    return _Done(result={"reorganised": count(done.report)}, degraded=(*skipped, *by_rules))


def _find_model(
    batch: Batch, resources: Resources, described: Mapping[str, Any] | None
) -> tuple[LLM | None, tuple[str, ...]]:
    """The reader's model, if it has one, and the step of the ladder on which it is not asked."""
    llm = resources.reader(described).llm
    if llm is not None and batch.overload >= Step.RULES_READER.level:
        return None, (Step.RULES_READER.value,)
    return llm, ()
