"""Processes that die, stop, or are replaced."""

import os
import signal
from dataclasses import dataclass
from typing import ClassVar, Final

from workers.chaos.control import Order, Point
from workers.chaos.fleet import DISPATCHERS, WORKERS
from workers.chaos.nemeses.base import Instant, Stage, wait_for
from workers.chaos.provider import Mood

# Somebody comes to a point of the work within this time, or there is no load.
_ARRIVAL_S: Final = 20.0
# Longer than a lease lives without a beat.
_BEYOND_LEASE_S: Final = 13.0
_BETWEEN_DISPATCHERS_S: Final = 0.5


@dataclass(kw_only=True, slots=True)
class KillWorker(Instant):
    """kill -9 of a whole worker."""

    _done: str = ""

    def inject(self, stage: Stage) -> None:
        """At any moment of its work."""
        name = stage.rng.choice(WORKERS)
        if stage.fleet.kill(name):
            self._done = f"killed {name}"

    def heal(self, stage: Stage) -> str:
        """The supervisor starts another."""
        del stage
        return self._done


@dataclass(kw_only=True, slots=True)
class KillChild(Instant):
    """kill -9 of one process of a worker's pool, as the OOM killer does."""

    _done: str = ""

    def inject(self, stage: Stage) -> None:
        """At any moment of its work."""
        name = stage.rng.choice(WORKERS)
        children = stage.fleet.children_of(name)
        if children and _send(victim := stage.rng.choice(sorted(children)), signal.SIGKILL):
            self._done = f"killed {victim} of {name}"

    def heal(self, stage: Stage) -> str:
        """The worker starts another."""
        del stage
        return self._done


class KillDispatcher(Instant):
    """kill -9 of both dispatchers, one shortly after the other."""

    def inject(self, stage: Stage) -> None:
        """Whoever takes over has just begun when it dies as well."""
        for name in stage.rng.sample(DISPATCHERS, len(DISPATCHERS)):
            stage.fleet.kill(name)
            stage.sleep_s(_BETWEEN_DISPATCHERS_S)

    def heal(self, stage: Stage) -> str:
        """The supervisor starts others."""
        del stage
        return "killed both dispatchers"


@dataclass(kw_only=True, slots=True)
class _AtPoint(Instant):
    """A process that comes to a point of its work kills itself there."""

    point: ClassVar[Point]
    _victim: int | None = None

    def inject(self, stage: Stage) -> None:
        """Wait for somebody to come."""
        self._victim = _ambush(stage, self.point, Order.KILL)

    def heal(self, stage: Stage) -> str:
        """Nobody else dies."""
        del stage
        return "" if self._victim is None else f"killed {self._victim} at {self.point}"


class KillBetweenStores(_AtPoint):
    """kill -9 between the graph's commit and the index's upsert."""

    point = Point.BETWEEN_STORES


class KillBeforeCommit(_AtPoint):
    """kill -9 when everything is written and nobody has been told."""

    point = Point.BEFORE_COMMIT


class KillDuringLLM(_AtPoint):
    """kill -9 while a model is thinking."""

    point = Point.DURING_LLM

    def inject(self, stage: Stage) -> None:
        """The model takes long enough for the shot to fall into its answer."""
        stage.provider.mood = Mood.SLOW
        try:
            _AtPoint.inject(self, stage)
        finally:
            stage.provider.mood = Mood.OK


@dataclass(kw_only=True, slots=True)
class PauseWorker:
    """SIGSTOP of a process that holds a lease, beyond the lease's time, then SIGCONT: it believes to hold it still."""

    _stopped: int | None = None
    _point: str = ""

    def inject(self, stage: Stage) -> None:
        """Before its effects, among them, or after them."""
        point = stage.rng.choice((Point.DURING_LLM, Point.BETWEEN_STORES, Point.BEFORE_COMMIT))
        self._point = point
        self._stopped = _ambush(stage, point, Order.STOP)

    def hold_s(self, stage: Stage) -> float:
        """Longer than its lease."""
        del stage
        return 0.0 if self._stopped is None else _BEYOND_LEASE_S

    def heal(self, stage: Stage) -> str:
        """It wakes up."""
        del stage
        if self._stopped is None or not _send(self._stopped, signal.SIGCONT):
            return ""
        return f"stopped {self._stopped} at {self._point} for {_BEYOND_LEASE_S:g} s"


@dataclass(kw_only=True, slots=True)
class RollingRestart(Instant):
    """Every process is asked to stop and replaced, one after the other, as a deployment does."""

    def inject(self, stage: Stage) -> None:
        """Workers and dispatchers; the load goes on."""
        for name in (*WORKERS, *DISPATCHERS):
            stage.fleet.restart(name)

    def heal(self, stage: Stage) -> str:
        """All run."""
        del stage
        return "replaced all processes"


def _ambush(stage: Stage, point: Point, order: Order) -> int | None:
    """The process that came to the point and obeyed, or None when nobody came in time."""
    obeyed: list[int] = []

    def came() -> bool:
        process = stage.control.take_fired(point)
        obeyed.extend([] if process is None else [process])
        return bool(obeyed)

    stage.control.arm(point, order)
    try:
        wait_for(stage, came, within_s=_ARRIVAL_S)
    finally:
        stage.control.disarm(point)
    return obeyed[0] if obeyed else None


def _send(process: int, number: signal.Signals) -> bool:
    """False when there is no such process any more."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    return True
