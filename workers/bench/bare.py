"""Bare Celery as a side of the benchmark: ``apply_async`` in front, its queue and unacknowledged messages behind."""

import time
from typing import TYPE_CHECKING, Final

from memos.errors import Unavailable
from workers.bench import bare_app
from workers.bench.side import Job

if TYPE_CHECKING:
    from redis import Redis

_POLL_S: Final = 0.01
_WITHIN_S: Final = 300.0


class Bare:
    """One queue for all. ``observer`` is a connection to the broker's database."""

    def __init__(self, *, observer: "Redis") -> None:
        self._observer = observer

    def send(self, job: Job) -> None:
        """One ``apply_async``. Tenants and sessions mean nothing here."""
        bare_app.task.apply_async(kwargs=dict(job.payload))

    def wait_drained(self, *, tenant: str | None = None) -> float:
        """All of the queue, whoever sent it.

        Celery acknowledges a task when it begins: the last one or two may still be running, for microseconds.
        """
        deadline = time.monotonic() + _WITHIN_S
        while self._count_open():
            if time.monotonic() > deadline:
                raise Unavailable("bench", f"bare Celery did not empty its queue within {_WITHIN_S:g} s")
            time.sleep(_POLL_S)
        return time.time()

    def close(self) -> None:
        """Close the pooled connections, the observer's excepted."""
        bare_app.app.close()

    def _count_open(self) -> int:
        return self._observer.llen(bare_app.QUEUE) + self._observer.hlen("unacked")
