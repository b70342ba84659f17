"""Which shards the dispatcher looks at next, and how long it may sleep before. No I/O, no clock.

idle      a signal ──> look now      a turn is known to come ──> look then      nothing known ──> after IDLE_S
busy      as above, and at every shard now and then: turns are used up, and one shard's signals drown another's
"""

from collections.abc import Sequence
from typing import Final

from scheduler.wakes import View

IDLE_S: Final = 2.0
# While somebody waits: how long what was seen of a shard is good for, with and without turns that were due.
DUE_GOOD_FOR_S: Final = 0.05
IDLE_GOOD_FOR_S: Final = 0.02


class Attention:
    """Remembers for each shard when to look. Times are monotonic seconds."""

    def __init__(self, shards: int) -> None:
        self._look_at_s = [0.0] * shards
        self._looked_at_s = [float("-inf")] * shards
        self._backlogged: set[int] = set()

    def signal(self, shard: int) -> None:
        """Somebody said that this shard has new work."""
        self._look_at_s[shard] = 0.0

    def hurry(self) -> None:
        """All that was seen is used up: look again where there was a backlog."""
        for shard in self._backlogged:
            self._look_at_s[shard] = 0.0

    def choose(self, now_s: float) -> list[int]:
        """The shards to look at now."""
        return [shard for shard, at_s in enumerate(self._look_at_s) if at_s <= now_s or self._is_stale(shard, now_s)]

    def note(self, views: Sequence[View], *, now_s: float) -> None:
        """Take over what was seen."""
        for view in views:
            self._looked_at_s[view.shard] = now_s
            wait_s = IDLE_S if view.next_in_ms is None else min(view.next_in_ms / 1000, IDLE_S)
            self._look_at_s[view.shard] = now_s + (DUE_GOOD_FOR_S if view.due else wait_s)
            if view.due:
                self._backlogged.add(view.shard)
            else:
                self._backlogged.discard(view.shard)

    def sleep_s(self, now_s: float) -> float:
        """Seconds until some shard wants a look, if nobody waits already."""
        return max(0.0, min(self._look_at_s) - now_s)

    def _is_stale(self, shard: int, now_s: float) -> bool:
        return (
            bool(self._backlogged)
            and now_s - self._looked_at_s[shard] >= IDLE_GOOD_FOR_S
            and (shard not in self._backlogged)
        )
