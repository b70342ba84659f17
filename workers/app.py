"""The CPU worker: ``celery -A workers.app worker``. Reads the settings when it is imported, as Celery needs."""

from memos.settings import load_settings
from scheduler.broker import CPU_QUEUES, cpu_app
from workers.equip import equip, recycle
from workers.warm import import_before_fork, import_embedder, warm_on_start, warm_stores

_settings = load_settings()
app = cpu_app(_settings)
recycle(app, _settings)
import_before_fork(app, lambda: import_embedder(_settings))
warm_on_start(equip(app, CPU_QUEUES, _settings), warm_stores, done=_settings.data_dir / "run" / f"{app.main}.warm")
