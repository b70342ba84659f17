"""``memos bench``."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer

from memos.bench import path as path_bench
from memos.cli.options import AsJson
from memos.cli.output import errors, print_json, print_table
from memos.local.background import start_background, stop_stack
from memos.local.ondemand import ensure_servers, stop_servers
from memos.settings import load_settings

app: Final = typer.Typer(no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep ``path`` a sub-command while it is the only one."""


@app.command()
def path(
    messages: Annotated[int, typer.Option(min=1_000, help="Messages to ingest and search among.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """From ``mos.add`` to a search: submit, ingest, search and add-to-searchable times, on servers of its own."""
    plan = path_bench.Plan(messages=messages)
    with TemporaryDirectory(prefix="memos-bench-") as folder:
        figures = _measure(Path(folder), plan)
    if as_json:
        print_json(figures)
    else:
        print_table("memos bench path", ("figure", "value"), figures.items())


def _measure(data_dir: Path, plan: path_bench.Plan) -> dict[str, Any]:
    return {**path_bench.measure_import(), **_with_servers(data_dir, plan), **_with_stack(data_dir, plan)}


def _with_servers(data_dir: Path, plan: path_bench.Plan) -> dict[str, Any]:
    """Submission alone: no worker competes for the cores."""
    try:
        servers = ensure_servers(load_settings(data_dir=data_dir), need=frozenset({"redis", "graph", "index"}))
        return path_bench.measure_submit(servers, plan)
    finally:
        stop_servers()


def _with_stack(data_dir: Path, plan: path_bench.Plan) -> dict[str, Any]:
    start_background(data_dir, say=lambda line: errors.print(line, markup=False))
    try:
        settings = load_settings(data_dir=data_dir)
        ingested = path_bench.measure_ingest(settings, plan)
        searched = path_bench.measure_search(settings, plan)
        return {**ingested, **searched, **path_bench.measure_add_to_searchable(settings, plan)}
    finally:
        stop_stack(data_dir)
