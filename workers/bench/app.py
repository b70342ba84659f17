"""Our CPU worker with jobs that are no work: ``celery -A workers.bench.app worker``."""

from collections.abc import Sequence
from typing import Final

from memos.settings import load_settings
from memos.types import JobKind
from scheduler.broker import CPU_QUEUES, cpu_app
from scheduler.lease import JobOutcome
from workers.batch import Batch
from workers.bench.bell import perform
from workers.bootstrap import Resources
from workers.equip import equip, recycle

HANDLERS: Final = dict.fromkeys(JobKind, f"{__name__}:handle")

_settings = load_settings()
app = cpu_app(_settings)
recycle(app, _settings)
equip(app, CPU_QUEUES, _settings, handlers=HANDLERS)


def handle(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Every job succeeds, with nothing to show for it."""
    for job in batch.jobs:
        perform(job.payload)
    return [JobOutcome(job=job.id) for job in batch.jobs]
