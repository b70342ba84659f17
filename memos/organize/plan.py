"""What a reorganisation would do to a cube: decided here, from values, and done elsewhere. Pure.

surroundings ──> merges (merging.py) ──> relations (linking.py) ──> summaries (summaries.py) ──> Plan
what a model has said of them (told.py) ────┴───────────────────────────┘                         │
GraphStore.apply_plan: everything it rests on is as it was read ──> all of it, in one transaction <─┘
                                     └── else nothing of it
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from memos.ids import MemoryId
from memos.organize.linking import link
from memos.organize.merging import Merge, find_merges
from memos.organize.relating import Relation
from memos.organize.summaries import Summaries, Summary, children_of, plan_summaries
from memos.organize.surroundings import Surroundings
from memos.organize.told import NOTHING_TOLD, Told
from memos.types import Edge, EdgeType, Memory


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A step of a reorganisation. ``rests_on`` has the version at which each memory that plays a part was read.

    ``seen`` are the fresh memories that are fresh no more with it; ``unlinked`` the PARENT edges that end.
    """

    seen: tuple[MemoryId, ...]
    rests_on: Mapping[MemoryId, int]
    merges: tuple[Merge, ...] = ()
    links: tuple[Relation, ...] = ()
    parents: tuple[Summary, ...] = ()
    refreshed: tuple[Summary, ...] = ()
    retired: tuple[Memory, ...] = ()
    unlinked: tuple[Edge, ...] = ()

    @property
    def written(self) -> tuple[Memory, ...]:
        """Every memory that is there already and changes, as it will be."""
        merged = (memory for merge in self.merges for memory in (merge.kept, *merge.gone))
        return (*merged, *(summary.memory for summary in self.refreshed))

    @property
    def made(self) -> tuple[Memory, ...]:
        """Every memory that was not there."""
        return tuple(summary.memory for summary in self.parents)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Every relation that is to be there afterwards."""
        merged = (
            Edge(source=gone.id, target=merge.kept.id, type=EdgeType.MERGED_TO)
            for merge in self.merges
            for gone in merge.gone
        )
        summed_up = (
            Edge(source=summary.memory.id, target=child, type=EdgeType.PARENT)
            for summary in (*self.parents, *self.refreshed)
            for child in summary.children
        )
        return (*merged, *(link.edge for link in self.links), *summed_up)

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing but what is fresh."""
        return not (self.written or self.made or self.edges or self.retired)


def build_plan(around: Surroundings, *, now_ms: int, told: Told = NOTHING_TOLD) -> Plan:
    """The plan for these fresh memories, with what a model has said of them.

    What it has not said, or of something that is different now, is in the words of the rules.
    """
    merges = find_merges(around, now_ms=now_ms)
    merged = {memory.id: memory for merge in merges for memory in (merge.kept, *merge.gone)}
    gone = {memory.id for merge in merges for memory in merge.gone}
    links = link(around, told, gone=gone)
    planned = plan_summaries(around, merged, now_ms=now_ms, told=told)
    summaries, waiting = _postpone(around, merged, planned, told)
    return Plan(
        seen=tuple(memory.id for memory in around.fresh if memory.id not in waiting),
        rests_on=_versions(around, _involved(around, merged, links, summaries)),
        merges=tuple(merges),
        links=tuple(links),
        parents=summaries.made,
        refreshed=summaries.refreshed,
        retired=summaries.retired,
        unlinked=tuple(_unlinked(around, summaries.refreshed)),
    )


def find_holders(around: Surroundings, merged: Collection[MemoryId], summary: Summary) -> set[MemoryId]:
    """The fresh memories by which another run will plan this summary again if they stay fresh.

    None, if merges alone touch it: they leave nothing fresh behind.
    """
    own = summary.memory.id
    before = set(children_of(around, own))
    if before & set(merged):
        return set()
    return {memory.id for memory in around.fresh} & {own, *before, *summary.children}


def _postpone(
    around: Surroundings, merged: Collection[MemoryId], planned: Summaries, told: Told
) -> tuple[Summaries, set[MemoryId]]:
    """The summaries without those that are another run's, and the memories that stay fresh for it."""
    waiting = set(told.waiting)
    later: set[MemoryId] = set()
    for summary in (*planned.made, *planned.refreshed):
        holders = find_holders(around, merged, summary) if summary.memory.id in told.postponed else set[MemoryId]()
        waiting |= holders
        later |= {summary.memory.id} if holders else set()
    made = tuple(each for each in planned.made if each.memory.id not in later)
    refreshed = tuple(each for each in planned.refreshed if each.memory.id not in later)
    return replace(planned, made=made, refreshed=refreshed), waiting


def _involved(
    around: Surroundings, merged: Iterable[MemoryId], links: Iterable[Relation], summaries: Summaries
) -> set[MemoryId]:
    standing = (*summaries.made, *summaries.refreshed)
    ends = (end for link in links for end in (link.edge.source, link.edge.target))
    parents = (*(summary.memory.id for summary in summaries.refreshed), *(each.id for each in summaries.retired))
    children = (child for summary in standing for child in summary.children)
    return {*(memory.id for memory in around.fresh), *merged, *ends, *parents, *children}


def _versions(around: Surroundings, ids: Iterable[MemoryId]) -> dict[MemoryId, int]:
    return {each: around.memories[each].version for each in sorted(ids)}


def _unlinked(around: Surroundings, refreshed: Iterable[Summary]) -> Iterable[Edge]:
    for summary in refreshed:
        for child in children_of(around, summary.memory.id):
            if child not in summary.children:
                yield Edge(source=summary.memory.id, target=child, type=EdgeType.PARENT)
