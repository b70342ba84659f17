"""Interactive over bulk: how the places that workers of both have are divided. Pure.

    both wait        four places for interactive, then one for bulk: bulk is slow, never starved
    one waits        it gets every place

Organize and kv have queues and places of their own.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from scheduler.keys import Queue

INTERACTIVE_PER_BULK: Final = 4

# Queues that share their places, in the order of rank.
PAIR: Final = (Queue.EXTRACT, Queue.EXTRACT_BULK)
POOLS: Final[tuple[tuple[Queue, ...], ...]] = (PAIR, (Queue.ORGANIZE,), (Queue.KV_BUILD,))


@dataclass(kw_only=True, slots=True)
class Precedence:
    """Remembers how many places interactive had since bulk last had one, so that single places add up to the ratio."""

    interactive_per_bulk: int = INTERACTIVE_PER_BULK
    _since_bulk: int = field(default=0, init=False)

    def divide(self, places: int, waiting: Collection[Queue]) -> dict[Queue, int]:
        """How many of ``places`` each waiting queue gets; all are given when anything waits, none twice."""
        if places < 1:
            return {}
        if not set(PAIR) <= set(waiting):
            return self._give_all(places, waiting)
        bulk = sum(self._is_for_bulk() for _ in range(places))
        return {queue: n for queue, n in zip(PAIR, (places - bulk, bulk), strict=True) if n}

    def _is_for_bulk(self) -> bool:
        self._since_bulk = (self._since_bulk + 1) % (self.interactive_per_bulk + 1)
        return self._since_bulk == 0

    def _give_all(self, places: int, waiting: Collection[Queue]) -> dict[Queue, int]:
        if Queue.EXTRACT_BULK in waiting:
            # It was served just now: whoever comes next to it starts with interactive.
            self._since_bulk = 0
        return dict.fromkeys(waiting, places)
