"""The GPU worker: ``celery -A workers.gpu worker``. Reads the settings when it is imported, as Celery needs."""

from memos.settings import load_settings
from scheduler.broker import GPU_QUEUES, gpu_app
from workers.equip import equip
from workers.warm import warm_engine, warm_on_start

_settings = load_settings()
app = gpu_app(_settings)
warm_on_start(equip(app, GPU_QUEUES, _settings), warm_engine, done=_settings.data_dir / "run" / f"{app.main}.warm")
