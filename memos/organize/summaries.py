"""Summaries over what one speaker said of one matter. Pure: the words are the speaker's own, or given (told.py).

    four near memories of one topic ──> a summary, with a PARENT edge to each      twelve children at most
    another near one of that topic  ──> one more child ─────────┐
    a child superseded, archived, merged away, deleted ─────────┴──> the same summary made anew, or, with one child
                                                                     left, removed: what it was made of stays

A topic is a key that names a subject, or a name. A memory has one parent at most. A summary's id comes from the first
of its children, so that whoever makes it, and however often, makes the same one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from memos.ids import JobId, MemoryId, UserId, memory_id
from memos.organize.surroundings import (
    SUMMARY_SESSION,
    Place,
    Surroundings,
    is_plain,
    is_summary,
    named_in,
    order_of,
    topic_of_key,
)
from memos.organize.telling import tell
from memos.organize.told import NOTHING_TOLD, Told, word
from memos.types import EdgeType, Memory, MemoryStatus

# Memories that share speaker and topic and stand this near speak of one matter, in the recorded conversations.
TOPIC_COSINE: Final = 0.5
MIN_CHILDREN: Final = 4
MAX_CHILDREN: Final = 12
TAG: Final = "summary"
_LEFT_TO_STAND: Final = 2

Topic = tuple[UserId, str, str]
"""User, speaker, and the key or name in small letters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A summary as it will be, and all of its children."""

    memory: Memory
    children: tuple[MemoryId, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Summaries:
    """What becomes of summaries: new ones, some made anew, and some that have too little left to stand on."""

    made: tuple[Summary, ...] = ()
    refreshed: tuple[Summary, ...] = ()
    retired: tuple[Memory, ...] = ()


def plan_summaries(
    around: Surroundings, merged: Mapping[MemoryId, Memory], *, now_ms: int, told: Told = NOTHING_TOLD
) -> Summaries:
    """What the fresh memories ask for; ``merged`` are memories as merges leave them."""
    now = {**around.memories, **merged}
    joined, clusters = _gather(around, now)
    made = [_make(around.place, topic, children, told, now_ms=now_ms) for topic, children in clusters]
    touched = _touched(around, joined, merged)
    changed = [_renew(around, now, parent, joined.get(parent, ()), told, now_ms=now_ms) for parent in touched]
    standing = [new for _, new in changed if new is not None]
    return Summaries(
        made=tuple(made),
        refreshed=tuple(new for new in standing if _differs(new, around)),
        retired=tuple(parent for parent, new in changed if new is None),
    )


def children_of(around: Surroundings, parent: MemoryId) -> list[MemoryId]:
    """The memories that a summary has PARENT edges to."""
    return [edge.target for edge in around.edges if edge.type is EdgeType.PARENT and edge.source == parent]


def _gather(
    around: Surroundings, now: Mapping[MemoryId, Memory]
) -> tuple[dict[MemoryId, list[Memory]], list[tuple[Topic, list[Memory]]]]:
    """Which memories join which summaries, and which make new ones of themselves; the largest cluster chooses first."""
    joined: dict[MemoryId, list[Memory]] = defaultdict(list)
    clusters: list[tuple[Topic, list[Memory]]] = []
    taken: set[MemoryId] = set()
    groups = _clusters(around)
    for topic, members in sorted(groups, key=lambda group: (-len(group[1]), group[0], min(group[1]))):
        parents = sorted({around.parent_of[each] for each in members if each in around.parent_of})
        free = sorted((now[each] for each in members - taken if _may_join(around, now, each)), key=order_of)
        open_parents = [each for each in parents if _is_open(around, now, each, topic)]
        if open_parents:
            parent = open_parents[0]
            free = free[: MAX_CHILDREN - len(_standing(around, now, parent)) - len(joined[parent])]
            joined[parent] += free
        elif len(free) >= MIN_CHILDREN:
            free = free[:MAX_CHILDREN]
            clusters.append((topic, free))
        else:
            continue
        taken.update(memory.id for memory in free)
    return joined, clusters


def _clusters(around: Surroundings) -> list[tuple[Topic, set[MemoryId]]]:
    """Memories of one topic that near pairs connect."""
    linked: dict[Topic, list[set[MemoryId]]] = defaultdict(list)
    for one, other, _ in around.pairs(TOPIC_COSINE):
        for topic in sorted(_topics(one, around) & _topics(other, around)):
            apart = [group for group in linked[topic] if not group & {one.id, other.id}]
            touching = [group for group in linked[topic] if group & {one.id, other.id}]
            linked[topic] = [*apart, {one.id, other.id}.union(*touching)]
    return [(topic, group) for topic, groups in linked.items() for group in groups]


def _topics(memory: Memory, around: Surroundings) -> set[Topic]:
    subjects = topic_of_key(memory) | named_in(memory, around.speakers)
    return {(memory.user, memory.speaker, subject) for subject in subjects}


def _may_join(around: Surroundings, now: Mapping[MemoryId, Memory], memory: MemoryId) -> bool:
    return memory not in around.parent_of and is_plain(now[memory]) and memory not in around.superseded


def _is_open(around: Surroundings, now: Mapping[MemoryId, Memory], parent: MemoryId, topic: Topic) -> bool:
    summary = now[parent]
    same_topic = (summary.user, summary.speaker, summary.key.casefold()) == topic
    has_room = len(_standing(around, now, parent)) < MAX_CHILDREN
    return same_topic and has_room and summary.status is MemoryStatus.ACTIVATED


def _touched(
    around: Surroundings, joined: Mapping[MemoryId, Sequence[Memory]], merged: Iterable[MemoryId]
) -> list[MemoryId]:
    """The summaries of which something may have changed; one that somebody archived is left as it is.

    One that is fresh itself has lost a child to a deletion, and was archived with it.
    """
    fresh = {memory.id for memory in around.fresh}
    parents = {around.parent_of[each] for each in {*merged, *fresh} if each in around.parent_of}
    parents |= {parent for parent, children in joined.items() if children}
    active = {each for each in parents if around.memories[each].status is MemoryStatus.ACTIVATED}
    return sorted(active | {memory.id for memory in around.fresh if is_summary(memory)})


def _standing(around: Surroundings, now: Mapping[MemoryId, Memory], parent: MemoryId) -> list[Memory]:
    """The children that still count."""
    known = [now[each] for each in children_of(around, parent) if each in now]
    return [each for each in known if is_plain(each) and each.id not in around.superseded]


def _renew(
    around: Surroundings,
    now: Mapping[MemoryId, Memory],
    parent: MemoryId,
    joining: Sequence[Memory],
    told: Told,
    *,
    now_ms: int,
) -> tuple[Memory, Summary | None]:
    """The summary before, and as it is with its children now; None if these are too few."""
    before = around.memories[parent]
    children = sorted((*_standing(around, now, parent), *joining), key=order_of)
    if len(children) < _LEFT_TO_STAND:
        return before, None
    words = tell(before.speaker, before.key, children) | word(children, before, told.wordings.get(parent))
    after = replace(before, status=MemoryStatus.ACTIVATED, **words)
    if _is_same(after, before):
        return before, Summary(memory=before, children=_ids(children))
    after = replace(after, updated_at_ms=now_ms, version=before.version + 1)
    return before, Summary(memory=after, children=_ids(children))


def _differs(summary: Summary, around: Surroundings) -> bool:
    known = around.memories[summary.memory.id]
    return summary.memory != known or set(summary.children) != set(children_of(around, known.id))


def _is_same(after: Memory, before: Memory) -> bool:
    same_words = (after.text, after.info, after.status) == (before.text, before.info, before.status)
    return same_words and set(after.source_ids) == set(before.source_ids)


def _make(place: Place, topic: Topic, children: Sequence[Memory], told: Told, *, now_ms: int) -> Summary:
    user, speaker, subject = topic
    own_id = memory_id(place.tenant, place.cube, JobId(f"{SUMMARY_SESSION}:{children[0].id}"), 0)
    words = tell(speaker, subject, children) | word(children, None, told.wordings.get(own_id))
    memory = Memory(
        id=own_id,
        cube=place.cube,
        user=user,
        session=SUMMARY_SESSION,
        speaker=speaker,
        key=subject,
        tags=(TAG,),
        importance_at_ms=now_ms,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
        **words,
    )
    return Summary(memory=memory, children=_ids(children))


def _ids(children: Iterable[Memory]) -> tuple[MemoryId, ...]:
    return tuple(child.id for child in children)
