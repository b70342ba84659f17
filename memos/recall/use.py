"""How often memories were used, each use fading, and what that adds to a score. Pure but for the twin in RAM.

    use      a chat put the memory before the model, or somebody called it useful; that a search found it is none
    count    the uses, each worth half as much after every half-life
    level    log2 of what the count would be had every use doubled with each half-life since the epoch

        level = log2 Σ 2^(t / half-life)            count now = 2^(level - now / half-life)

A level stays as it is until the next use, and the higher of two levels is the higher count at any time (forward decay:
Cormode, Shkapenyuk, Srivastava and Xu, ICDE 2009). So what keeps levels need never age them, nor know the half-life.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import log1p, log2
from threading import Lock
from typing import Final, Protocol

from memos.errors import Unavailable
from memos.ids import CubeId, MemoryId, TenantId
from memos.recall.fuse import Candidate, Key

HALF_LIFE_MS: Final = 7 * 24 * 3600 * 1000
# Memories of a cube that are counted; beyond that the least used are taken for unused.
MOST_COUNTED: Final = 2_000
# One use adds 0.07, ten add 0.24: enough to decide between what matches equally, less than a third of a deviation.
WEIGHT: Final = 0.1
MOST_LIFT: Final = 0.3
# A level of a clock that is far ahead must not overflow.
_MOST_DOUBLINGS: Final = 1000.0

FindUses = Callable[[TenantId, Sequence[Key]], Mapping[Key, float]]
"""The counts of those memories that were used, as of now. Raises Unavailable."""
ForgetUses = Callable[[TenantId, CubeId, Sequence[MemoryId]], None]
"""Removes what is counted of a cube's memories. Raises Unavailable."""


class UseCounts(Protocol):
    """The levels of each cube's most used memories. Thread-safe; every method raises Unavailable."""

    def add(self, tenant: TenantId, used: Sequence[Key], level: float) -> None:
        """Join one use of this level to what each memory has already."""
        ...

    def find(self, tenant: TenantId, wanted: Sequence[Key]) -> dict[Key, float]:
        """The levels of those that have one, in one round trip."""
        ...

    def forget(self, tenant: TenantId, cube: CubeId, memories: Sequence[MemoryId]) -> None:
        """Remove the levels of these; harmless where there are none."""
        ...

    def forget_cube(self, tenant: TenantId, cube: CubeId) -> None:
        """Remove the levels of all memories of a cube."""
        ...

    def close(self) -> None: ...


class MemoryUseCounts:
    """The twin in RAM, for one process."""

    def __init__(self, *, most: int = MOST_COUNTED) -> None:
        self._most = most
        self._lock = Lock()
        self._levels: dict[tuple[TenantId, CubeId], dict[MemoryId, float]] = {}

    def add(self, tenant: TenantId, used: Sequence[Key], level: float) -> None:
        with self._lock:
            for cube, memory in used:
                levels = self._levels.setdefault((tenant, cube), {})
                levels[memory] = join_levels(levels[memory], level) if memory in levels else level
            for cube in {cube for cube, _ in used}:
                levels = self._levels[tenant, cube]
                for memory in sorted(levels, key=lambda each: (levels[each], each))[: -self._most]:
                    del levels[memory]

    def find(self, tenant: TenantId, wanted: Sequence[Key]) -> dict[Key, float]:
        with self._lock:
            known = {(cube, memory): self._levels.get((tenant, cube), {}).get(memory) for cube, memory in wanted}
        return {key: level for key, level in known.items() if level is not None}

    def forget(self, tenant: TenantId, cube: CubeId, memories: Sequence[MemoryId]) -> None:
        with self._lock:
            levels = self._levels.get((tenant, cube), {})
            for memory in memories:
                levels.pop(memory, None)

    def forget_cube(self, tenant: TenantId, cube: CubeId) -> None:
        with self._lock:
            self._levels.pop((tenant, cube), None)

    def close(self) -> None:
        """Nothing is open."""


def level_of_use(at_ms: int) -> float:
    """The level of one use at this time."""
    return at_ms / HALF_LIFE_MS


def join_levels(one: float, other: float) -> float:
    """The level of the uses of both."""
    high, low = max(one, other), min(one, other)
    return high + log2(1 + 2.0 ** (low - high))


def count_at(level: float, now_ms: int) -> float:
    """What the uses behind a level are worth now; one of just now is worth 1."""
    return 2.0 ** min(level - level_of_use(now_ms), _MOST_DOUBLINGS)


def add_use(candidates: Sequence[Candidate], counts: Mapping[Key, float]) -> list[Candidate]:
    """Re-rank by adding a part ``use`` to what was used, MOST_LIFT at most; without counts the order stays."""
    ranked = [_with_use(item, counts[item.key]) if item.key in counts else item for item in candidates]
    return sorted(ranked, key=lambda item: -item.score)


def read_uses(
    find: FindUses | None, tenant: TenantId, candidates: Sequence[Candidate]
) -> tuple[Mapping[Key, float], tuple[str, ...]]:
    """The counts of the candidates, and what was missing; where nobody counts, neither."""
    if find is None or not candidates:
        return {}, ()
    try:
        return find(tenant, [item.key for item in candidates]), ()
    except Unavailable as error:
        return {}, (f"use: {error}",)


def uncounted(tenant: TenantId, cube: CubeId, memories: Sequence[MemoryId]) -> None:
    """A ForgetUses for where nothing is counted."""


def _with_use(item: Candidate, count: float) -> Candidate:
    return replace(item, parts={**item.parts, "use": min(WEIGHT * log1p(count), MOST_LIFT)})
