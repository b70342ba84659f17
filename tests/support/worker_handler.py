"""A handler that takes its time and writes down when it worked.

Payload: ``n``, ``sleep_ms``, ``first_ms`` (sleep so long in the first attempt only), ``die`` (kill the process in the
first attempt), ``fail`` (the name of an exception), ``opens`` (build something that tells when it is closed).
"""

import os
import signal
import time
from collections.abc import Sequence

from memos import errors
from scheduler.connection import connect
from scheduler.lease import JobOutcome, LeasedJob
from workers.batch import Batch
from workers.bootstrap import Resources


def events_key(tenant: str) -> str:
    """Where the handler writes ``begin:n:pid`` and ``end:n:pid``."""
    return f"test:events:{tenant}"


def closed_key(tenant: str) -> str:
    """Where something that was opened writes its process's id when it is closed."""
    return f"test:closed:{tenant}"


class Opened:
    """Something of this process that wants to be closed."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key

    def close(self) -> None:
        redis = connect(self._url)
        redis.rpush(self._key, str(os.getpid()))
        redis.close()


def work(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Take as long as the payload says, and write down when it began and when it ended."""
    redis = connect(resources.redis_url)
    try:
        for job in batch.jobs:
            redis.rpush(events_key(batch.lane.tenant), f"begin:{job.payload['n']}:{os.getpid()}")
            if job.payload.get("opens"):
                resources.keep_open(Opened(resources.redis_url, closed_key(batch.lane.tenant)))
            _misbehave(job)
            redis.rpush(events_key(batch.lane.tenant), f"end:{job.payload['n']}:{os.getpid()}")
    finally:
        redis.close()
    return [JobOutcome(job=job.id) for job in batch.jobs]


def _misbehave(job: LeasedJob) -> None:
    time.sleep(job.payload.get("sleep_ms", 0) / 1000)
    if job.attempts == 0:
        time.sleep(job.payload.get("first_ms", 0) / 1000)
    if job.payload.get("die") and job.attempts == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    if "fail" in job.payload:
        raise _error(job.payload["fail"])


def _error(name: str) -> errors.MemosError:
    if name == "Unavailable":
        return errors.Unavailable("neo4j", "as the test wishes")
    made: errors.MemosError = getattr(errors, name)("as the test wishes")
    return made
