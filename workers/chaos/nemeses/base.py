"""What a fault is, and what it may lay its hands on."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from memos.types import Lane
from workers.chaos.control import Control
from workers.chaos.fleet import Fleet
from workers.chaos.provider import Provider
from workers.chaos.servers import Servers


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """All that a nemesis can reach. ``away_s`` is for how long it takes something away."""

    servers: Servers
    fleet: Fleet
    provider: Provider
    control: Control
    lanes: Sequence[Lane]
    rng: random.Random
    away_s: float
    sleep_s: Callable[[float], None] = field(default=time.sleep)
    monotonic_s: Callable[[], float] = field(default=time.monotonic)


class Nemesis(Protocol):
    """One fault, from its beginning to its end. An object is used once."""

    def inject(self, stage: Stage) -> None:
        """Do it, and return when it lasts, is over, or could not be done."""
        ...

    def hold_s(self, stage: Stage) -> float:
        """For how long it is to last."""
        ...

    def heal(self, stage: Stage) -> str:
        """End it; called once, whatever happened. Says what was done, and nothing when nothing could be."""
        ...


class Instant:
    """A fault that is over as soon as it has happened."""

    def hold_s(self, stage: Stage) -> float:
        """Not at all."""
        del stage
        return 0.0


class Lasting:
    """A fault that lasts as long as the stage says."""

    def hold_s(self, stage: Stage) -> float:
        """As long as things are away."""
        return stage.away_s


def wait_for(stage: Stage, condition: Callable[[], bool], *, within_s: float) -> bool:
    """Poll until it holds; False when it does not in time."""
    deadline_s = stage.monotonic_s() + within_s
    while not condition():
        if stage.monotonic_s() > deadline_s:
            return False
        stage.sleep_s(0.02)
    return True
