"""Who the tenants of a simulation are, what it reports, and what its command refuses."""

import json
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from memos.bench.scale import Costs, Scale, build_ladder, load_costs
from memos.cli.main import app
from memos.errors import InvalidRequest
from tests.support.command import assert_mistake, run_memos
from workers.simulate.__main__ import simulate
from workers.simulate.mix import build_classes, build_service
from workers.simulate.report import build_end
from workers.simulate.world import build_arrivals

SMALL = Scale(tenants=2_000, workers=50, jobs=20_000)
COSTS = Costs()
FIGURES = {
    "drain_jobs_per_s": 2_000.0,
    "drain_one_job_lanes_per_s": 200.0,
    "redis_ops_per_job": 2.0,
    "redis_busy_us_per_job": 100.0,
    "redis_script_us_per_job": 60.0,
    "one_job_lanes_redis_ops_per_job": 22.0,
    "one_job_lanes_redis_busy_us_per_job": 900.0,
    "one_job_lanes_redis_script_us_per_job": 360.0,
    "dispatcher_hint_ms": 0.5,
    "bytes_per_queued_job": 850.0,
}


def test_the_workers_are_as_busy_as_was_asked() -> None:
    """Bursts that meet in a lane share a batch, so a little less than the work that was offered."""
    report = simulate(Scale(tenants=20_000, workers=200, jobs=100_000, load=0.6), COSTS)
    assert 0.5 < report["worker_utilisation"] < 0.65


def test_a_quiet_tenant_waits_less_than_a_whale_and_all_jobs_are_in_the_report() -> None:
    report = simulate(SMALL, COSTS)
    quiet, *_, whale = report["classes"]
    assert (quiet["class"], whale["class"]) == ("quiet", "whale")
    assert quiet["dwell_p50_ms"] < whale["dwell_p50_ms"]
    assert [one["tenants"] for one in report["classes"]] == [1800, 180, 20, 1]


def test_a_seed_gives_one_report() -> None:
    assert simulate(SMALL, COSTS) == simulate(SMALL, COSTS)


def test_redis_does_what_its_jobs_and_hints_cost() -> None:
    report = simulate(SMALL, Costs(redis_job_ops=3, redis_wake_ops=10, redis_job_us=0, redis_wake_us=100_000))
    jobs_per_s, wakes_per_s = report["jobs_per_s"], report["wakes_per_s"]
    assert report["redis_ops_per_s"] == pytest.approx(3 * jobs_per_s + 10 * wakes_per_s, rel=0.01)
    assert report["redis_busy"] == pytest.approx(wakes_per_s / 10, rel=0.01)


def test_one_redis_ends_where_seven_tenths_of_its_core_are_used() -> None:
    costs = Costs(
        redis_job_us=100, redis_wake_us=200, script_job_us=50, script_wake_us=100, hint_ms=1, queued_bytes=1e3
    )
    end = build_end(Scale(tenants=1000, workers=10, redis_memory_gb=4), costs, 100.0, wakes_per_job=0.5)
    assert end["ends_at_jobs_per_s"] == 3500
    assert end["ends_at_tenants"] == 35_000
    assert end["ends_at_backlog_messages"] == 3_000_000
    assert end["first_bound"] == "dispatcher"
    assert end["bounds_jobs_per_s"] == {
        "one leading dispatcher": 1_400,
        "one Redis for data plane and broker": 3_500,
        "broker on a server of its own": 7_000,
        "data plane on a cluster of 16 primaries": 112_000,
    }
    assert ["dispatcher" in step for step in end["what_to_shard"]] == [True, False, False, False]


def test_arrivals_come_at_the_rates_of_their_classes() -> None:
    classes = build_classes(SMALL, build_service(SMALL, COSTS))
    arrivals = build_arrivals(classes, horizon_s=4_000, seed=3)
    assert (np.diff(arrivals.at_s) >= 0).all()
    for number, one in enumerate(classes):
        of_class = arrivals.classes == number
        expected = one.jobs_per_s * 4_000
        assert of_class.sum() == pytest.approx(expected, abs=4 * sqrt(expected * one.burst))
        assert len(set(arrivals.tenants[of_class].tolist())) <= one.tenants
    tenants_of_lane = {(lane, tenant) for lane, tenant in zip(arrivals.lanes, arrivals.tenants, strict=True)}
    assert len(tenants_of_lane) == len({lane for lane, _ in tenants_of_lane})


def test_the_ladder_ends_with_the_whole() -> None:
    assert build_ladder(100_000, 1_000) == [(1_000, 10), (10_000, 100), (100_000, 1_000)]
    assert build_ladder(100, 1) == [(100, 1)]


def test_costs_come_from_the_scheduler_benchmark(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    file.write_text(json.dumps(FIGURES), encoding="utf-8")
    costs = load_costs(file)
    assert (costs.wake_ms, costs.job_ms, costs.hint_ms) == (pytest.approx(9.0), 1.0, 0.5)
    assert (costs.redis_wake_ops, costs.redis_job_ops) == (20.0, 2.0)
    assert (costs.redis_wake_us, costs.script_wake_us) == (800.0, 300.0)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"drain_jobs_per_s": null}', json.dumps({**FIGURES, "drain_jobs_per_s": 0})]
)
def test_what_is_no_such_file_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequest, match="figures"):
        load_costs(file)


def test_the_command_prints_every_scale_as_json() -> None:
    arguments = ["bench", "scale", "--simulate", "--tenants", "1000", "--workers", "100", "--jobs", "2000", "--json"]
    ran = run_memos(*arguments)
    assert ran.code == 0, ran.err
    printed = json.loads(ran.out)
    assert [(one["tenants"], one["workers"]) for one in printed["scales"]] == [(10, 1), (100, 10), (1000, 100)]
    assert printed["one_redis"]["ends_at_jobs_per_s"] > 0


def test_the_command_shows_tables() -> None:
    ran = run_memos("bench", "scale", "--simulate", "--tenants", "100", "--workers", "1", "--jobs", "1000")
    assert ran.code == 0, ran.err
    assert [word for word in ("quiet", "whale", "redis_busy", "ends_at_tenants", "jobs/s") if word not in ran.out] == []


def test_without_simulate_it_says_what_to_run() -> None:
    assert_mistake(run_memos("bench", "scale"), "memos bench scale --simulate")


def test_more_tenants_than_it_was_made_for_are_refused() -> None:
    shown = CliRunner().invoke(app, ["bench", "scale", "--simulate", "--tenants", "1000000"])
    assert shown.exit_code == 2
