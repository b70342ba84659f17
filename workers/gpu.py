"""The GPU worker: ``celery -A workers.gpu worker``. Reads the settings when it is imported, as Celery needs."""

from memos.settings import load_settings
from scheduler.broker import GPU_KINDS, gpu_app
from workers.tasks import announce_ready, register

_settings = load_settings()
app = gpu_app(_settings)
register(app, GPU_KINDS)
announce_ready(app, _settings.data_dir / "run")
