"""``memos graph``: what a cube's graph holds, as counts or as a page for a browser."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from memos import ids
from memos.cli.options import AsJson, DataDir, Tenant, settings_of
from memos.cli.output import console, print_json, print_table
from memos.clock import SystemClock
from memos.errors import InvalidRequest, NotFound
from memos.graph_dbs.base import GraphStore
from memos.graph_dbs.factory import build_graph
from memos.ids import CubeId, TenantId
from memos.kv.files import write_whole
from memos.local.ondemand import ensure_servers
from memos.mem_user.factory import build_user_store
from memos.settings import Settings
from memos.view.page import render_page, require_view_extra
from memos.view.snapshot import count_cube, read_snapshot

_SHOWN: Final = 200
_MOST_SHOWN: Final = 1000
_MOST_NAMED: Final = 10

app: Final = typer.Typer(no_args_is_help=True)


@app.command()
def show(
    cube: Annotated[str, typer.Argument(help="The memory cube.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write one page that needs no network.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, max=_MOST_SHOWN, help=f"With --html: so many memories, the newest; default {_SHOWN}."),
    ] = None,
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Count a cube's memories and relations; with --html draw the newest, with their times and sources."""
    if html is None and limit is not None:
        raise InvalidRequest("--limit goes with --html; without it everything is counted")
    target = None if html is None else _check_target(html)
    settings = settings_of(data_dir, tenant)
    place = _find(settings, cube)
    if target is None:
        _show_counts(settings, *place, as_json)
    else:
        _write_page(settings, *place, target, limit or _SHOWN, as_json)


def _find(settings: Settings, cube: str) -> tuple[TenantId, CubeId]:
    """The cube of the settings' tenant, whoever owns it. Raises NotFound, naming some that there are."""
    tenant, wanted = ids.tenant_id(settings.tenant), ids.cube_id(cube)
    with closing(build_user_store(settings)) as users:
        if users.find_cube(tenant, wanted) is not None:
            return tenant, wanted
        known = [each.id for each in users.list_all_cubes() if each.tenant == tenant]
    there = f"there are {', '.join(known[:_MOST_NAMED])}" if known else "there is none; see --data-dir"
    raise NotFound(f"tenant {tenant!r} has no cube {cube!r}: {there}")


@contextmanager
def _opened(settings: Settings) -> Generator[GraphStore]:
    with closing(build_graph(ensure_servers(settings, need=frozenset({"graph"})))) as graph:
        graph.ensure_schema()
        yield graph


def _show_counts(settings: Settings, tenant: TenantId, cube: CubeId, as_json: bool) -> None:
    with _opened(settings) as graph:
        counts = count_cube(graph, tenant, cube, now_ms=SystemClock().now_ms())
    if as_json:
        print_json({"cube": cube, **asdict(counts)})
        return
    _say(f"{cube}: {counts.memories} memories")
    sorts = (("type", counts.types), ("standing", counts.standings), ("relation", counts.relations))
    rows = [(sort, *row) for sort, counted in sorts for row in counted.items()]
    if rows:
        print_table("", ("sort", "name", "count"), rows)


def _check_target(path: Path) -> Path:
    """Where the page goes, links followed. Raises InvalidRequest for what no file can be put in place of."""
    try:
        target = path.resolve()
        fits, has_home = target.is_file() or not target.exists(), target.parent.is_dir()
    except (OSError, RuntimeError) as error:
        raise InvalidRequest(f"cannot write {path}: {error}") from None
    if not has_home:
        raise InvalidRequest(f"cannot write {path}: there is no directory {target.parent}; make it first")
    if not fits:
        raise InvalidRequest(f"cannot write {path}: it exists and is no file; name a file")
    return target


def _write_page(settings: Settings, tenant: TenantId, cube: CubeId, target: Path, limit: int, as_json: bool) -> None:
    require_view_extra()
    with _opened(settings) as graph:
        snapshot = read_snapshot(graph, tenant, cube, limit=limit, now_ms=SystemClock().now_ms())
    try:
        write_whole(target, render_page(snapshot).encode())
    except OSError as error:
        raise InvalidRequest(f"cannot write {target}: {error.strerror}") from None
    shown, related = len(snapshot.memories), len(snapshot.edges)
    if as_json:
        print_json({"file": str(target), "memories": shown, "relations": related, "older": snapshot.older})
    else:
        left_out = f"; {snapshot.older} older memories are left out (--limit)" if snapshot.older else ""
        _say(f"{target}: {shown} memories, {related} relations{left_out}")


def _say(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
