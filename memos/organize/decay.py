"""How importance fades, and what is archived for it. Pure.

    importance  ╲
                 ╲__          halves every half-life, counted from ``importance_at_ms``
    archive_below ──╲_____    what has sunk below it is archived: kept, and found by no search
                         ╲____________

Fading over one span and then over another is fading over both, so it does not matter when, or how often, anybody looks.
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
    """The memory as it is now: itself unless it is due, else less important, and archived if it has sunk too low."""
    if not is_due(memory, now_ms=now_ms):
        return memory
    elapsed_ms = now_ms - _held_at_ms(memory)
    importance = fade(memory.importance, elapsed_ms=elapsed_ms, half_life_days=policy.half_life_days)
    aged = replace(memory, importance=importance, importance_at_ms=now_ms)
    return _archive(aged, now_ms) if is_outlived(aged, policy) else aged


def is_due(memory: Memory, *, now_ms: int) -> bool:
    """True for an activated memory whose importance held a day ago or longer."""
    return memory.status is MemoryStatus.ACTIVATED and _held_at_ms(memory) <= now_ms - DAY_MS


def fade(importance: float, *, elapsed_ms: int, half_life_days: float) -> float:
    """What is left of an importance after a time; a time that is negative takes nothing away."""
    return importance * 0.5 ** (max(elapsed_ms, 0) / (half_life_days * DAY_MS))


def is_outlived(memory: Memory, policy: DecayPolicy) -> bool:
    """True when a memory is to be archived. Working memory and instructions never are."""
    spared = memory.memory_type is MemoryType.WORKING or memory.category is Category.INSTRUCTION
    return memory.importance < policy.archive_below and not spared


def _held_at_ms(memory: Memory) -> int:
    """No importance is older than its memory: one that was written before there was any says 0."""
    return max(memory.importance_at_ms, memory.created_at_ms)


def _archive(memory: Memory, now_ms: int) -> Memory:
    return replace(memory, status=MemoryStatus.ARCHIVED, version=memory.version + 1, updated_at_ms=now_ms)
