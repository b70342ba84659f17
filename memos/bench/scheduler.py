"""``memos bench scheduler``: what the job path costs and gives, side by side with bare Celery on the same Redis.

Jobs carry one message of about 100 bytes and are no work at all, so that every figure is the path's own. Each side has
one worker with two processes; ours has a dispatcher as well. Waits are from before the submission to the start in a
worker. Everything runs on this machine and shares its cores.

    submit_p50_ms, submit_p99_ms            MemScheduler.submit; nobody consumes meanwhile
    celery_submit_p50_ms, ..._p99_ms        apply_async of the same payloads, in alternating rounds
    idle_start_p50_ms, ..._p99_ms           wait of one job at a time, with a pause of 50 ms between them
    celery_idle_start_p50_ms                the same there
    quiet_alone_ms                          median wait of single jobs sent every 50 ms, with nothing else to do
    quiet_tenant_wait_ms, ..._max_ms        the same behind ``jobs`` jobs of another tenant in ``lanes`` sessions
    sybil_wait_ms, ..._max_ms               the same, that flood spread over ``sybil_sessions`` sessions
    celery_quiet_wait_ms                    the same schedule and flood, on Celery's one queue
    drain_jobs_per_s                        ``jobs`` jobs queued in ``lanes`` lanes of ``tenants`` tenants, then worked
    celery_noop_per_s                       the same messages as bare tasks
    drain_one_job_lanes_per_s               ``one_job_lanes`` lanes with one job each: a hint and a lease for every job
    redis_ops_per_job                       commands that clients sent, from submission to end, hints included
    redis_inner_ops_per_job                 commands inside scripts, besides
    redis_busy_us_per_job                   CPU time of Redis's main thread
    redis_script_us_per_job                 the part of it inside scripts; the rest is the broker's, and the sockets'
    one_job_lanes_*, celery_redis_*         these for lanes with one job each, and for bare Celery
    bytes_per_queued_job, celery_...        growth of Redis's used memory by a waiting job
    dispatcher_step_ms                      one look at all shards, the choice and the claim, while ``pick_lanes`` lanes
                                            of a tenth as many tenants wait; without sending the hints
    dispatcher_pick_ms                      that divided by the lanes it claimed (dispatcher_lanes_per_step)
    dispatcher_hint_ms                      the same with sending: how fast one dispatcher can be at all
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Self

from memos.errors import InvalidConfig, Unavailable
from memos.settings import Settings, child_environment


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is done for each figure. Jobs of a backlog or a flood, and in how many lanes they are."""

    jobs: int = 10_000
    lanes: int = 100
    tenants: int = 10
    one_job_lanes: int = 2_000
    sybil_sessions: int = 1_000
    pick_lanes: int = 10_000
    picks: int = 100
    submits: int = 2_000
    starts: int = 60
    probes: int = 25

    @classmethod
    def of_size(cls, jobs: int) -> Self:
        """The default plan in other proportions, for a quick look; its waits behind a flood have few samples."""
        return cls(
            jobs=jobs,
            lanes=max(10, jobs // 100),
            one_job_lanes=jobs // 5,
            sybil_sessions=jobs // 10,
            pick_lanes=jobs,
            picks=max(2, min(jobs // 100, 100)),  # a lane that was picked rings again after 10 s
            submits=max(100, min(jobs // 5, 2_000)),
            starts=max(10, min(jobs // 100, 60)),
            probes=max(5, min(jobs // 100, 25)),
        )


def measure(settings: Settings, plan: Plan) -> dict[str, float]:
    """All figures, on the servers that run on the data directory. Raises Unavailable when something failed.

    In a process of its own, since memos knows neither Celery nor the scheduler's insides.
    """
    directory = settings.data_dir.absolute()
    ran = subprocess.run(
        [sys.executable, "-m", "workers.bench"],
        input=json.dumps(asdict(plan)).encode(),
        stdout=subprocess.PIPE,
        env=child_environment(MEMOS_DATA_DIR=str(directory)),
        check=False,
    )
    if ran.returncode != 0:
        raise Unavailable("bench", f"it ended with code {ran.returncode}; what it said is above")
    return json.loads(ran.stdout)


def require_own_servers(settings: Settings) -> None:
    """A benchmark must never fill anybody's production. Raises InvalidConfig when the settings name a server."""
    for name in ("redis_url", "broker_url", "gpu_broker_url"):
        if getattr(settings, name) is not None:
            raise InvalidConfig(f"memos bench starts servers of its own; unset MEMOS_{name.upper()}")
