"""The yardstick: ``apply_async`` of a bare Celery task. Runs in a process of its own, since memos knows no Celery."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from memos.settings import Settings

_DATABASE: Final = 3


def measure_apply_async(settings: Settings, payload: Mapping[str, Any], *, count: int) -> list[float]:
    """Milliseconds of each publication of ``payload`` to a queue on the data plane's Redis, emptied afterwards.

    There a message is as durable as an accepted job; the broker of hints keeps nothing.
    """
    url = urlunsplit(urlsplit(settings.redis_url or "")._replace(path=f"/{_DATABASE}"))
    request = json.dumps({"url": url, "payload": payload, "count": count})
    command = [sys.executable, "-m", "workers.baseline"]
    return json.loads(subprocess.run(command, input=request.encode(), stdout=subprocess.PIPE, check=True).stdout)
