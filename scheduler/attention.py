"""Which shards the dispatcher looks at next, and how long it may sleep before. No I/O, no clock.

idle ──signal──> look now          due tenants left ──> look again with every look, soon
a turn is known to come ──> look then              nothing known ──> look after IDLE_S, for a signal can get lost
"""

from collections.abc import Sequence
from typing import Final

from scheduler.wakes import View

IDLE_S: Final = 2.0


class Attention:
    """Remembers for each shard when to look. Times are monotonic seconds."""

    def __init__(self, shards: int) -> None:
        self._look_at_s = [0.0] * shards
        self._backlogged: set[int] = set()

    def signal(self, shard: int) -> None:
        """Somebody said that this shard has new work."""
        self._look_at_s[shard] = 0.0

    def choose(self, now_s: float) -> list[int]:
        """The shards to look at now. A shard with a backlog is always among them, lest a new one take its places."""
        rung = {shard for shard, at_s in enumerate(self._look_at_s) if at_s <= now_s}
        return sorted(rung | self._backlogged) if rung else []

    def note(self, views: Sequence[View], *, now_s: float, pause_s: float) -> None:
        """Take over what was seen; ``pause_s`` is when to come back to a shard that still has tenants due."""
        for view in views:
            if view.due:
                self._backlogged.add(view.shard)
                self._look_at_s[view.shard] = now_s + pause_s
            else:
                self._backlogged.discard(view.shard)
                wait_s = IDLE_S if view.next_in_ms is None else min(view.next_in_ms / 1000, IDLE_S)
                self._look_at_s[view.shard] = now_s + wait_s

    def sleep_s(self, now_s: float) -> float:
        """Seconds until some shard wants a look."""
        return max(0.0, min(self._look_at_s) - now_s)
