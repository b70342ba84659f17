"""The CPU worker: ``celery -A workers.app worker``. Reads the settings when it is imported, as Celery needs."""

from memos.settings import load_settings
from scheduler.broker import CPU_KINDS, cpu_app
from workers.tasks import announce_ready, register
from workers.warm import warm_on_start, warm_stores

_settings = load_settings()
app = cpu_app(_settings)
_run = _settings.data_dir / "run"
warm_on_start(register(app, CPU_KINDS), warm_stores, done=_run / f"{app.main}.warm")
announce_ready(app, _run)
