"""What a run does: which faults, in which order. Pure: the seed decides."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from workers.chaos.generator import Load

Broker = Literal["redis", "rabbitmq"]
LONG_FAULTS: Final = 24
# The most telling ones, for every change: a minute and a half.
SHORT: Final = (
    "kill_between_stores",
    "kill_redis",
    "drop_hints",
    "kill_worker",
    "pause_worker",
    "neo4j_away",
    "duplicate_hints",
)
LONG_AWAY_S: Final = 20.0
SHORT_AWAY_S: Final = 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """``faults`` in their order; ``at_least_s``: go on with random ones until so much time has passed.

    ``away_s``: for how long things are taken away; ``patience_s``: for how long the way back is watched, and the end
    waited for; ``thinking_s``: how long the model takes when it is well.
    """

    seed: int
    faults: tuple[str, ...]
    away_s: float = LONG_AWAY_S
    at_least_s: float = 0.0
    patience_s: float = 40.0
    thinking_s: float = 0.15
    broker: Broker = "redis"
    defect: str = ""
    load: Load = field(default_factory=Load)
    history: Path | None = None


def choose_faults(names: Sequence[str], *, count: int, seed: int) -> tuple[str, ...]:
    """``count`` faults of these names in random order, each as often as the others, give or take one."""
    rng = random.Random(f"faults-{seed}")
    rounds = [rng.sample(list(names), len(names)) for _ in range(-(-count // len(names)))]
    return tuple(name for one_round in rounds for name in one_round)[:count]
