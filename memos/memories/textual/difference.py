"""How far an index is from its graph. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from memos.ids import MemoryId


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Of a cube with so many ``memories``: those that the index lacks, and the rows that stand for none. Sorted."""

    memories: int
    missing: tuple[MemoryId, ...]
    surplus: tuple[MemoryId, ...]

    def __bool__(self) -> bool:
        """True when something differs."""
        return bool(self.missing or self.surplus)


def compare(memories: Iterable[MemoryId], rows: Iterable[MemoryId]) -> Difference:
    """What must change in the index for its rows to be those of the graph's memories."""
    stored, indexed = frozenset(memories), frozenset(rows)
    return Difference(
        memories=len(stored), missing=tuple(sorted(stored - indexed)), surplus=tuple(sorted(indexed - stored))
    )
