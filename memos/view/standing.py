"""Whether what a memory says is still to be relied on."""

from enum import StrEnum

from memos.types import Memory, MemoryStatus


class Standing(StrEnum):
    """How a memory stands at a moment; the first that fits, from the last line up."""

    CURRENT = "current"
    PAST = "no longer valid"
    EXPIRED = "expired"
    ARCHIVED = "archived"


def standing(memory: Memory, *, now_ms: int) -> Standing:
    """How a memory stands now."""
    if memory.status is MemoryStatus.ARCHIVED:
        return Standing.ARCHIVED
    if memory.expires_at_ms is not None and memory.expires_at_ms <= now_ms:
        return Standing.EXPIRED
    if memory.invalid_at_ms is not None and memory.invalid_at_ms <= now_ms:
        return Standing.PAST
    return Standing.CURRENT
