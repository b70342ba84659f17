"""The relations that a page gets: what its text says, what a model has said, what rules find. Pure.

Two memories get one relation, and the first of these three wins. A model's relation counts as long as both memories are
what it was shown.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from memos.ids import MemoryId
from memos.organize.relating import RELATED_TO, Relation, find_relations
from memos.organize.surroundings import Surroundings, is_plain
from memos.organize.told import Told
from memos.types import Edge, EdgeType


def link(around: Surroundings, told: Told, *, gone: Collection[MemoryId]) -> list[Relation]:
    """The relations that fresh memories ask for, but for those of memories that are merged away."""
    by_rules = find_relations(around, gone=gone)
    if not told.relations:
        return by_rules
    spoken = {_pair(each.edge) for each in by_rules if each.edge.type is EdgeType.CAUSE}
    edges = list(_choose(around, told, spoken, gone))
    # To the rules they are there already: no second one for a pair, and no more of RELATES than a memory may have.
    known = replace(around, edges=(*around.edges, *edges))
    said = [Relation(edge=edge, reason=f"{told.model} says so") for edge in edges]
    return [*said, *find_relations(known, gone=gone)]


def _choose(
    around: Surroundings, told: Told, spoken: Iterable[frozenset[MemoryId]], gone: Collection[MemoryId]
) -> Iterator[Edge]:
    paired = {*spoken, *(_pair(edge) for edge in around.edges)}
    relating = (edge for edge in around.edges if edge.type is EdgeType.RELATES)
    related = Counter(end for edge in relating for end in (edge.source, edge.target))
    for edge in told.relations:
        ends = _pair(edge)
        if ends in paired or ends & frozenset(gone) or not all(_is_as_shown(around, told, end) for end in ends):
            continue
        if edge.type is EdgeType.RELATES:
            if any(related[end] >= RELATED_TO for end in ends):
                continue
            related.update(ends)
        paired.add(ends)
        yield edge


def _is_as_shown(around: Surroundings, told: Told, memory: MemoryId) -> bool:
    known = around.memories.get(memory)
    return known is not None and is_plain(known) and known.version == told.versions.get(memory)


def _pair(edge: Edge) -> frozenset[MemoryId]:
    return frozenset((edge.source, edge.target))
