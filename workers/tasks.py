"""The Celery tasks: one for each queue, all alike. A task is a hint followed, not a job.

What Flower shows of a hint is what became of its jobs:

    SUCCESS     all that was attempted is done          RETRY       jobs wait for another attempt, in their lane
    FAILURE     a job ended dead                        (RETRY by WorkerLostError: its process vanished)
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery, signals
from celery.exceptions import Retry

from memos import ids
from memos.errors import InvalidRequest, MemosError
from memos.ids import SessionId
from memos.types import JobKind, Lane
from scheduler.broker import LOST_WORKER_DELAY_S, task_name
from scheduler.keys import CUBE_SESSIONS, Queue, kind_of
from workers.bootstrap import ProcessResources, build_resources
from workers.drain import DEFAULT_LIMITS, Drain, Limits, Tally
from workers.handlers import HANDLERS, load_handler

log = logging.getLogger(__name__)


class JobsFailed(MemosError):
    """Jobs ended dead, which their records explain. Raised so that Flower shows the hint as a FAILURE."""


class JobsWait(MemosError):
    """Jobs failed and will be attempted again. Named by a RETRY in Flower."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Follower:
    """Follows hints with the resources of its process. ``stopping`` and ``on_beat``: see workers/drain.py."""

    process: ProcessResources
    handlers: Mapping[JobKind, str]
    limits: Limits = DEFAULT_LIMITS
    stopping: Callable[[], bool] = lambda: False
    on_beat: Callable[[], None] = lambda: None

    def follow(self, kind: JobKind, lane: Lane) -> Tally:
        """Work the lane once. Raises JobsFailed when a job of it ended dead."""
        resources = self.process.get()
        started_s = resources.clock.monotonic_s()
        drain = Drain(
            mailbox=resources.mailbox,
            handler=load_handler(kind, self.handlers),
            resources=resources,
            limits=self.limits,
            stopping=self.stopping,
            on_beat=self.on_beat,
        )
        tally = drain.run(lane)
        _log_tally(lane, tally, took_ms=round((resources.clock.monotonic_s() - started_s) * 1000))
        if tally.dead:
            classes = ", ".join(sorted(tally.dead_classes))
            raise JobsFailed(f"{tally.dead} jobs ended dead ({classes}); see their records")
        return tally


def register(
    app: Celery,
    queues: Sequence[Queue],
    *,
    handlers: Mapping[JobKind, str] = HANDLERS,
    limits: Limits = DEFAULT_LIMITS,
    stopping: Callable[[], bool] = lambda: False,
    on_beat: Callable[[], None] = lambda: None,
    process: ProcessResources | None = None,
) -> ProcessResources:
    """Give the application its tasks, and return what they share in this process."""
    shared = process or ProcessResources(build_resources)
    follower = Follower(process=shared, handlers=handlers, limits=limits, stopping=stopping, on_beat=on_beat)
    for queue in queues:
        _add_task(app, queue, follower)

    def close(**_: Any) -> None:
        shared.close()

    # A receiver that nobody else refers to would be collected, hence weak=False.
    signals.worker_process_shutdown.connect(close, weak=False)
    signals.worker_shutdown.connect(close, weak=False)
    return shared


def announce_ready(app: Celery, directory: Path) -> None:
    """Keep ``directory/APP.ready`` in being exactly while the worker consumes."""
    ready_file = directory / f"{app.main}.ready"

    def announce(**_: Any) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        ready_file.touch()

    def withdraw(**_: Any) -> None:
        ready_file.unlink(missing_ok=True)

    signals.worker_init.connect(withdraw, weak=False)
    signals.worker_ready.connect(announce, weak=False)
    signals.worker_shutting_down.connect(withdraw, weak=False)


def check_lane(queue: Queue, tenant: str, cube: str, session: str) -> Lane:
    """The lane of a hint. Raises InvalidRequest when its hints do not go to this queue."""
    kind = kind_of(queue)
    if kind in CUBE_SESSIONS:
        if session != CUBE_SESSIONS[kind]:
            raise InvalidRequest(f"a hint for {kind} must name session {CUBE_SESSIONS[kind]!r}")
        named = SessionId(session)
    else:
        named = ids.session_id(session)
    bulk = queue is Queue.EXTRACT_BULK
    return Lane(tenant=ids.tenant_id(tenant), cube=ids.cube_id(cube), session=named, bulk=bulk)


def summarize(tally: Tally) -> dict[str, int]:
    """What a hint came to, as Celery logs it. Raises Retry when jobs wait for another attempt.

    Nothing is published by that: the jobs are in their lane, which rings when the first is due.
    """
    if tally.retried:
        waits = JobsWait(f"{tally.retried} jobs wait for another attempt ({tally.retried_class})")
        raise Retry(str(waits), exc=waits)
    return {
        "succeeded": tally.succeeded,
        "retried": tally.retried,
        "cancelled": tally.cancelled,
        "fenced": tally.fenced,
    }


def _add_task(app: Celery, queue: Queue, follower: Follower) -> None:
    def follow(*, tenant: str, cube: str, session: str) -> dict[str, int]:
        lane = check_lane(queue, tenant, cube, session)
        return summarize(follower.follow(kind_of(queue), lane))

    # Not shared: two applications in one process keep their tasks apart.
    app.task(
        follow,
        name=task_name(queue),
        shared=False,
        default_retry_delay=LOST_WORKER_DELAY_S,
        throws=(MemosError,),
    )


def _log_tally(lane: Lane, tally: Tally, *, took_ms: int) -> None:
    log.info(
        "tenant=%s cube=%s session=%s bulk=%d succeeded=%d dead=%d retried=%d cancelled=%d fenced=%d ms=%d",
        lane.tenant, lane.cube, lane.session, lane.bulk,
        tally.succeeded, tally.dead, tally.retried, tally.cancelled, tally.fenced, took_ms,
    )  # fmt: skip
