"""When there is more work than can be done: which step of the ladder is right. Pure: measurements in, a level out.

    level  step           from then on                               interactive lanes   memory    lanes
                                                                     wait longer than    in use    ready
      1    coalesce       follow-up jobs wait longer, to be joined      1 x dwell          60 %    20,000
      2    pause          no hints for organize and kv                  2 x dwell          70 %    50,000
      3    rules_reader   extraction without a model                    4 x dwell          80 %   100,000
      4    refuse_noisy   tenants with more than their share            8 x dwell          88 %   200,000
      5    refuse_all     everybody                                    16 x dwell *        95 %   400,000

One step at a time, so that the milder one can show what it does. A step is left at a lower mark than it was entered at,
and not before its time, so that the ladder does not rattle.

\\* For the last step it counts how long a *tenant* waits for its turn: as long as fairness protects the others, one
tenant's flood is no reason to refuse them. Bulk lanes are meant to wait; they count as memory and lanes alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from memos.ids import TenantId
from memos.types import Step

RISE_AFTER_S: Final = 3.0
FALL_AFTER_S: Final = 10.0
# A step is left when everything is below this part of the mark at which it is entered.
_LEAVE: Final = {"waits": 0.5, "memory": 0.9, "lanes": 0.7}
_NOISY_FACTOR: Final = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pressure:
    """One measurement. ``memory_share`` is the part of the memory that Redis may use which it does use, from 0 to 1."""

    oldest_ready_s: float = 0.0
    longest_turn_s: float = 0.0
    memory_share: float = 0.0
    ready_lanes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """A step and the marks at which it is entered; one of them is enough. ``waits`` counts dwell times."""

    step: Step
    waits: float
    memory: float
    lanes: int


LADDER: Final = (
    Rung(step=Step.COALESCE, waits=1, memory=0.60, lanes=20_000),
    Rung(step=Step.PAUSE, waits=2, memory=0.70, lanes=50_000),
    Rung(step=Step.RULES_READER, waits=4, memory=0.80, lanes=100_000),
    Rung(step=Step.REFUSE_NOISY, waits=8, memory=0.88, lanes=200_000),
    Rung(step=Step.REFUSE_ALL, waits=16, memory=0.95, lanes=400_000),
)


def next_level(level: int, pressure: Pressure, *, dwell_s: float, stayed_s: float) -> int:
    """The level to be at now, at most one away from ``level``, on which ``stayed_s`` were spent so far."""
    if level < len(LADDER) and stayed_s >= RISE_AFTER_S and _is_entered(LADDER[level], pressure, dwell_s):
        return level + 1
    if level > 0 and stayed_s >= FALL_AFTER_S and _is_left(LADDER[level - 1], pressure, dwell_s):
        return level - 1
    return level


def step_of(level: int) -> Step:
    """The name of a level's step."""
    return LADDER[level - 1].step if level else Step.NONE


def find_noisy(waiting: Mapping[TenantId, float], weights: Mapping[TenantId, float] | None = None) -> list[TenantId]:
    """The tenants with more than twice what the others have waiting on average, by weight; the loudest first.

    Who alone has anything waiting is noisy; where all have the same, nobody is. A tenant without a weight has 1.
    """
    known = weights or {}
    shares = {tenant: amount / known.get(tenant, 1.0) for tenant, amount in waiting.items() if amount > 0}
    total, others = sum(shares.values()), max(len(shares) - 1, 1)
    noisy = [tenant for tenant, share in shares.items() if share > _NOISY_FACTOR * (total - share) / others]
    return sorted(noisy, key=lambda tenant: (-shares[tenant], tenant))


def _is_entered(rung: Rung, pressure: Pressure, dwell_s: float) -> bool:
    return (
        _waited_s(rung, pressure) > rung.waits * dwell_s
        or pressure.memory_share > rung.memory
        or pressure.ready_lanes > rung.lanes
    )


def _is_left(rung: Rung, pressure: Pressure, dwell_s: float) -> bool:
    return (
        _waited_s(rung, pressure) < _LEAVE["waits"] * rung.waits * dwell_s
        and pressure.memory_share < _LEAVE["memory"] * rung.memory
        and pressure.ready_lanes < _LEAVE["lanes"] * rung.lanes
    )


def _waited_s(rung: Rung, pressure: Pressure) -> float:
    return pressure.longest_turn_s if rung.step is Step.REFUSE_ALL else pressure.oldest_ready_s
