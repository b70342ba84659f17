"""What an index can be asked of a memory beside its meaning and its words, and whether a memory satisfies it. Pure.

    moments    said_at_ms, from_ms, until_ms, expires_ms     numbers, compared as they are
    facets     user_id, session_id, speaker, type,           texts, of which only equality can be asked
               memory_type, key, entities, tags

A statement holds from ``from_ms`` (valid_at_ms, or else when it was said) until ``until_ms`` (invalid_at_ms). What has
no end ends at NEVER_MS. A memory with more facets than a row takes satisfies every condition on facets: what asks for
some gets all that have them, and perhaps a few that have not.
"""

from collections.abc import Mapping
from typing import Final

from memos.types import Memory, MemoryStatus
from memos.vec_dbs.base import Facet, IndexFilter, Moment

# Later than any time that can be told; a double, as which JSON may carry it, has it exactly.
NEVER_MS: Final = 2**53 - 1
MAX_FACETS: Final = 64
# The facet of a row that lacks some of its own.
OVERFULL: Final = Facet(field="", value="")


def admits(where: IndexFilter, memory: Memory) -> bool:
    """Whether a memory satisfies all of the filter but its labels, which a memory does not know of."""
    return (
        memory.cube in where.cubes
        and memory.status is MemoryStatus.ACTIVATED
        and (not where.memory_types or memory.memory_type in where.memory_types)
        and _has_moments(where, memory)
        and _has_facets(where, memory)
    )


def moments_of(memory: Memory) -> Mapping[Moment, int]:
    """The times of a memory as a row keeps them."""
    return {
        Moment.SAID: memory.said_at_ms,
        Moment.FROM: memory.said_at_ms if memory.valid_at_ms is None else memory.valid_at_ms,
        Moment.UNTIL: NEVER_MS if memory.invalid_at_ms is None else memory.invalid_at_ms,
        Moment.EXPIRES: NEVER_MS if memory.expires_at_ms is None else memory.expires_at_ms,
    }


def facets_of(memory: Memory) -> tuple[Facet, ...]:
    """The facets of a memory as a row keeps them, MAX_FACETS at most. An empty text is none but in a list."""
    single = {
        "user_id": memory.user,
        "session_id": memory.session,
        "speaker": memory.speaker,
        "type": memory.category.value,
        "memory_type": memory.memory_type.value,
        "key": memory.key,
    }
    several = {"entities": memory.entities, "tags": memory.tags}
    named = [(field, value) for field, value in single.items() if value]
    named += [(field, value) for field, values in several.items() for value in values]
    facets = tuple(Facet(field=field, value=value) for field, value in dict.fromkeys(named))
    return facets if len(facets) <= MAX_FACETS else (OVERFULL, *facets[: MAX_FACETS - 1])


def _has_moments(where: IndexFilter, memory: Memory) -> bool:
    moments = moments_of(memory) if where.periods else {}
    return all(period.holds(moments[period.moment]) for period in where.periods)


def _has_facets(where: IndexFilter, memory: Memory) -> bool:
    if not where.facets:
        return True
    facets = frozenset(facets_of(memory))
    return OVERFULL in facets or all(not facets.isdisjoint(group) for group in where.facets)
