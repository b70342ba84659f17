"""Bare Celery with a task that is no work: ``celery -A workers.bench.bare_app worker``.

All defaults (early acknowledgement, prefetch 4, kombu's own channel), but without results: nobody here reads them.
"""

from typing import Any, Final, cast
from urllib.parse import urlsplit, urlunsplit

from celery import Celery, Task

from memos.settings import Settings, load_settings
from scheduler.connection import require_redis_url
from workers.bench.bell import perform

QUEUE: Final = "bench.bare"
_DATABASE: Final = 3


def broker_url(settings: Settings) -> str:
    """A database of its own on the Redis of the data plane. Raises InvalidConfig."""
    return urlunsplit(urlsplit(require_redis_url(settings))._replace(path=f"/{_DATABASE}"))


app = Celery("bare", broker=broker_url(load_settings()), set_as_current=False)
app.conf.update(task_ignore_result=True, task_default_queue=QUEUE)


def work(**payload: Any) -> None:
    """What our handler does with one job."""
    perform(payload)


task: Final = cast(Task, app.task(work, name="bench.work"))
