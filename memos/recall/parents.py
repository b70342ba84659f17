"""Summaries among the candidates of a search: none beside what it sums up. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from memos.ids import CubeId
from memos.recall.fuse import Candidate, Key
from memos.types import Edge, EdgeType


def without_parents(candidates: Sequence[Candidate], parents_of: Mapping[Key, Collection[Key]]) -> list[Candidate]:
    """The candidates, best first as they were, but for those that are a parent of another one.

    A summary says in fewer words what its children say themselves, so it stands only where none of them does.
    """
    told = {parent for item in candidates for parent in parents_of.get(item.key, ())}
    return [item for item in candidates if item.key not in told]


def parents_among(cube: CubeId, edges: Iterable[Edge]) -> dict[Key, set[Key]]:
    """The parents of each memory that has some, by the edges of one cube."""
    found: defaultdict[Key, set[Key]] = defaultdict(set)
    for edge in edges:
        if edge.type is EdgeType.PARENT:
            found[cube, edge.target].add((cube, edge.source))
    return dict(found)
