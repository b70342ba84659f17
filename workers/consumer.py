"""Celery's consumer, back soon after an outage of the broker.

Celery waits two seconds more after each attempt to connect, up to 30, and knows no setting for it: after an outage of a
minute the broker would be there and nobody would work for a quarter of another.
"""

from functools import partial
from typing import Any, Final

from celery import Celery
from celery.worker.consumer import Consumer

_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 2.0


class QuickConsumer(Consumer):
    """Tries at least every _LONGEST_WAIT_S to reach a broker that is away, for ever."""

    def ensure_connected(self, conn: Any) -> Any:
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=_FIRST_WAIT_S,
            interval_step=_FIRST_WAIT_S,
            interval_max=_LONGEST_WAIT_S,
        )
        return super().ensure_connected(conn)


def reconnect_quickly(app: Celery) -> None:
    """Give workers of ``app`` this consumer."""
    app.conf.worker_consumer = f"{__name__}:{QuickConsumer.__name__}"
