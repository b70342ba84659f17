"""The yardstick: ``apply_async`` of a bare Celery task. Runs in a process of its own, since memos knows no Celery."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from memos.settings import Settings


def measure_apply_async(settings: Settings, payload: Mapping[str, Any], *, count: int) -> list[float]:
    """Milliseconds of each publication of ``payload`` to a queue of the CPU broker, which is emptied afterwards."""
    request = json.dumps({"url": settings.broker_url, "payload": payload, "count": count})
    command = [sys.executable, "-m", "workers.baseline"]
    return json.loads(subprocess.run(command, input=request.encode(), stdout=subprocess.PIPE, check=True).stdout)
