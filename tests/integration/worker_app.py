"""Worker applications as they are shipped, but for their handler, a short lease and a quick watch."""

from memos.settings import load_settings
from memos.types import JobKind
from scheduler.broker import CPU_QUEUES, GPU_QUEUES, cpu_app, gpu_app
from workers.canary import Pace
from workers.drain import Limits
from workers.equip import equip, recycle

HANDLERS = dict.fromkeys(JobKind, "tests.support.worker_handler:work")
# One job a batch, and a drain that goes on while there is work: only a stop makes it hand a lane back.
LIMITS = Limits(lease_ms=2000, max_jobs=1, max_batches=1000, max_seconds=600)
PACE = Pace(every_s=0.5, patience_s=5.0)

_settings = load_settings()
cpu = cpu_app(_settings)
recycle(cpu, _settings)
equip(cpu, CPU_QUEUES, _settings, handlers=HANDLERS, limits=LIMITS, pace=PACE)
gpu = gpu_app(_settings)
equip(gpu, GPU_QUEUES, _settings, handlers=HANDLERS, limits=LIMITS, pace=PACE)
