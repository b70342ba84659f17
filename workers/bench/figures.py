"""From measurements to named figures. What each means, memos/bench/scheduler.py says."""

from memos.bench.scheduler import Plan
from memos.bench.timing import percentile_ms
from workers.bench.bell import hints_redis, own_redis
from workers.bench.floods import build_flood
from workers.bench.latency import measure_alone_ms, measure_behind_flood_ms, measure_starts_ms, wait_ready
from workers.bench.side import Job, Side
from workers.bench.throughput import Drained, measure_drain


def measure_ours(side: Side, plan: Plan) -> dict[str, float]:
    """Our side, whose dispatcher and worker are running."""
    wait_ready(side)
    starts_ms = measure_starts_ms(side, plan.starts)
    return {
        "idle_start_p50_ms": percentile_ms(starts_ms, 50),
        "idle_start_p99_ms": percentile_ms(starts_ms, 99),
        **_measure_fairness(side, plan),
        **_throughput(measure_drain(side, build_backlog(plan), own_redis(), hints_redis())),
        **_worst_throughput(measure_drain(side, build_single_jobs(plan), own_redis(), hints_redis())),
    }


def measure_bare(side: Side, plan: Plan) -> dict[str, float]:
    """Bare Celery, whose worker is running."""
    wait_ready(side)
    starts_ms = measure_starts_ms(side, plan.starts)
    behind_ms = measure_behind_flood_ms(side, build_attack(plan, plan.lanes), plan.probes)
    drained = measure_drain(side, build_backlog(plan), own_redis())
    return {
        "celery_idle_start_p50_ms": percentile_ms(starts_ms, 50),
        "celery_quiet_wait_ms": percentile_ms(behind_ms, 50),
        "celery_noop_per_s": drained.jobs_per_s,
        "celery_redis_ops_per_job": drained.sent_per_job,
        "celery_redis_busy_us_per_job": drained.busy_us_per_job,
        "celery_bytes_per_queued_job": drained.bytes_per_queued_job,
    }


def build_backlog(plan: Plan) -> list[Job]:
    """The jobs of the throughput figures, on both sides."""
    return build_flood(plan.jobs, lanes=plan.lanes, tenants=plan.tenants)


def build_single_jobs(plan: Plan) -> list[Job]:
    """Our worst case: a hint and a lease for each job."""
    return build_flood(plan.one_job_lanes, lanes=plan.one_job_lanes, tenants=plan.tenants, name="single")


def build_attack(plan: Plan, sessions: int) -> list[Job]:
    """One tenant's flood over so many of its sessions."""
    return build_flood(plan.jobs, lanes=sessions)


def _measure_fairness(side: Side, plan: Plan) -> dict[str, float]:
    alone_ms = measure_alone_ms(side, plan.probes)
    behind_ms = measure_behind_flood_ms(side, build_attack(plan, plan.lanes), plan.probes)
    sybil_ms = measure_behind_flood_ms(side, build_attack(plan, plan.sybil_sessions), plan.probes)
    return {
        "quiet_alone_ms": percentile_ms(alone_ms, 50),
        "quiet_tenant_wait_ms": percentile_ms(behind_ms, 50),
        "quiet_tenant_wait_max_ms": round(max(behind_ms), 3),
        "sybil_wait_ms": percentile_ms(sybil_ms, 50),
        "sybil_wait_max_ms": round(max(sybil_ms), 3),
    }


def _throughput(drained: Drained) -> dict[str, float]:
    return {
        "drain_jobs_per_s": drained.jobs_per_s,
        "redis_ops_per_job": drained.sent_per_job,
        "redis_inner_ops_per_job": drained.inner_per_job,
        "redis_busy_us_per_job": drained.busy_us_per_job,
        "redis_script_us_per_job": drained.script_us_per_job,
        "bytes_per_queued_job": drained.bytes_per_queued_job,
    }


def _worst_throughput(drained: Drained) -> dict[str, float]:
    return {
        "drain_one_job_lanes_per_s": drained.jobs_per_s,
        "one_job_lanes_redis_ops_per_job": drained.sent_per_job,
        "one_job_lanes_redis_inner_ops_per_job": drained.inner_per_job,
        "one_job_lanes_redis_busy_us_per_job": drained.busy_us_per_job,
        "one_job_lanes_redis_script_us_per_job": drained.script_us_per_job,
        "one_job_lanes_bytes_per_queued_job": drained.bytes_per_queued_job,
    }
