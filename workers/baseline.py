"""``python -m workers.baseline``: times a bare Celery task's ``apply_async``, for comparison.

Reads ``{"url", "payload", "count"}`` from standard input and prints a JSON list of milliseconds.
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

from celery import Celery

QUEUE: Final = "memos.baseline"


def measure(url: str, payload: Mapping[str, Any], count: int) -> list[float]:
    """Publish ``count`` messages as Celery does by default but without a result, then remove them."""
    app = Celery("baseline", broker=url, set_as_current=False)
    app.conf.update(task_ignore_result=True, task_default_queue=QUEUE)
    with app.connection_for_write() as connection:
        try:
            return [_publish_ms(app, payload) for _ in range(count)]
        finally:
            connection.default_channel.queue_purge(QUEUE)


def _publish_ms(app: Celery, payload: Mapping[str, Any]) -> float:
    started = time.perf_counter()
    app.send_task(QUEUE, kwargs=dict(payload))
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump(measure(request["url"], request["payload"], request["count"])[5:], sys.stdout)
