"""What a batch of new memories may concern: the known memories nearest to them.

new memories ──> a dense search each, side by side ──> hits ──> one read ──> of the same user, the nearest
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from memos.errors import Unavailable
from memos.ids import MemoryId
from memos.memories.textual.stores import TextStores
from memos.organize.decisions import may_concern
from memos.organize.surroundings import PLAIN_TYPES, Place, is_plain
from memos.types import Memory
from memos.vec_dbs.base import IndexFilter, IndexHit

logger = logging.getLogger(__name__)

# Of each new memory, and of all of them together with what is known of their subjects.
NEIGHBOURS: Final = 5
MAX_CANDIDATES: Final = 60
# With the packaged embedder changed values stand at 0.66 and above; what is farther speaks of something else.
MIN_COSINE: Final = 0.5
SEARCH_TIMEOUT_S: Final = 5.0
# Searched for beyond what is kept: some hits are another user's, or the new memories themselves.
_SPARE: Final = 5
MAX_READ: Final = 4 * MAX_CANDIDATES
_THREADS: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """A new memory, and the embedding of its text."""

    memory: Memory
    vector: Sequence[float]


def find_neighbours(stores: TextStores, place: Place, new: Sequence[Embedded], known: Sequence[Memory]) -> list[Memory]:
    """``known``, and behind it what is nearest to the new memories, the nearest first; MAX_CANDIDATES with ``known``.

    A search each, side by side, and one read. With the index away it is ``known`` alone, and the log says so.
    """
    room = MAX_CANDIDATES - len(known)
    plain = [each for each in new if is_plain(each.memory)]
    if room <= 0 or not plain:
        return list(known)
    try:
        found = _search(stores, place, plain)
    except Unavailable as error:
        logger.warning("%d new memories are compared with no neighbours: %s", len(plain), error)
        return list(known)
    apart = {memory.id for memory in (*known, *(each.memory for each in new))}
    ids = [each for each in _by_nearness(hit for hits in found for hit in hits) if each not in apart][:MAX_READ]
    stored = stores.graph.find_memories(place.tenant, place.cube, ids) if ids else {}
    return [*known, *_choose(plain, found, stored)[:room]]


def _search(stores: TextStores, place: Place, new: Sequence[Embedded]) -> list[list[IndexHit]]:
    """The hits of each; the first search that fails ends all."""
    where = IndexFilter(cubes=(place.cube,), memory_types=PLAIN_TYPES)

    def search(each: Embedded) -> list[IndexHit]:
        limit = NEIGHBOURS + _SPARE
        hits = stores.index.search_dense(place.tenant, each.vector, where, limit=limit, timeout_s=SEARCH_TIMEOUT_S)
        return [hit for hit in hits if hit.score >= MIN_COSINE]

    with ThreadPoolExecutor(min(_THREADS, len(new)), thread_name_prefix="neighbours") as threads:
        return list(threads.map(search, new))


def _by_nearness(hits: Iterable[IndexHit]) -> list[MemoryId]:
    ranked = sorted(hits, key=lambda hit: (-hit.score, hit.memory_id))
    return list(dict.fromkeys(hit.memory_id for hit in ranked))


def _choose(
    new: Sequence[Embedded], found: Sequence[Sequence[IndexHit]], stored: Mapping[MemoryId, Memory]
) -> list[Memory]:
    """The nearest of each that it may concern, and of all these the nearest first."""
    chosen: list[IndexHit] = []
    for each, hits in zip(new, found, strict=True):
        near = [hit for hit in hits if hit.memory_id in stored and may_concern(each.memory, stored[hit.memory_id])]
        chosen += near[:NEIGHBOURS]
    return [stored[each] for each in _by_nearness(chosen)]
