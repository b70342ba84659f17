"""Which memories are related, and how, as far as it can be told without understanding. Pure. Few rather than wrong.

    RELATES    the later to the earlier      they share a name that is nobody's here, and stand near
    FOLLOWS    the later to the earlier      events or plans of one speaker and one key, and near
    CAUSE      what is why to what is so     where the text says so (memos/organize/causes.py)

Two memories get one relation, and a memory no more of RELATES than RELATED_TO, those that it has counted.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from memos.ids import MemoryId
from memos.organize.causes import find_causes
from memos.organize.surroundings import Surroundings, named_in, topic_of_key
from memos.types import Category, Edge, EdgeType, Memory

# Of the pairs of recorded facts that share a name, those above it speak of one matter; below 0.6 many do not.
RELATED_COSINE: Final = 0.7
# Recorded events that share speaker and key, and are told of one matter, lie above it.
FOLLOWING_COSINE: Final = 0.6
RELATED_TO: Final = 3
_HAPPENS: Final = frozenset({Category.EVENT, Category.PLAN})


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """An edge to be made, and why."""

    edge: Edge
    reason: str


def find_relations(around: Surroundings, *, gone: Collection[MemoryId]) -> list[Relation]:
    """The relations that the fresh memories ask for, but for those of memories that are merged away."""
    found: list[Relation] = []
    paired = {frozenset((edge.source, edge.target)) for edge in around.edges}
    relating = (edge for edge in around.edges if edge.type is EdgeType.RELATES)
    related = Counter(end for edge in relating for end in (edge.source, edge.target))
    for relation in _candidates(around):
        ends = frozenset((relation.edge.source, relation.edge.target))
        if ends in paired or ends & frozenset(gone):
            continue
        if relation.edge.type is EdgeType.RELATES:
            if any(related[end] >= RELATED_TO for end in ends):
                continue
            related.update(ends)
        paired.add(ends)
        found.append(relation)
    return found


def _candidates(around: Surroundings) -> Iterator[Relation]:
    """What says most comes first."""
    for cause, effect, words in find_causes(around):
        yield Relation(edge=Edge(source=cause, target=effect, type=EdgeType.CAUSE), reason=f'the text says "{words}"')
    yield from _followings(around)
    yield from _relatings(around)


def _followings(around: Surroundings) -> Iterator[Relation]:
    """Each event or plan follows the nearest of those before it, and no other."""
    following: set[MemoryId] = {edge.source for edge in around.edges if edge.type is EdgeType.FOLLOWS}
    for one, other, cosine in around.pairs(FOLLOWING_COSINE):
        earlier, later = sorted((one, other), key=lambda memory: memory.said_at_ms)
        if later.id in following or not _follows(later, earlier):
            continue
        following.add(later.id)
        reason = f'both are about "{later.key}", cosine {cosine:.2f}'
        yield Relation(edge=Edge(source=later.id, target=earlier.id, type=EdgeType.FOLLOWS), reason=reason)


def _follows(later: Memory, earlier: Memory) -> bool:
    same_story = (later.user, later.speaker) == (earlier.user, earlier.speaker)
    same_subject = bool(topic_of_key(later) & topic_of_key(earlier))
    both_happen = later.category in _HAPPENS and earlier.category in _HAPPENS
    return same_story and same_subject and both_happen and later.said_at_ms > earlier.said_at_ms


def _relatings(around: Surroundings) -> Iterator[Relation]:
    for one, other, cosine in around.pairs(RELATED_COSINE):
        shared = named_in(one, around.speakers) & named_in(other, around.speakers)
        if one.user == other.user and shared:
            earlier, later = sorted((one, other), key=lambda memory: memory.said_at_ms)
            reason = f'both name "{min(shared)}", cosine {cosine:.2f}'
            yield Relation(edge=Edge(source=later.id, target=earlier.id, type=EdgeType.RELATES), reason=reason)
