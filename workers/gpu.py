"""The GPU worker: ``celery -A workers.gpu worker``. Reads the settings when it is imported, as Celery needs."""

from memos.settings import load_settings
from scheduler.broker import GPU_KINDS, gpu_app
from workers.tasks import announce_ready, register
from workers.warm import warm_engine, warm_on_start

_settings = load_settings()
app = gpu_app(_settings)
_run = _settings.data_dir / "run"
warm_on_start(register(app, GPU_KINDS), warm_engine, done=_run / f"{app.main}.warm")
announce_ready(app, _run)
