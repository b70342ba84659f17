"""From an outcome to what an operator wants to know. Pure."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from memos.bench.scale import Costs, Scale, TenantClass
from scheduler.keys import SHARDS
from workers.simulate.engine import Outcome
from workers.simulate.world import Arrivals, Floats

# Of one core, and of memory: beyond it waits grow, and a fork for the append-only file may fail.
_BUSY: Final = 0.7
_FULL: Final = 0.75
# The first jobs find an empty system; they are left out of the waits.
_WARM_UP: Final = 0.1

_ALL_IN_ONE: Final = "one Redis for data plane and broker"
_OWN_BROKER: Final = "broker on a server of its own"
_CLUSTER: Final = f"data plane on a cluster of {SHARDS} primaries"
_DISPATCHER: Final = "one leading dispatcher"
_STEPS: Final = {
    _ALL_IN_ONE: "give the broker a server of its own (MEMOS_BROKER_URL: another Redis, or RabbitMQ)",
    _OWN_BROKER: f"put the mailboxes on a Redis Cluster (redis+cluster://), up to {SHARDS} primaries",
    _CLUSTER: "split the tenants over installations",
    _DISPATCHER: "split the tenants over installations: one dispatcher sends all hints of one",
}


def build_report(
    scale: Scale, costs: Costs, classes: Sequence[TenantClass], arrivals: Arrivals, outcome: Outcome
) -> dict[str, Any]:
    """All fields of one scale."""
    jobs = len(arrivals.at_s)
    seconds = float(arrivals.at_s[-1])
    jobs_per_s, wakes_per_s = jobs / seconds, outcome.wakes / seconds
    ops_per_s = jobs_per_s * costs.redis_job_ops + wakes_per_s * costs.redis_wake_ops
    busy_us = jobs_per_s * costs.redis_job_us + wakes_per_s * costs.redis_wake_us
    return {
        "tenants": scale.tenants,
        "workers": scale.workers,
        "simulated_jobs": jobs,
        "simulated_s": round(seconds, 1),
        "jobs_per_s": round(jobs_per_s, 1),
        "wakes_per_s": round(wakes_per_s, 1),
        "jobs_per_batch": round(jobs / outcome.batches, 2),
        "worker_utilisation": round(outcome.busy_s / (scale.workers * float(outcome.ended_s.max())), 3),
        "classes": build_waits(classes, arrivals, outcome.started_s - arrivals.at_s),
        "redis_ops_per_s": round(ops_per_s),
        "redis_busy": round(busy_us / 1e6, 3),
        "beyond_one_redis": busy_us / 1e6 > _BUSY,
        "dispatcher_busy": round(wakes_per_s * costs.hint_ms / 1e3, 3),
        "bytes_per_backlog_message": costs.queued_bytes,
        "peak_backlog_messages": outcome.peak_backlog,
        "peak_backlog_mb": round(outcome.peak_backlog * costs.queued_bytes / 1e6, 1),
        "one_redis": build_end(scale, costs, jobs_per_s, wakes_per_job=outcome.wakes / jobs),
    }


def build_waits(classes: Sequence[TenantClass], arrivals: Arrivals, waits_s: Floats) -> list[dict[str, Any]]:
    """Median and 99th percentile of each class, from arrival to start. A class without a job has none."""
    counted = arrivals.at_s > arrivals.at_s[-1] * _WARM_UP
    return [
        {
            "class": one.name,
            "tenants": one.tenants,
            "jobs_per_tenant_hour": round(one.jobs_per_s / one.tenants * 3600, 2),
            **_percentiles_ms(waits_s[counted & (arrivals.classes == number)]),
        }
        for number, one in enumerate(classes)
    ]


def build_end(scale: Scale, costs: Costs, jobs_per_s: float, *, wakes_per_job: float) -> dict[str, Any]:
    """Where one Redis, and one dispatcher, end if everything grows alike; and what to put elsewhere, in which order."""
    cpu = _bound(costs.redis_job_us + wakes_per_job * costs.redis_wake_us)
    scripts = _bound(costs.script_job_us + wakes_per_job * costs.script_wake_us)
    dispatcher = _bound(wakes_per_job * costs.hint_ms * 1e3)
    messages = _FULL * scale.redis_memory_gb * 1e9 / costs.queued_bytes
    first = min(cpu, dispatcher)
    bounds = {_ALL_IN_ONE: cpu, _OWN_BROKER: scripts, _CLUSTER: scripts * SHARDS, _DISPATCHER: dispatcher}
    return {
        "ends_at_jobs_per_s": round(cpu),
        "ends_at_tenants": round(scale.tenants * cpu / jobs_per_s),
        "ends_at_backlog_messages": round(messages),
        "backlog_hours_without_workers": round(messages / jobs_per_s / 3600, 1),
        "first_bound": "dispatcher" if dispatcher < cpu else "redis_cpu",
        "first_bound_at_workers": round(scale.workers * first / jobs_per_s),
        "bounds_jobs_per_s": {name: round(bound) for name, bound in bounds.items()},
        "what_to_shard": [_STEPS[name] for name, _ in sorted(bounds.items(), key=lambda bound: bound[1])],
    }


def _bound(us_per_job: float) -> float:
    return _BUSY * 1e6 / max(us_per_job, 1e-9)


def _percentiles_ms(waits_s: Floats) -> dict[str, float | None]:
    if not len(waits_s):
        return {"dwell_p50_ms": None, "dwell_p99_ms": None}
    p50, p99 = np.percentile(waits_s, [50, 99]) * 1e3
    return {"dwell_p50_ms": round(float(p50), 1), "dwell_p99_ms": round(float(p99), 1)}
