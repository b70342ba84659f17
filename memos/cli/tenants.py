"""``memos tenants``: a tenant's share and limits, what it has used, and forgetting it."""

from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from memos import ids
from memos.cli.options import AsJson, DataDir, settings_of
from memos.cli.output import console, print_json, print_table
from memos.clock import SystemClock
from memos.errors import InvalidRequest
from memos.kv.store import ArtefactStore
from memos.local.ondemand import ensure_servers
from memos.local.servers import Server
from memos.mem_scheduler.operation import MemScheduler, TenantPolicy, Usage, open_operation
from memos.mem_user.factory import build_user_store
from memos.memories.textual.forgetting import Forgetter, ForgottenCounts
from memos.settings import Settings
from memos.wiring import open_stores

app: Final = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The tenant.")]
Number = Annotated[int | None, typer.Option(help="0 for no limit.")]
_DAY_S: Final = 24 * 3600
_STORES: Final[frozenset[Server]] = frozenset({"graph", "index"})


@app.command()
def show(tenant: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """The tenant's share and limits, what it has waiting, and its tokens by day."""
    scheduler, who = _open(data_dir), ids.tenant_id(tenant)
    _print(scheduler.policies.get(who), scheduler.policies.usage(who), as_json)


@app.command("set")
def set_policy(
    tenant: Name,
    weight: Annotated[float | None, typer.Option(help="Share relative to other tenants'; 1 by default.")] = None,
    max_in_flight: Number = None,
    max_queued: Annotated[int | None, typer.Option(help="Jobs that may wait.")] = None,
    max_lane: Annotated[int | None, typer.Option(help="Jobs of one session that may wait.")] = None,
    adds_per_s: Annotated[float | None, typer.Option(help="0 for no limit.")] = None,
    tokens_per_min: Number = None,
    tokens_per_day: Number = None,
    on_dead: Annotated[str | None, typer.Option(help="continue, or halt a lane at a dead job.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given; it holds at once, for every process."""
    given: dict[str, Any] = {
        "weight": weight, "max_in_flight": max_in_flight, "max_queued": max_queued, "max_lane": max_lane,
        "adds_per_s": adds_per_s, "tokens_per_min": tokens_per_min, "tokens_per_day": tokens_per_day,
        "on_dead": on_dead,
    }  # fmt: skip
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise InvalidRequest("nothing to set; --help shows what there is")
    scheduler, who = _open(data_dir), ids.tenant_id(tenant)
    _print(scheduler.policies.set(who, changes), scheduler.policies.usage(who), as_json)


@app.command()
def reset(tenant: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Back to the share and limits of the settings."""
    scheduler, who = _open(data_dir), ids.tenant_id(tenant)
    scheduler.policies.reset(who)
    _print(scheduler.policies.get(who), scheduler.policies.usage(who), as_json)


@app.command()
def forget(
    tenant: Name,
    memories: Annotated[bool, typer.Option("--memories", help="Also all that its users' cubes remember.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove the tenant's jobs, waiting messages, dead letters and limits from Redis; memories only with --memories."""
    scheduler, who = _open(data_dir), ids.tenant_id(tenant)
    what = "jobs and memories" if memories else "jobs"
    if not yes and not typer.confirm(f"Remove all {what} of {who}, jobs that still wait included?"):
        raise typer.Exit(1)
    removed: dict[str, int] = {"removed_keys": scheduler.forget_tenant(who)}
    if memories:
        removed |= asdict(_forget_memories(settings_of(data_dir, tenant)))
    if as_json:
        print_json({"tenant": who, **removed})
    else:
        counted = ", ".join(f"{count} {name.removeprefix('removed_')}" for name, count in removed.items())
        console.print(f"removed {counted} of {who}", markup=False)


def _forget_memories(settings: Settings) -> ForgottenCounts:
    who, total = ids.tenant_id(settings.tenant), ForgottenCounts()
    with closing(build_user_store(settings)) as users:
        cubes = users.list_all_cubes(who)
    with closing(open_stores(ensure_servers(settings, need=_STORES))) as stores:
        artefacts = ArtefactStore(settings.kv_root)
        forgetter = Forgetter(stores, artefacts, SystemClock())
        for cube in cubes:
            total += forgetter.forget_cube(who, cube.id)
    return total + ForgottenCounts(artefacts=artefacts.delete_tenant(who))


def _print(policy: TenantPolicy, usage: Usage, as_json: bool) -> None:
    days = {_day(day): tokens for day, tokens in usage.tokens_by_day.items()}
    if as_json:
        used = {"queued": usage.queued, "dead": usage.dead, "tokens_by_day": days}
        print_json({"policy": asdict(policy), "usage": used})
        return
    print_table("Share and limits", ("field", "value"), asdict(policy).items())
    counted = {"queued": usage.queued, "dead": usage.dead, **{f"tokens {day}": count for day, count in days.items()}}
    print_table("Usage", ("what", "count"), counted.items())


def _day(number: int) -> str:
    return datetime.fromtimestamp(number * _DAY_S, UTC).date().isoformat()


def _open(data_dir: Any) -> MemScheduler:
    return open_operation(settings_of(data_dir))
