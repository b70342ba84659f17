"""``memos bench``."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer

from memos.bench import path as path_bench
from memos.bench import retrieval as retrieval_bench
from memos.bench import scale as scale_bench
from memos.bench import scheduler as scheduler_bench
from memos.cli.options import AsJson
from memos.cli.output import errors, print_json, print_table
from memos.errors import InvalidRequest
from memos.local.background import start_background, stop_stack
from memos.local.ondemand import ensure_servers, stop_servers
from memos.local.servers import ALL_SERVERS
from memos.settings import load_settings

app: Final = typer.Typer(no_args_is_help=True)
_DEFAULT_PLAN: Final = scheduler_bench.Plan()
_DEFAULT_SCALE: Final = scale_bench.Scale()


@app.callback()
def group() -> None:
    """Measurements of this installation; they print, and judge nothing."""


@app.command()
def path(
    messages: Annotated[int, typer.Option(min=1_000, help="Messages to ingest and search among.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """From ``mos.add`` to a search: submit, ingest, search and add-to-searchable times, on servers of its own."""
    plan = path_bench.Plan(messages=messages)
    with TemporaryDirectory(prefix="memos-bench-") as folder:
        figures = _measure(Path(folder), plan)
    _print_figures("memos bench path", figures, as_json=as_json)


@app.command()
def retrieval(
    data: Annotated[Path, typer.Option(help="A directory of conversations in the form of LoCoMo.")],
    conversations: Annotated[str, typer.Option(help="Their names, with commas between them, such as 26,30.")],
    out: Annotated[Path, typer.Option(help="Where the run is written, a line for each question.")],
    top_k: Annotated[int, typer.Option(min=1, max=1000)] = retrieval_bench.TOP_K,
    as_json: AsJson = False,
) -> None:
    """What searches find of recorded conversations, on a stack of its own; the run is for a scorer to judge."""
    names = tuple(name.strip() for name in conversations.split(",") if name.strip())
    if not names:
        raise InvalidRequest("name at least one conversation with --conversations")
    plan = retrieval_bench.Plan(directory=data, names=names, top_k=top_k)
    retrieval_bench.check_plan(plan, out)
    with TemporaryDirectory(prefix="memos-bench-") as folder:
        start_background(Path(folder), say=lambda line: errors.print(line, markup=False))
        try:
            figures = retrieval_bench.measure(load_settings(data_dir=Path(folder)), plan, out)
        finally:
            stop_stack(Path(folder))
    _print_figures("memos bench retrieval", figures, as_json=as_json)


@app.command()
def scheduler(
    jobs: Annotated[int, typer.Option(min=200, help="Jobs of a backlog, and of a flood.")] = _DEFAULT_PLAN.jobs,
    as_json: AsJson = False,
) -> None:
    """The job path beside bare Celery on the same Redis: cost, speed, waits, fairness. Some minutes."""
    with TemporaryDirectory(prefix="memos-bench-") as folder:
        settings = load_settings(data_dir=Path(folder))
        scheduler_bench.require_own_servers(settings)
        try:
            servers = ensure_servers(settings, need=frozenset({"redis", "broker"}))
            figures = scheduler_bench.measure(servers, scheduler_bench.Plan.of_size(jobs))
        finally:
            stop_servers()
    _print_figures("memos bench scheduler", figures, as_json=as_json)


@app.command()
def scale(
    simulate: Annotated[bool, typer.Option("--simulate", help="By simulation: the only way there is.")] = False,
    tenants: Annotated[int, typer.Option(min=100, max=scale_bench.MAX_TENANTS)] = _DEFAULT_SCALE.tenants,
    workers: Annotated[int, typer.Option(min=1, max=scale_bench.MAX_WORKERS)] = _DEFAULT_SCALE.workers,
    load: Annotated[
        float, typer.Option(min=0.01, max=2.0, help="Work offered, as a share of the workers' time.")
    ] = _DEFAULT_SCALE.load,
    call_ms: Annotated[float, typer.Option(min=0, help="Mean time of a batch's handler.")] = _DEFAULT_SCALE.call_ms,
    jobs: Annotated[int, typer.Option(min=1_000, help="Jobs to simulate at each scale.")] = _DEFAULT_SCALE.jobs,
    memory_gb: Annotated[float, typer.Option(min=0.1, help="Memory of one Redis.")] = _DEFAULT_SCALE.redis_memory_gb,
    measured: Annotated[
        Path | None, typer.Option(help="What `memos bench scheduler --json` printed; default: docs/scale.md's figures.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = _DEFAULT_SCALE.seed,
    as_json: AsJson = False,
) -> None:
    """Waits by class of tenant as tenants and workers grow, what Redis does for them, and where one Redis ends."""
    if not simulate:
        raise InvalidRequest("memos bench scale measures by simulation alone; run `memos bench scale --simulate`")
    costs = scale_bench.load_costs(measured)
    scales = [
        scale_bench.Scale(
            tenants=some, workers=busy, load=load, call_ms=call_ms, jobs=jobs, redis_memory_gb=memory_gb, seed=seed
        )
        for some, busy in scale_bench.build_ladder(tenants, workers)
    ]
    outcome = scale_bench.simulate_all(scales, costs)
    if as_json:
        print_json(outcome)
    else:
        _print_scales(outcome)


def _print_figures(title: str, figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(figures)
    else:
        print_table(title, ("figure", "value"), figures.items())


def _print_scales(outcome: dict[str, Any]) -> None:
    for one in outcome["scales"]:
        title = f"{one['tenants']} tenants, {one['workers']} workers, {one['jobs_per_s']} jobs/s"
        rows = [(row["class"], row["tenants"], row["dwell_p50_ms"], row["dwell_p99_ms"]) for row in one["classes"]]
        print_table(title, ("class", "tenants", "dwell p50 ms", "dwell p99 ms"), rows)
        shown = ("worker_utilisation", "redis_ops_per_s", "redis_busy", "dispatcher_busy", "peak_backlog_mb")
        print_table("", ("figure", "value"), [(name, one[name]) for name in shown])
    ends = dict(outcome["one_redis"])
    bounds = ends.pop("bounds_jobs_per_s")
    steps = ends.pop("what_to_shard")
    print_table("where one Redis ends, with this mix", ("figure", "value"), ends.items())
    print_table("bounds", ("bound", "jobs/s"), bounds.items())
    print_table("what to shard, in this order", ("", "step"), enumerate(steps, start=1))


def _measure(data_dir: Path, plan: path_bench.Plan) -> dict[str, Any]:
    return {**path_bench.measure_import(), **_with_servers(data_dir, plan), **_with_stack(data_dir, plan)}


def _with_servers(data_dir: Path, plan: path_bench.Plan) -> dict[str, Any]:
    """Submission alone: no worker competes for the cores."""
    try:
        servers = ensure_servers(load_settings(data_dir=data_dir), need=ALL_SERVERS)
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
