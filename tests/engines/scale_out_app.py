"""Celery applications of the tests that kill Redis and brokers: the handler notes its effects in a file beside them.

Payload: ``n`` (what to write down), optionally ``sleep_ms``.
"""

import os
import time
from collections.abc import Sequence

from memos.settings import load_settings
from memos.types import JobKind
from scheduler.broker import CPU_QUEUES, GPU_QUEUES, cpu_app, gpu_app
from scheduler.lease import JobOutcome
from tests.support.path_proof import EFFECTS, Effect
from workers.batch import Batch
from workers.bootstrap import Resources
from workers.drain import Limits
from workers.tasks import announce_ready, register

HANDLERS = dict.fromkeys(JobKind, "tests.engines.scale_out_app:record")
# A short lease, so that nobody waits long for a killed worker's jobs.
LIMITS = Limits(lease_ms=1500)

_settings = load_settings()
cpu = cpu_app(_settings)
register(cpu, CPU_QUEUES, handlers=HANDLERS, limits=LIMITS)
announce_ready(cpu, _settings.data_dir / "run")
gpu = gpu_app(_settings)
register(gpu, GPU_QUEUES, handlers=HANDLERS, limits=LIMITS)
announce_ready(gpu, _settings.data_dir / "run")


def record(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Append one line a job. A job that comes again leaves a second line, which its id tells from another effect."""
    outcomes: list[JobOutcome] = []
    handle = os.open(resources.settings.data_dir / EFFECTS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        for job in batch.jobs:
            time.sleep(job.payload.get("sleep_ms", 0) / 1000)
            effect = Effect(
                tenant=batch.lane.tenant, session=batch.lane.session, number=job.payload.get("n", 0), job=job.id
            )
            os.write(handle, effect.line.encode())
            outcomes.append(JobOutcome(job=job.id))
    finally:
        os.close(handle)
    return outcomes
