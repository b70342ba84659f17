"""The scheduler's benchmark: its instruments, and that one small run yields every figure."""

import json

import pytest

from memos.bench.scheduler import Plan, require_own_servers
from memos.errors import InvalidConfig
from memos.settings import Settings
from scheduler.connection import connect
from tests.support.command import assert_mistake, run_memos
from workers.bench.bell import connect_named
from workers.bench.floods import build_flood
from workers.bench.meter import Reading, build_usage, read_meter

FIGURES = (
    *("submit_p50_ms", "submit_p99_ms", "celery_submit_p50_ms", "drain_jobs_per_s", "drain_one_job_lanes_per_s"),
    *("celery_noop_per_s", "idle_start_p50_ms", "celery_idle_start_p50_ms", "quiet_tenant_wait_ms", "quiet_alone_ms"),
    *("celery_quiet_wait_ms", "sybil_wait_ms", "redis_ops_per_job", "redis_inner_ops_per_job", "bytes_per_queued_job"),
    *("dispatcher_pick_ms", "dispatcher_step_ms", "dispatcher_hint_ms", "redis_busy_us_per_job"),
)


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_one_run_yields_every_figure() -> None:
    ran = run_memos("bench", "scheduler", "--jobs", "200", "--json", timeout_s=380)
    assert ran.code == 0, ran.err
    figures = json.loads(ran.out)
    assert [name for name in FIGURES if not figures.get(name, 0) > 0] == []


def test_it_never_runs_on_servers_that_somebody_named() -> None:
    with pytest.raises(InvalidConfig, match="unset MEMOS_REDIS_URL"):
        require_own_servers(Settings(redis_url="redis://production/0"))
    assert_mistake(run_memos("bench", "scheduler", MEMOS_BROKER_URL="redis://production/1"), "unset MEMOS_BROKER_URL")


@pytest.mark.servers
def test_the_meter_tells_commands_of_clients_from_those_inside_scripts(redis_url: str) -> None:
    """Ten commands by one script on the data plane, five by a client on a broker's database."""
    database, broker = connect(redis_url), connect(redis_url.rpartition("/")[0] + "/9")
    watcher = connect_named(redis_url)
    sha = database.script_load("for i = 1, 10 do redis.call('GET', 'nothing') end return 1")
    broker.ping()
    before = read_meter(watcher)
    assert database.evalsha(sha, 0) == 1
    for _ in range(5):
        broker.get("nothing")
    used = build_usage(before, read_meter(watcher))
    for client in (database, broker, watcher):
        client.close()
    # Other tests' processes use this server too, so no more than a lower bound is certain.
    assert used.sent >= 6
    assert used.inner >= 10
    assert used.scripts_us > 0


def test_the_difference_of_two_readings_leaves_the_benchmark_itself_out() -> None:
    before = _reading(commands=100, scripts=10, brokers={"1": 50}, own={"9": 5}, busy_s=1.0)
    after = _reading(commands=400, scripts=60, brokers={"1": 70, "2": 30}, own={"9": 25}, busy_s=1.5)
    used = build_usage(before, after)
    assert (used.sent, used.inner, used.busy_us) == (50 + 20 + 30, 300 - 20 - 100, 500_000)


def test_a_flood_is_spread_evenly_over_its_lanes_and_tenants() -> None:
    flood = build_flood(1_000, lanes=100, tenants=10)
    lanes = {(job.tenant, job.session) for job in flood}
    assert len(lanes) == 100
    assert {tenant: sum(job.tenant == tenant for job in flood) for tenant, _ in lanes} == {
        f"flood{n}": 100 for n in range(10)
    }
    assert len(json.dumps(flood[0].payload)) < 200


def test_a_plan_of_ten_thousand_jobs_is_the_default_one() -> None:
    assert Plan.of_size(10_000) == Plan()


def _reading(*, commands: int, scripts: int, brokers: dict[str, int], own: dict[str, int], busy_s: float) -> Reading:
    return Reading(
        commands=commands,
        scripts_and_waits=scripts,
        brokers=brokers,
        own=own,
        busy_s=busy_s,
        scripts_us=0,
        memory_bytes=0,
    )
