"""Celery applications of the job path's tests: the real ones, with a handler that writes down what it did.

Payload: ``n`` (what to write down), optionally ``sleep_ms``, ``die`` (kill the process in the first attempt),
``fail`` (the name of an exception).
"""

import os
import signal
import time
from collections.abc import Sequence

from memos import errors
from memos.settings import load_settings
from memos.types import JobKind
from scheduler.broker import CPU_QUEUES, GPU_QUEUES, cpu_app, gpu_app
from scheduler.connection import connect
from scheduler.lease import JobOutcome, LeasedJob
from workers.batch import Batch
from workers.bootstrap import Resources
from workers.drain import Limits
from workers.tasks import announce_ready, register

HANDLERS = dict.fromkeys(JobKind, "tests.integration.job_path_app:record")
# A short lease, so that nobody waits long for a killed worker's jobs.
LIMITS = Limits(lease_ms=1500)

_settings = load_settings()
cpu = cpu_app(_settings)
register(cpu, CPU_QUEUES, handlers=HANDLERS, limits=LIMITS)
announce_ready(cpu, _settings.data_dir / "run")
gpu = gpu_app(_settings)
register(gpu, GPU_QUEUES, handlers=HANDLERS, limits=LIMITS)
announce_ready(gpu, _settings.data_dir / "run")


def log_key(tenant: str) -> str:
    """Where the handler writes ``session:n`` for each job whose effect it applies."""
    return f"test:log:{tenant}"


def record(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Apply each job once: the effect's own witness is the set of applied ids, as the graph's Job nodes are."""
    redis = connect(resources.redis_url)
    outcomes: list[JobOutcome] = []
    for job in batch.jobs:
        _misbehave(job)
        if redis.sadd(f"test:applied:{batch.lane.tenant}", job.id):
            redis.rpush(log_key(batch.lane.tenant), f"{batch.lane.session}:{job.payload['n']}")
        outcomes.append(JobOutcome(job=job.id, result={"started_at_ms": resources.clock.now_ms()}))
    redis.close()
    return outcomes


def _misbehave(job: LeasedJob) -> None:
    time.sleep(job.payload.get("sleep_ms", 0) / 1000)
    if job.payload.get("die") and job.attempts == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if "fail" in job.payload:
        raise getattr(errors, job.payload["fail"])("as the test wishes")
