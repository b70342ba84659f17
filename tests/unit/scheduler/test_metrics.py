"""Metrics from readings, and readings from a real Redis on which the job path has done its work."""

from collections.abc import Iterator

import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from memos.errors import Unavailable
from memos.ids import TenantId
from memos.settings import Settings
from scheduler.connection import connect
from scheduler.exporter import find_fault, find_unreadiness, open_stats
from scheduler.keys import BUCKETS_MS, Queue
from scheduler.lease import Failure, JobOutcome
from scheduler.mailbox import Mailbox
from scheduler.metrics import METRIC_NAMES, Exposition, build_metrics
from scheduler.roll import Roll
from scheduler.stats import Reading, Stats, count_by_app
from scheduler.throttle import Load
from scheduler.wakes import Backlog
from tests.support.job_path import lane, must_take, spec, successes

NOWHERE = "redis://127.0.0.1:1/0"


def reading(**counts: int) -> Reading:
    """A quiet system in which the given fields were counted; ``__`` stands for ``|``."""
    return Reading(
        counts={name.replace("__", "|"): value for name, value in counts.items()},
        backlog={queue: Backlog() for queue in Queue},
        overload=0,
        workers={},
        providers=[],
    )


def parse(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def show(given: Reading) -> dict[tuple[str, ...], float]:
    return parse(Exposition(lambda: given, leads=lambda: True).render())


def test_counters_carry_the_labels_of_their_fields() -> None:
    samples = show(reading(ended__extract__dead=3, retries__extract__Unavailable=2, refused__tenant_depth=5))
    assert samples["memos_jobs_total", "extract", "dead"] == 3
    assert samples["memos_job_retries_total", "Unavailable", "extract"] == 2
    assert samples["memos_refusals_total", "tenant_depth"] == 5


def test_what_must_be_seen_to_rise_is_there_from_the_start() -> None:
    samples = show(reading())
    assert samples["memos_jobs_total", "kv", "dead"] == 0
    assert samples["memos_rewakes_total", "extract.bulk"] == 0
    assert samples["memos_workers_alive", "memos-gpu"] == 0


def test_buckets_of_a_histogram_add_up() -> None:
    samples = show(reading(dwell__extract__0=4, dwell__extract__2=1, dwell__extract__14=2, dwell_ms__extract=1500))
    name = "memos_job_dwell_seconds"
    assert samples[f"{name}_bucket", "extract", "0.005"] == 4
    assert samples[f"{name}_bucket", "extract", "0.01"] == 4
    assert samples[f"{name}_bucket", "extract", "0.025"] == 5
    assert samples[f"{name}_bucket", "extract", "300.0"] == 5
    assert samples[f"{name}_bucket", "extract", "+Inf"] == 7
    assert (samples[f"{name}_count", "extract"], samples[f"{name}_sum", "extract"]) == (7, 1.5)
    assert len(BUCKETS_MS) == 14


def test_gauges_show_queues_providers_and_workers() -> None:
    waits = Backlog(tenants=2, ready=7, oldest_ms=2500, in_flight=3)
    providers = [Load(label="host/m", limit=2.5, in_flight=1, throttled=9)]
    samples = show(
        Reading(
            counts={"dead|now": 4},
            backlog={Queue.EXTRACT: waits},
            overload=3,
            workers={"memos-cpu": 2},
            providers=providers,
        )
    )
    assert samples["memos_lanes_ready", "extract"] == 7
    assert samples["memos_oldest_ready_seconds", "extract"] == 2.5
    assert samples["memos_lanes_in_flight", "extract"] == 3
    assert samples["memos_tenants_waiting", "extract"] == 2
    assert (samples["memos_dead_jobs",], samples["memos_overload_level",]) == (4, 3)
    assert samples["memos_provider_limit", "host/m"] == 2.5
    assert samples["memos_provider_calls_in_flight", "host/m"] == 1
    assert samples["memos_provider_throttled_total", "host/m"] == 9
    assert samples["memos_workers_alive", "memos-cpu"] == 2
    assert (samples["memos_dispatcher_leader",], samples["memos_redis_up",]) == (1, 1)


def family_names(families: Iterator[Metric]) -> set[str]:
    return {f"{family.name}_total" if family.type == "counter" else family.name for family in families}


def test_every_name_that_is_promised_is_exported_and_no_other() -> None:
    assert family_names(Exposition(reading, leads=lambda: False).collect()) == METRIC_NAMES


def test_no_metric_has_a_tenant_for_a_label() -> None:
    labels = {name for family in build_metrics(reading()) for sample in family.samples for name in sample.labels}
    assert "tenant" not in labels


def test_when_redis_is_away_nothing_is_claimed() -> None:
    def read() -> Reading:
        raise Unavailable("redis", "away")

    assert parse(Exposition(read).render()) == {("memos_redis_up",): 0}


@pytest.mark.servers
def test_a_real_redis_that_is_away_is_said_to_be() -> None:
    stats = open_stats(Settings(), connect(NOWHERE))
    assert parse(Exposition(stats.read).render()) == {("memos_redis_up",): 0}


@pytest.fixture
def stats(redis: Redis) -> Stats:
    redis.flushdb()
    return open_stats(Settings(), redis)


@pytest.mark.servers
def test_what_the_job_path_does_is_counted(mailbox: Mailbox, stats: Stats, tenant: TenantId) -> None:
    for n in range(3):
        mailbox.put(spec(tenant, n=n))
    lease = must_take(mailbox, lane(tenant), max_jobs=2)
    mailbox.commit(lease, successes(lease))
    rest = must_take(mailbox, lane(tenant), holding=lease)
    dead = JobOutcome(job=rest.jobs[0].id, failure=Failure(error_class="Corrupt", message="unreadable"))
    mailbox.commit(rest, [dead])
    samples = show(stats.read())
    assert samples["memos_jobs_accepted_total", "extract"] == 3
    assert samples["memos_jobs_total", "extract", "succeeded"] == 2
    assert samples["memos_jobs_total", "extract", "dead"] == 1
    assert samples["memos_dead_jobs",] == 1
    assert samples["memos_job_dwell_seconds_count", "extract"] == 3
    assert samples["memos_job_run_seconds_count", "extract"] == 3


@pytest.mark.servers
def test_what_waits_is_measured(mailbox: Mailbox, stats: Stats, tenant: TenantId) -> None:
    for session in ("a", "b"):
        mailbox.put(spec(tenant, session))
    must_take(mailbox, lane(tenant, "b"))
    samples = show(stats.read())
    assert samples["memos_lanes_ready", "extract"] == 1
    assert samples["memos_lanes_in_flight", "extract"] == 1
    assert samples["memos_tenants_waiting", "extract"] == 1
    assert 0 <= samples["memos_oldest_ready_seconds", "extract"] < 60


@pytest.mark.servers
def test_workers_are_counted_by_application(redis: Redis, stats: Stats) -> None:
    for member in ("memos-cpu\x1fw1@a", "memos-cpu\x1fw2@b", "memos-gpu\x1fg1@a"):
        Roll(redis, "memos:workers").note(member)
    assert stats.read().workers == {"memos-cpu": 2, "memos-gpu": 1}
    assert count_by_app([]) == {}


@pytest.mark.servers
def test_a_dispatcher_is_ready_once_it_knows_who_leads_and_redis_answers(redis: Redis) -> None:
    assert find_unreadiness(redis, is_known=True) is None
    assert "who leads" in (find_unreadiness(redis, is_known=False) or "")
    assert "MEMOS_REDIS_URL" in (find_unreadiness(connect(NOWHERE), is_known=True) or "")


def test_a_loop_that_does_not_go_round_is_a_fault() -> None:
    assert find_fault(30.0) is None
    assert "31 s" in (find_fault(31.0) or "")
