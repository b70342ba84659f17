"""``memos jobs``: list, show, wait, cancel."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from memos import ids
from memos.cli.options import AsJson, DataDir, Tenant, settings_of
from memos.cli.output import console, print_json, print_table
from memos.ids import JobId, TenantId
from memos.mem_scheduler.base import Scheduler
from memos.mem_scheduler.operation import open_operation
from memos.types import FINAL_STATES, Attempt, JobKind, JobRecord, JobState, Lane

app: Final = typer.Typer(no_args_is_help=True)

Job = Annotated[str, typer.Argument(help="The job's id.")]
_COLUMNS: Final = ("job", "kind", "state", "cube/session", "wait+run s")
_TIMES: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


@app.command("list")
def list_jobs(
    kind: Annotated[JobKind | None, typer.Option(help="Only jobs of this kind.")] = None,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    cube: Annotated[str | None, typer.Option(help="Only jobs of this cube.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_TIMES, help="Submitted then or later, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_TIMES, help="Submitted then or before, UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    offset: Annotated[int, typer.Option(min=0)] = 0,
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Jobs of the tenant, newest first."""
    only = None if cube is None else ids.cube_id(cube)
    scheduler, who = _open(data_dir, tenant)
    times = {"since_ms": _milliseconds(since), "until_ms": _milliseconds(until)}
    records = scheduler.list_jobs(who, kind=kind, state=state, cube=only, limit=limit, offset=offset, **times)
    if as_json:
        print_json([record_json(record) for record in records])
    elif not records:
        console.print(f"no such jobs of {who}", markup=False)
    else:
        print_table(f"Jobs of {who}", _COLUMNS, map(_row, records), folding=("cube/session",))


@app.command()
def show(job: Job, data_dir: DataDir = None, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """All that is known of a job."""
    scheduler, who = _open(data_dir, tenant)
    print_record(scheduler.status(who, JobId(job)), as_json)


@app.command()
def wait(
    job: Job,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 60,
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Wait for a job's end; exits 1 when it did not succeed in time."""
    scheduler, who = _open(data_dir, tenant)
    (record,) = scheduler.wait(who, [JobId(job)], timeout_s=timeout)
    print_record(record, as_json)
    if record.state is not JobState.SUCCEEDED:
        raise typer.Exit(1)


@app.command()
def cancel(job: Job, data_dir: DataDir = None, tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Cancel a job: at once, or at its worker's next safe point; exits 1 when it has ended already."""
    scheduler, who = _open(data_dir, tenant)
    record = scheduler.cancel(who, JobId(job))
    print_record(record, as_json)
    if record.state is not JobState.CANCELLED and not (record.cancel_requested and record.state not in FINAL_STATES):
        raise typer.Exit(1)


def record_json(record: JobRecord) -> dict[str, Any]:
    """A job as a JSON object; times in ISO 8601."""
    return {
        "id": record.id,
        "kind": record.kind,
        "state": record.state,
        "final": record.state in FINAL_STATES,
        "tenant": record.lane.tenant,
        "cube": record.lane.cube,
        "session": record.lane.session,
        "bulk": record.lane.bulk,
        "user": record.user,
        "attempts": record.attempts,
        "progress": list(record.progress) if record.progress[1] else None,
        "cost_tokens": record.cost_tokens,
        "cancel_requested": record.cancel_requested,
        "submitted_at": _time(record.submitted_at_ms),
        "due_at": _time(record.due_at_ms),
        "started_at": _time(record.started_at_ms),
        "updated_at": _time(record.updated_at_ms),
        "finished_at": _time(record.finished_at_ms),
        "wait_ms": record.wait_ms,
        "run_ms": record.run_ms,
        "error_class": record.error_class,
        "error_message": record.error_message,
        "history": [_attempt_json(attempt) for attempt in record.history],
        "memory_ids": list(record.memory_ids),
        "degraded": list(record.degraded),
        "overload": record.overload,
        "result": dict(record.result),
    }


def _open(data_dir: Any, tenant: str | None) -> tuple[Scheduler, TenantId]:
    settings = settings_of(data_dir, tenant)
    return open_operation(settings), ids.tenant_id(settings.tenant)


def print_record(record: JobRecord, as_json: bool) -> None:
    """All fields of a record that say something."""
    fields = record_json(record)
    if as_json:
        print_json(fields)
        return
    for name, value in fields.items():
        if value not in ("", None, [], {}, False):
            console.print(f"{name:>14}  {value}", markup=False)


def _row(record: JobRecord) -> tuple[object, ...]:
    times = "+".join(_seconds(value) for value in (record.wait_ms, record.run_ms) if value is not None)
    return (record.id, record.kind, _state(record), _lane(record.lane), times)


def _state(record: JobRecord) -> str:
    """The state; of a job in trouble also at which attempt and why."""
    return f"{record.state} {record.attempts}\n{record.error_class}" if record.error_class else record.state


def _lane(lane: Lane) -> str:
    """The session of a job that belongs to a whole cube says no more than its kind."""
    return lane.cube if lane.session.startswith(ids.RESERVED_SESSION_PREFIX) else f"{lane.cube}/{lane.session}"


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.2f}"


def _attempt_json(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "ended_at": _time(attempt.ended_at_ms),
        "error_class": attempt.error_class,
        "error_message": attempt.error_message,
    }


def _milliseconds(time: datetime | None) -> int | None:
    return None if time is None else round(time.replace(tzinfo=UTC).timestamp() * 1000)


def _time(milliseconds: int | None) -> str | None:
    if not milliseconds:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
