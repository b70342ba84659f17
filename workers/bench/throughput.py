"""How fast a backlog is worked, and what that costs Redis.

gate closed (every worker busy) ──> send all ──> gate open ──> all ended
        └────── memory of a queued job ─────┘        └── seconds ──┘
        └────────────── commands and CPU time of Redis ────────────┘
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workers.bench.bell import close_gate, open_gate
from workers.bench.floods import build_gates
from workers.bench.meter import Usage, build_usage, read_meter
from workers.bench.processes import CONCURRENCY
from workers.bench.side import Job, Side

if TYPE_CHECKING:
    from redis import Redis

_GATE_WITHIN_S: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Drained:
    """One backlog's end."""

    jobs: int
    seconds: float
    usage: Usage
    queued_bytes: int

    @property
    def jobs_per_s(self) -> float:
        """From the opening of the gate to the last job's end."""
        return round(self.jobs / self.seconds, 1)

    @property
    def sent_per_job(self) -> float:
        """Commands that clients sent for one job, its submission included."""
        return round(self.usage.sent / self.jobs, 3)

    @property
    def inner_per_job(self) -> float:
        """Commands inside scripts, for one job."""
        return round(self.usage.inner / self.jobs, 3)

    @property
    def busy_us_per_job(self) -> float:
        """CPU time of Redis's main thread for one job, in microseconds."""
        return round(self.usage.busy_us / self.jobs, 2)

    @property
    def script_us_per_job(self) -> float:
        """The part of it inside scripts."""
        return round(self.usage.scripts_us / self.jobs, 2)

    @property
    def bytes_per_queued_job(self) -> float:
        """Growth of Redis's used memory for one job that waits."""
        return round(self.queued_bytes / self.jobs, 1)


def hold_workers(side: Side) -> None:
    """Return when every worker stands at the gate."""
    for job in build_gates(CONCURRENCY):
        side.send(job)
    close_gate(CONCURRENCY, within_s=_GATE_WITHIN_S)


def measure_drain(side: Side, jobs: Sequence[Job], redis: "Redis", hints: "Redis | None" = None) -> Drained:
    """Queue the jobs while no worker is free, then let the workers go."""
    hold_workers(side)
    before = read_meter(redis, hints)
    for job in jobs:
        side.send(job)
    loaded = read_meter(redis, hints)
    opened_s = open_gate(CONCURRENCY)
    seconds = side.wait_drained() - opened_s
    return Drained(
        jobs=len(jobs),
        seconds=seconds,
        usage=build_usage(before, read_meter(redis, hints)),
        queued_bytes=loaded.memory_bytes - before.memory_bytes,
    )
