"""``memos bench scale --simulate``: waits up to 100,000 tenants and 1,000 workers, and where one Redis ends.

A discrete-event simulation of the scheduler's own policy. What a job costs workers, dispatcher and Redis is measured
by ``memos bench scheduler``; how long a handler's call takes (``call_ms``, a model's answer) is an assumption.

    class       tenants    jobs     at once, over sessions
    quiet         90 %     20 %         1       1              a person who says something now and then
    normal         9 %     25 %         2       2              an assistant in daily use
    heavy        0.99 %    35 %        10       5              a team's integration
    whale        0.01 %    20 %     1,000     100              an import that never ends; at least one tenant

For each scale: utilisation of the workers, dwell_p50_ms and dwell_p99_ms of each class (arrival to start),
redis_ops_per_s (commands that clients send), redis_busy (share of one core), dispatcher_busy, the largest backlog and
its memory. ``one_redis`` says where one Redis ends with this mix of work, at 70 % of a core or 75 % of its memory, and
what to put elsewhere then.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from memos.errors import InvalidRequest, Unavailable

MAX_TENANTS: Final = 100_000
MAX_WORKERS: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantClass:
    """Tenants who behave alike: ``jobs_per_s`` of all of them, in bursts of ``burst`` jobs over ``sessions`` each."""

    name: str
    tenants: int
    jobs_per_s: float
    burst: int = 1
    sessions: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What is measured: one wake (a hint and a lease) and one job of a batch. The defaults are those of docs/scale.md.

    ``redis_*_us`` is CPU time of Redis, ``script_*_us`` the part of it inside our scripts: the rest is the broker's.
    """

    wake_ms: float = 18.4
    job_ms: float = 1.5
    hint_ms: float = 1.9
    redis_wake_ops: float = 27.0
    redis_job_ops: float = 3.6
    redis_wake_us: float = 1_580.0
    redis_job_us: float = 353.0
    script_wake_us: float = 757.0
    script_job_us: float = 213.0
    queued_bytes: float = 960.0

    @classmethod
    def from_figures(cls, figures: Mapping[str, Any]) -> Self:
        """From what ``memos bench scheduler --json`` printed. Raises InvalidRequest when it is something else.

        A job in a lane of its own costs a wake and a job; one of a long backlog, nearly the job alone.
        """
        try:
            return cls(**_read_costs({name: float(value) for name, value in figures.items()}))
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise InvalidRequest(f"these are not the figures of `memos bench scheduler --json` ({error!r})") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """One scale. ``load`` is the share of the workers' time that the work needs; ``jobs`` how many to simulate."""

    tenants: int = MAX_TENANTS
    workers: int = MAX_WORKERS
    load: float = 0.8
    call_ms: float = 1_000.0
    jobs: int = 400_000
    redis_memory_gb: float = 16.0
    seed: int = 1


def simulate_all(scales: Sequence[Scale], costs: Costs) -> dict[str, Any]:
    """Each scale, the costs that all assume, and the bounds at the last scale's mix."""
    outcomes = [simulate(scale, costs) for scale in scales]
    return {"costs": asdict(costs), "scales": outcomes, "one_redis": outcomes[-1]["one_redis"]}


def simulate(scale: Scale, costs: Costs) -> dict[str, Any]:
    """One scale's outcome, in a process of its own, since memos knows nothing of the policy. Raises Unavailable."""
    request = json.dumps({"scale": asdict(scale), "costs": asdict(costs)})
    command = [sys.executable, "-m", "workers.simulate"]
    ran = subprocess.run(command, input=request.encode(), stdout=subprocess.PIPE, check=False)
    if ran.returncode != 0:
        raise Unavailable("simulation", f"it ended with code {ran.returncode}; what it said is above")
    return json.loads(ran.stdout)


def build_ladder(tenants: int, workers: int) -> list[tuple[int, int]]:
    """Tenants and workers of the scales to show: a hundredth, a tenth, the whole."""
    steps = {(tenants // part, workers // part) for part in (100, 10, 1)}
    return sorted((some, busy) for some, busy in steps if some >= 1 and busy >= 1)


def load_costs(path: Path | None) -> Costs:
    """Costs from a file with the scheduler benchmark's figures, or the defaults. Raises InvalidRequest."""
    if path is None:
        return Costs()
    try:
        return Costs.from_figures(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidRequest(f"{path} cannot be read as figures: {error}") from None


def _read_costs(figures: Mapping[str, float]) -> dict[str, float]:
    per_job = _read_redis(figures, "redis")
    single = _read_redis(figures, "one_job_lanes_redis")
    busy_ms, single_busy_ms = 2_000 / figures["drain_jobs_per_s"], 2_000 / figures["drain_one_job_lanes_per_s"]
    costs = {
        "wake_ms": single_busy_ms - busy_ms,
        "job_ms": busy_ms,
        "hint_ms": figures["dispatcher_hint_ms"],
        "redis_wake_ops": single["ops"] - per_job["ops"],
        "redis_job_ops": per_job["ops"],
        "redis_wake_us": single["busy_us"] - per_job["busy_us"],
        "redis_job_us": per_job["busy_us"],
        "script_wake_us": single["script_us"] - per_job["script_us"],
        "script_job_us": per_job["script_us"],
        "queued_bytes": figures["bytes_per_queued_job"],
    }
    return {name: max(0.0, value) for name, value in costs.items()}


def _read_redis(figures: Mapping[str, float], prefix: str) -> dict[str, float]:
    """A script's time is that of a clock: on a machine that others use as well it may exceed the processor's."""
    found = {name: figures[f"{prefix}_{name}_per_job"] for name in ("ops", "busy_us", "script_us")}
    return {**found, "script_us": min(found["script_us"], found["busy_us"])}
