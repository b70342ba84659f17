"""The line of each queue as it was last seen, and what the dispatcher itself has changed since. No I/O, no clock.

A look at all shards costs more than a claim. So a line is used up before it is looked at again; a claim finds out by
itself when a lane or a slot is not there any more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scheduler.keys import Queue, shard_of
from scheduler.wakes import Turn, View


@dataclass(kw_only=True, slots=True)
class Lines:
    """Who waits in which queue, longest waiting first. ``by_queue`` may be changed by whoever serves it."""

    by_queue: dict[Queue, list[Turn]] = field(default_factory=lambda: {queue: [] for queue in Queue})

    def note(self, views: Sequence[View]) -> None:
        """Forget what was known of these shards for what is seen now."""
        seen = {view.shard for view in views}
        for queue, line in self.by_queue.items():
            kept = (turn for turn in line if shard_of(turn.tenant) not in seen)
            fresh = (turn for view in views for turn in view.due.get(queue, ()))
            self.by_queue[queue] = order([*kept, *fresh])

    def is_empty(self) -> bool:
        """True when nobody is known to wait."""
        return not any(self.by_queue.values())


def order(turns: Iterable[Turn]) -> list[Turn]:
    """Turns of several shards as one line."""
    return sorted(turns, key=lambda turn: (turn.at_us, turn.tenant))
