"""The Celery tasks: one for each kind of job, all alike. A task is a hint followed, not a job."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery, signals

from memos import ids
from memos.errors import InvalidRequest, MemosError
from memos.ids import SessionId
from memos.types import JobKind, Lane
from scheduler.broker import LOST_WORKER_DELAY_S, task_name
from scheduler.keys import CUBE_SESSIONS
from workers.bootstrap import ProcessResources, build_resources
from workers.drain import DEFAULT_LIMITS, Drain, Limits, Tally
from workers.handlers import HANDLERS, load_handler

log = logging.getLogger(__name__)


class JobsFailed(MemosError):
    """Jobs ended dead, which their records explain. Raised so that Flower shows the hint as a FAILURE."""


def register(
    app: Celery,
    kinds: Sequence[JobKind],
    *,
    handlers: Mapping[JobKind, str] = HANDLERS,
    limits: Limits = DEFAULT_LIMITS,
) -> ProcessResources:
    """Give the application its tasks, and return what they share in this process."""
    process = ProcessResources(build_resources)
    for kind in kinds:
        _add_task(app, kind, Follower(process=process, handlers=handlers, limits=limits))

    def close(**_: Any) -> None:
        process.close()

    # A receiver that nobody else refers to would be collected, hence weak=False.
    signals.worker_process_shutdown.connect(close, weak=False)
    signals.worker_shutdown.connect(close, weak=False)
    return process


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Follower:
    """Follows hints with the resources of its process."""

    process: ProcessResources
    handlers: Mapping[JobKind, str]
    limits: Limits = DEFAULT_LIMITS

    def follow(self, kind: JobKind, lane: Lane) -> Tally:
        """Work the lane once. Raises JobsFailed when a job of it ended dead."""
        resources = self.process.get()
        handler = load_handler(kind, self.handlers)
        started_s = resources.clock.monotonic_s()
        drain = Drain(mailbox=resources.mailbox, handler=handler, resources=resources, limits=self.limits)
        tally = drain.run(lane)
        _log_tally(lane, tally, took_ms=round((resources.clock.monotonic_s() - started_s) * 1000))
        if tally.dead:
            classes = ", ".join(sorted(tally.dead_classes))
            raise JobsFailed(f"{tally.dead} jobs ended dead ({classes}); see their records")
        return tally


def check_lane(kind: JobKind, tenant: str, cube: str, session: str) -> Lane:
    """The lane of a hint. Raises InvalidRequest when it cannot be one of this kind."""
    if kind in CUBE_SESSIONS:
        if session != CUBE_SESSIONS[kind]:
            raise InvalidRequest(f"a hint for {kind} must name session {CUBE_SESSIONS[kind]!r}")
        named = SessionId(session)
    else:
        named = ids.session_id(session)
    return Lane(tenant=ids.tenant_id(tenant), cube=ids.cube_id(cube), session=named)


def _add_task(app: Celery, kind: JobKind, follower: Follower) -> None:
    def follow(*, tenant: str, cube: str, session: str) -> dict[str, int]:
        tally = follower.follow(kind, check_lane(kind, tenant, cube, session))
        return {"succeeded": tally.succeeded, "retried": tally.retried, "fenced": tally.fenced}

    app.task(follow, name=task_name(kind), default_retry_delay=LOST_WORKER_DELAY_S, throws=(MemosError,))


def _log_tally(lane: Lane, tally: Tally, *, took_ms: int) -> None:
    log.info(
        "tenant=%s cube=%s session=%s succeeded=%d dead=%d retried=%d fenced=%d ms=%d",
        lane.tenant, lane.cube, lane.session,
        tally.succeeded, tally.dead, tally.retried, tally.fenced, took_ms,
    )  # fmt: skip
