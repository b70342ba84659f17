"""Multi-hop search: what the relations of a hit lead to is found as well. Pure but for the edges that it asks for.

    hit ──any relation, either way──> memory ──> memory        HOPS steps at most

A hit has a height above the ground, which lies one standard deviation below the lowest candidate. A memory one step
away has at least DAMPING of it, two steps away that share of the share, and so on; the best path counts, and what
stands higher by its own words stays where it is. What supersedes or contradicts a hit has all of its height: it was
said later, so that recency puts it first (memos/recall/fuse.py).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from memos.ids import CubeId
from memos.recall.fuse import Candidate, Key
from memos.types import Edge, EdgeType

HOPS: Final = 2
DAMPING: Final = 0.5
# From the earlier memory to the later one that speaks of the same.
SUCCESSION: Final = 1.0
_LATER: Final = frozenset({EdgeType.SUPERSEDES, EdgeType.CONTRADICTS})
# How many memories a step starts from: the best of those that the step before has reached.
FRONTIER: Final = 20

Neighbours = Mapping[Key, Mapping[Key, float]]
FindNeighbours = Callable[[Sequence[Key]], Neighbours]
"""The memories that each of these is related to, each with the share of its height that it hands on."""


def spread(candidates: Sequence[Candidate], find: FindNeighbours, *, hops: int = HOPS) -> list[Candidate]:
    """The candidates and what they lead to, best first; what a relation adds to a score is its part ``graph``.

    For a memory that is no candidate, that part is the whole score. Asks for neighbours once a step, and not at all
    after a step that reached nothing new.
    """
    if not candidates:
        return []
    floor = min(item.score for item in candidates) - 1.0
    own = {item.key: item.score - floor for item in candidates}
    heights = _climb(own, [item.key for item in candidates], find, hops)
    known = [_lifted(item, heights[item.key] - own[item.key]) for item in candidates]
    found = [Candidate(key=key, parts={"graph": floor + heights[key]}) for key in sorted(heights.keys() - own.keys())]
    return sorted([*known, *found], key=lambda item: -item.score)


def neighbours_of(cube: CubeId, edges: Iterable[Edge]) -> Neighbours:
    """Both directions of each edge; of several between two memories the one that hands on most."""
    found: defaultdict[Key, dict[Key, float]] = defaultdict(dict)
    for edge in edges:
        source, target = (cube, edge.source), (cube, edge.target)
        to_source = SUCCESSION if edge.type in _LATER else DAMPING
        found[source][target] = max(DAMPING, found[source].get(target, 0.0))
        found[target][source] = max(to_source, found[target].get(source, 0.0))
    return found


def _climb(own: Mapping[Key, float], start: Sequence[Key], find: FindNeighbours, hops: int) -> dict[Key, float]:
    heights = dict(own)
    frontier = list(start[:FRONTIER])
    for _ in range(hops):
        raised = _step(heights, frontier, find(frontier))
        heights |= raised
        frontier = sorted(raised, key=lambda key: (-raised[key], key))[:FRONTIER]
        if not frontier:
            break
    return heights


def _step(heights: Mapping[Key, float], frontier: Sequence[Key], neighbours: Neighbours) -> dict[Key, float]:
    raised: dict[Key, float] = {}
    for key in frontier:
        for other, share in neighbours.get(key, {}).items():
            height = share * heights[key]
            if height > raised.get(other, heights.get(other, 0.0)):
                raised[other] = height
    return raised


def _lifted(item: Candidate, by: float) -> Candidate:
    return Candidate(key=item.key, parts={**item.parts, "graph": by}) if by > 0 else item
