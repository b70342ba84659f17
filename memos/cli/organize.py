"""``memos organize``: what is new in a cube is merged, related and summed up, or shown before it is."""

from contextlib import closing
from typing import Annotated, Final

import typer

from memos import ids
from memos.cli.cubes import require_cube
from memos.cli.options import AsJson, DataDir, Tenant, settings_of
from memos.cli.output import console, print_json, print_table
from memos.clock import SystemClock
from memos.local.ondemand import ensure_servers
from memos.local.servers import Server
from memos.memories.textual.writer import TextWriter
from memos.organize.reorganise import Reorganised
from memos.organize.report import Report, count
from memos.organize.surroundings import Place
from memos.wiring import build_reorganiser, open_reader, open_stores

_NEEDED: Final[frozenset[Server]] = frozenset({"graph", "index"})
_COLUMNS: Final = ("what", "memories", "reason")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(organize)


def organize(
    cube: Annotated[str, typer.Argument(help="The memory cube.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Merge, relate and sum up what is new in a cube; workers do it by themselves after a lull."""
    settings = settings_of(data_dir, tenant)
    place = Place(tenant=ids.tenant_id(settings.tenant), cube=ids.cube_id(cube))
    with closing(open_stores(ensure_servers(settings, need=_NEEDED))) as stores:
        require_cube(settings, stores.graph, place.tenant, place.cube)
        llm = open_reader(None, settings).llm
        reorganiser = build_reorganiser(stores, SystemClock(), settings, llm)
        done = reorganiser.preview(place) if dry_run else reorganiser.run(place)
        if not dry_run:
            TextWriter(stores, SystemClock()).index_lagging(place.tenant, place.cube)
    _print(done, "Would be done" if dry_run else "Done", as_json)


def _print(done: Reorganised, title: str, as_json: bool) -> None:
    if as_json:
        print_json({**done.report, "left": done.left})
        return
    counted = {**count(done.report), "left": "yes" if done.left else "no"}
    print_table(title, tuple(counted), [tuple(counted.values())])
    for reason in done.report["degraded"]:
        console.print(f"degraded: {reason}", markup=False)
    rows = _rows(done.report)
    if rows:
        print_table("In detail", _COLUMNS, rows)


def _rows(report: Report) -> list[tuple[str, str, str]]:
    merges = [
        ("merge", f"{each['kept']['text']} / {len(each['gone'])} more", each["reason"]) for each in report["merges"]
    ]
    relations = [
        (each["type"], f"{each['source']['text']} / {each['target']['text']}", each["reason"])
        for each in report["relations"]
    ]
    summaries = [("summary", each["text"], each["reason"]) for each in (*report["summaries"], *report["refreshed"])]
    removals = [("removal", each["text"], each["reason"]) for each in report["retired"]]
    return [*merges, *relations, *summaries, *removals]
