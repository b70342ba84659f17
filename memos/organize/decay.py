"""How importance fades, and what is archived for it or because its time has come. Pure.

    importance  ╲
                 ╲__          halves every half-life, counted from ``importance_at_ms``
    archive_below ──╲_____    what has sunk below it is archived: kept, and found by no search
                         ╲____________

Fading over one span and then over another is fading over both, so it does not matter when, or how often, anybody looks.
A pinned memory does not fade; one that has expired is archived whatever its importance.
"""

from dataclasses import dataclass, replace
from typing import Final

from memos.types import Category, Memory, MemoryStatus, MemoryType

DAY_MS: Final = 24 * 3600 * 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class DecayPolicy:
    """``half_life_days`` is above 0. An ``archive_below`` of 0 archives nothing."""

    half_life_days: float
    archive_below: float = 0.0


def age(memory: Memory, policy: DecayPolicy, *, now_ms: int) -> Memory:
    """The memory as it is now: itself unless it is due, else less important, and archived if it may stay no longer."""
    if not is_due(memory, now_ms=now_ms):
        return memory
    importance = importance_now(memory, half_life_days=policy.half_life_days, now_ms=now_ms)
    aged = replace(memory, importance=importance, importance_at_ms=now_ms)
    ends = is_expired(memory, now_ms=now_ms) or is_outlived(aged, policy)
    return archived(aged, now_ms=now_ms) if ends else aged


def is_due(memory: Memory, *, now_ms: int) -> bool:
    """True for an activated memory that has expired, or fades and held its importance a day ago or longer."""
    fades = not memory.pinned and _held_at_ms(memory) <= now_ms - DAY_MS
    return memory.status is MemoryStatus.ACTIVATED and (fades or is_expired(memory, now_ms=now_ms))


def is_expired(memory: Memory, *, now_ms: int) -> bool:
    """True from the moment on at which a memory expires."""
    return memory.expires_at_ms is not None and memory.expires_at_ms <= now_ms


def importance_now(memory: Memory, *, half_life_days: float, now_ms: int) -> float:
    """The importance as it holds now, whenever it was stored; that of a pinned memory is what was stored."""
    if memory.pinned:
        return memory.importance
    return fade(memory.importance, elapsed_ms=now_ms - _held_at_ms(memory), half_life_days=half_life_days)


def fade(importance: float, *, elapsed_ms: int, half_life_days: float) -> float:
    """What is left of an importance after a time; a time that is negative takes nothing away."""
    return importance * 0.5 ** (max(elapsed_ms, 0) / (half_life_days * DAY_MS))


def is_outlived(memory: Memory, policy: DecayPolicy) -> bool:
    """True when a memory is to be archived for its importance."""
    return memory.importance < policy.archive_below and not is_spared(memory)


def is_spared(memory: Memory) -> bool:
    """True for what nobody gives up for its age, importance or number: pinned ones, instructions, working memory."""
    return memory.pinned or memory.memory_type is MemoryType.WORKING or memory.category is Category.INSTRUCTION


def archived(memory: Memory, *, now_ms: int) -> Memory:
    """The memory in its next version, which no search finds."""
    return replace(memory, status=MemoryStatus.ARCHIVED, version=memory.version + 1, updated_at_ms=now_ms)


def _held_at_ms(memory: Memory) -> int:
    """No importance is older than its memory: one that was written before there was any says 0."""
    return max(memory.importance_at_ms, memory.created_at_ms)
