"""``memos bench``."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer

from memos.bench import ablation as ablation_bench
from memos.bench import path as path_bench
from memos.bench import recall_scale as recall_scale_bench
from memos.bench import retrieval as retrieval_bench
from memos.bench import scale as scale_bench
from memos.bench import scheduler as scheduler_bench
from memos.bench import updates as updates_bench
from memos.bench.changes import TalkSet, load_talks
from memos.bench.scores import build_table, score
from memos.cli.options import AsJson
from memos.cli.output import console, errors, print_json, print_table
from memos.errors import InvalidRequest
from memos.local.background import start_background, stop_stack
from memos.local.ondemand import ensure_servers, stop_servers
from memos.local.servers import ALL_SERVERS
from memos.settings import Settings, load_settings

app: Final = typer.Typer(no_args_is_help=True)
_DEFAULT_PLAN: Final = scheduler_bench.Plan()
_DEFAULT_SCALE: Final = scale_bench.Scale()
_DEFAULT_RECALL: Final = recall_scale_bench.Plan()

Data = Annotated[Path, typer.Option(help="A directory of conversations in the form of LoCoMo.")]
Names = Annotated[str, typer.Option(help="Their names, with commas between them, such as 26,30.")]
TopK = Annotated[int, typer.Option(min=1, max=1000, help="Memories that each question may find.")]


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
    data: Data,
    conversations: Names,
    out: Annotated[Path, typer.Option(help="Where the run is written, a line for each question.")],
    top_k: TopK = retrieval_bench.TOP_K,
    as_json: AsJson = False,
) -> None:
    """What searches find of recorded conversations, on a stack of its own; the run is for a scorer to judge."""
    plan = _plan_of(data, conversations, top_k)
    retrieval_bench.check_plan(plan, out)
    with _own_stack() as settings:
        figures = retrieval_bench.measure(settings, plan, out)
    _print_figures("memos bench retrieval", figures, as_json=as_json)


@app.command()
def ablation(
    data: Data,
    conversations: Names,
    out: Annotated[Path, typer.Option(help="A directory for the runs; made if it is missing.")],
    scorer: Annotated[Path, typer.Option(help="A script: SCORER RUN --data DIR --json (memos/bench/scores.py).")],
    top_k: TopK = retrieval_bench.TOP_K,
    as_json: AsJson = False,
) -> None:
    """What each signal of the ranking is worth: the scores with all, and with each left out, as a Markdown table."""
    plan = _plan_of(data, conversations, top_k)
    if not scorer.is_file():
        raise InvalidRequest(f"there is no scorer {scorer}; name a Python script")
    ablation_bench.make_directory(out)
    retrieval_bench.check_plan(plan, out / "all.jsonl")
    with _own_stack() as settings:
        runs = ablation_bench.measure(settings, plan, out)
    scores = {name: score(scorer, run, data) for name, run in runs.items()}
    if as_json:
        print_json({"runs": runs, "scores": scores})
    else:
        console.print(build_table(scores), markup=False, soft_wrap=True)


@app.command()
def updates(
    out: Annotated[Path | None, typer.Option(help="Where each answer is written, a line for a question.")] = None,
    talks: Annotated[TalkSet, typer.Option(help="How changes are told in them.")] = TalkSet.PLAIN,
    top_k: TopK = updates_bench.TOP_K,
    as_json: AsJson = False,
) -> None:
    """How often the latest value of a fact that changed is found first, and with as_of that of the day. Minutes."""
    if out is not None:
        retrieval_bench.check_target(out)
    with _own_stack() as settings:
        figures, answers = updates_bench.measure(settings, load_talks(talks), top_k=top_k)
    if out is not None:
        retrieval_bench.write_run(out, (answer.as_line() for answer in answers))
    _print_figures("memos bench updates", figures, as_json=as_json)


@app.command()
def recall_scale(
    tenants: Annotated[
        int | None, typer.Option(min=1, max=100_000, help=f"Tenants; default {_DEFAULT_RECALL.tenants}.")
    ] = None,
    memories: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help=f"Of each tenant; default {_DEFAULT_RECALL.memories}.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="20 tenants of 50 memories, and fewer searches.")] = False,
    searches: Annotated[int | None, typer.Option(min=2, help=f"Default {_DEFAULT_RECALL.searches}.")] = None,
    max_minutes: Annotated[
        float | None, typer.Option(min=0.0, help=f"Filling ends then; default {_DEFAULT_RECALL.max_minutes:g}.")
    ] = None,
    max_gb: Annotated[
        float | None, typer.Option(min=0.0, help=f"Filling ends at this size; default {_DEFAULT_RECALL.max_gb:g}.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search times, index size and speed of filling with many tenants or large cubes, on stores of its own."""
    given = {
        "tenants": tenants,
        "memories": memories,
        "searches": searches,
        "max_minutes": max_minutes,
        "max_gb": max_gb,
    }
    named = {name: value for name, value in given.items() if value is not None}
    plan = replace(recall_scale_bench.QUICK if quick else _DEFAULT_RECALL, **named)
    with TemporaryDirectory(prefix="memos-bench-") as folder:
        settings = load_settings(data_dir=Path(folder))
        recall_scale_bench.require_own_servers(settings)
        try:
            servers = ensure_servers(settings, need=frozenset({"graph", "index"}))
            figures = recall_scale_bench.measure(servers, plan)
        finally:
            stop_servers()
    _print_figures("memos bench recall-scale", figures, as_json=as_json)


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


def _plan_of(data: Path, conversations: str, top_k: int) -> retrieval_bench.Plan:
    names = tuple(name.strip() for name in conversations.split(",") if name.strip())
    if not names:
        raise InvalidRequest("name at least one conversation with --conversations")
    return retrieval_bench.Plan(directory=data, names=names, top_k=top_k)


@contextmanager
def _own_stack() -> Generator[Settings]:
    """A stack on a directory that ends with it."""
    with TemporaryDirectory(prefix="memos-bench-") as folder:
        start_background(Path(folder), say=lambda line: errors.print(line, markup=False))
        try:
            yield load_settings(data_dir=Path(folder))
        finally:
            stop_stack(Path(folder))


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
