"""``memos dlq``: dead letters: list, show, replay, drop."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import typer

from memos import ids
from memos.cli.jobs import print_record, record_json
from memos.cli.options import AsJson, DataDir, Tenant, settings_of
from memos.cli.output import console, print_json, print_table
from memos.errors import InvalidRequest
from memos.ids import JobId, TenantId
from memos.mem_scheduler.operation import DeadFilter, MemScheduler, open_operation
from memos.types import JobRecord

app: Final = typer.Typer(no_args_is_help=True)

Jobs = Annotated[list[str] | None, typer.Argument(help="Ids of dead jobs.")]
All = Annotated[bool, typer.Option("--all", help="All dead letters that the filters let through.")]
OnlyCube = Annotated[str | None, typer.Option("--cube", help="Only those of this cube.")]
OnlyError = Annotated[str | None, typer.Option("--error", help="Only those that died of this class of error.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
_COLUMNS: Final = ("job", "kind", "cube", "attempts", "error")


@app.command("list")
def list_dead(
    cube: OnlyCube = None,
    error: OnlyError = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    offset: Annotated[int, typer.Option(min=0)] = 0,
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """The tenant's dead letters, newest first."""
    scheduler, who = _open(data_dir, tenant)
    records = scheduler.dead_letters.list_dead(who, _filter(cube, error), limit=limit, offset=offset)
    if as_json:
        print_json([record_json(record) for record in records])
    elif not records:
        console.print(f"no dead letters of {who}", markup=False)
    else:
        print_table(f"Dead letters of {who}", _COLUMNS, map(_row, records), folding=("error",))


@app.command()
def show(
    job: Annotated[str, typer.Argument(help="The dead job's id.")],
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """A dead letter with the history of its attempts."""
    scheduler, who = _open(data_dir, tenant)
    (record,) = scheduler.dead_letters.get(who, [JobId(job)])
    print_record(record, as_json)


@app.command()
def replay(
    jobs: Jobs = None,
    every: All = False,
    cube: OnlyCube = None,
    error: OnlyError = None,
    rate: Annotated[float, typer.Option(help="Jobs a second, so that they do not flood the others.")] = 10.0,
    dry_run: DryRun = False,
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Run dead jobs again under their own ids, oldest first. Exits 1 when one could not be."""
    scheduler, who = _open(data_dir, tenant)
    chosen = _choose(scheduler, who, jobs, every, _filter(cube, error))
    if dry_run:
        _report("would be replayed", [(record, True) for record in chosen], as_json)
        return
    done = list(scheduler.dead_letters.replay(chosen, per_s=rate))
    _report("replayed", done, as_json)
    if not all(waits for _, waits in done):
        raise typer.Exit(1)


@app.command()
def drop(
    jobs: Jobs = None,
    every: All = False,
    cube: OnlyCube = None,
    error: OnlyError = None,
    dry_run: DryRun = False,
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Give dead jobs up: their words are removed for good, their records stay until they expire."""
    scheduler, who = _open(data_dir, tenant)
    chosen = _choose(scheduler, who, jobs, every, _filter(cube, error))
    if not dry_run:
        scheduler.dead_letters.drop(chosen)
    _report("would be dropped" if dry_run else "dropped", [(record, True) for record in chosen], as_json)


def _choose(
    scheduler: MemScheduler, who: TenantId, jobs: Sequence[str] | None, every: bool, wanted: DeadFilter
) -> list[JobRecord]:
    filtered = wanted != DeadFilter()
    if bool(jobs) == (every or filtered):
        raise InvalidRequest("name dead jobs by their ids, or choose them with --all, --cube or --error, but not both")
    if jobs:
        return scheduler.dead_letters.get(who, [JobId(job) for job in dict.fromkeys(jobs)])
    return scheduler.dead_letters.list_all(who, wanted)


def _report(what: str, done: Iterable[tuple[JobRecord, bool]], as_json: bool) -> None:
    rows = [
        (record.id, what if waits else "cannot be: it is dead no more, or its words are gone") for record, waits in done
    ]
    if as_json:
        print_json([{"id": job, "outcome": outcome} for job, outcome in rows])
        return
    for job, outcome in rows:
        console.print(f"{job}  {outcome}", markup=False, soft_wrap=True)
    console.print(f"{len(rows)} {what}", markup=False)


def _filter(cube: str | None, error: str | None) -> DeadFilter:
    return DeadFilter(cube=None if cube is None else ids.cube_id(cube), error_class=error)


def _open(data_dir: Any, tenant: str | None) -> tuple[MemScheduler, TenantId]:
    settings = settings_of(data_dir, tenant)
    return open_operation(settings), ids.tenant_id(settings.tenant)


def _row(record: JobRecord) -> tuple[object, ...]:
    told = f"{record.error_class}: {record.error_message}"
    return (record.id, record.kind, record.lane.cube, len(record.history), told)
