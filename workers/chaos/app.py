"""The CPU worker of a run: ``celery -A workers.chaos.app worker``. The product's, but for its handlers' resources."""

from typing import Final

from memos.settings import load_settings
from memos.types import JobKind
from scheduler.broker import CPU_QUEUES, cpu_app
from workers.bootstrap import Resources
from workers.equip import equip
from workers.warm import warm_on_start

HANDLERS: Final = {
    JobKind.EXTRACT: "workers.chaos.handlers:extract",
    JobKind.ORGANIZE: "workers.chaos.handlers:organize",
}


def warm(resources: Resources) -> None:
    """Open the stores. Imported only now: their clients must not be touched before the fork."""
    from workers.chaos.handlers import warm

    warm(resources)


_settings = load_settings()
app = cpu_app(_settings)
_process = equip(app, CPU_QUEUES, _settings, handlers=HANDLERS)
warm_on_start(_process, warm, done=_settings.data_dir / "run" / f"{app.main}.warm")
