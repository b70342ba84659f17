"""What one step of reorganising looks at: memories that nobody has looked at yet, and what is around them. Pure.

A *plain* memory is one that can be merged, related and summed up: an active one that somebody said. Documents, working
memory, summaries, and what is provisional are not plain.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from memos.ids import RESERVED_SESSION_PREFIX, CubeId, MemoryId, SessionId, TenantId
from memos.mem_reader.words import STOPWORDS, content_words
from memos.organize.provisional import is_provisional
from memos.types import Edge, EdgeType, Memory, MemoryStatus, MemoryType, Source

# No user can name a session so: what stands in it is nobody's own words.
SUMMARY_SESSION: Final = SessionId(f"{RESERVED_SESSION_PREFIX}summaries")
# What the rules reader makes a key of where it knows no subject (memos/mem_reader/subjects.py).
_FALLBACK_WORDS: Final = 3
PLAIN_TYPES: Final = (MemoryType.LONG_TERM, MemoryType.USER)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The cube that is reorganised."""

    tenant: TenantId
    cube: CubeId


@dataclass(frozen=True, kw_only=True, slots=True)
class Near:
    """Two memories, and the cosine of their embeddings."""

    one: MemoryId
    other: MemoryId
    cosine: float


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """``fresh`` are the memories to look at, ``memories`` they and all others that play a part, by id.

    ``near`` has the pairs of a fresh memory and a neighbour, ``edges`` every relation of the fresh ones, of their
    neighbours and of the parents of both. ``sources`` has the messages behind each fresh memory, each behind the
    message before it.
    """

    place: Place
    fresh: tuple[Memory, ...]
    memories: Mapping[MemoryId, Memory]
    near: tuple[Near, ...] = ()
    edges: tuple[Edge, ...] = ()
    sources: Mapping[MemoryId, tuple[Source, ...]]

    @cached_property
    def speakers(self) -> frozenset[str]:
        """Everybody who speaks here, and the parts of their names."""
        names = {memory.speaker.casefold() for memory in self.memories.values() if memory.speaker}
        return frozenset(names | {part for name in names for part in name.split()})

    @cached_property
    def parent_of(self) -> dict[MemoryId, MemoryId]:
        """The summary of each memory that has one."""
        return {
            edge.target: edge.source
            for edge in self.edges
            if edge.type is EdgeType.PARENT and edge.source in self.memories and is_summary(self.memories[edge.source])
        }

    @cached_property
    def superseded(self) -> frozenset[MemoryId]:
        """What has been true once."""
        return frozenset(edge.target for edge in self.edges if edge.type is EdgeType.SUPERSEDES)

    def pairs(self, at_least: float) -> list[tuple[Memory, Memory, float]]:
        """Pairs of plain memories with such a cosine, the nearest first, each pair once, the earlier memory first."""
        found: dict[tuple[MemoryId, MemoryId], float] = {}
        for near in self.near:
            if near.one != near.other and near.cosine >= at_least and self._are_plain(near.one, near.other):
                earlier, later = sorted((self.memories[near.one], self.memories[near.other]), key=order_of)
                found[earlier.id, later.id] = max(near.cosine, found.get((earlier.id, later.id), 0.0))
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return [(self.memories[one], self.memories[other], cosine) for (one, other), cosine in ranked]

    def _are_plain(self, *ids: MemoryId) -> bool:
        return all(each in self.memories and is_plain(self.memories[each]) for each in ids)


def is_summary(memory: Memory) -> bool:
    """Whether a reorganisation made it."""
    return memory.session == SUMMARY_SESSION


def is_plain(memory: Memory) -> bool:
    """Whether it can be merged, related and summed up."""
    is_active = memory.status is MemoryStatus.ACTIVATED
    return is_active and memory.memory_type in PLAIN_TYPES and not (is_summary(memory) or is_provisional(memory))


def order_of(memory: Memory) -> tuple[int, int, str]:
    """Sorts memories as their ids were given out; those of one job as they were said."""
    return memory.created_at_ms, memory.said_at_ms, memory.id


def topic_of_key(memory: Memory) -> frozenset[str]:
    """The subject that the key names: none if the key is but the statement's own first telling words."""
    key = memory.key.casefold()
    own_words = content_words(statement_of(memory))[:_FALLBACK_WORDS]
    return frozenset((key,)) if key and own_words != key.split() else frozenset()


def named_in(memory: Memory, speakers: Iterable[str]) -> frozenset[str]:
    """The names in it, but for those of the speakers and for words that only begin a sentence."""
    return frozenset(name.casefold() for name in memory.entities) - frozenset(speakers) - STOPWORDS


def statement_of(memory: Memory) -> str:
    """The text without what says who spoke."""
    return memory.text.removeprefix(f"{memory.speaker} said: ")
