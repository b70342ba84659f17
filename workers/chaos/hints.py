"""The dispatcher of a run: ``python -m workers.chaos.hints``. The product's, but for what becomes of its hints.

Told to drop, it loses every other one by chance, after the dispatcher believes it sent; told to double, it sends each
twice. So it is exact on any broker, whoever consumes.
"""

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass

from memos.settings import Settings
from memos.types import Lane
from scheduler.dispatch import main, open_publisher
from scheduler.feeder import Hints
from scheduler.keys import Queue
from workers.chaos.control import Control, HintFate
from workers.chaos.resources import control_of


@dataclass(frozen=True, kw_only=True, slots=True)
class MeddledHints:
    """Hands hints on, or not, or twice. ``random`` is uniform in [0, 1)."""

    inner: Hints
    control: Control
    random: Callable[[], float] = random.random

    def publish(self, lane: Lane) -> None:
        """What the control directory says now."""
        fate = self.control.hint_fate()
        if fate is HintFate.DROP and self.random() < 0.5:
            self.control.note_touched_hint()
            return
        self.inner.publish(lane)
        if fate is HintFate.DOUBLE:
            self.inner.publish(lane)
            self.control.note_touched_hint()

    def count_queued(self, queue: Queue) -> int:
        """As the broker says."""
        return self.inner.count_queued(queue)


def open_meddled(settings: Settings) -> Hints:
    """The product's publisher behind hands that meddle. Raises InvalidConfig."""
    return MeddledHints(inner=open_publisher(settings), control=control_of(settings))


if __name__ == "__main__":
    sys.exit(main(open_hints=open_meddled))
