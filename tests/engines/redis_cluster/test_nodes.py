"""A node of the cluster that is away takes only its own tenants with it, and brings them back."""

import itertools
import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from memos.errors import Unavailable
from memos.ids import TenantId
from memos.settings import Settings, load_settings
from scheduler import MemScheduler, keys
from scheduler.broker import sibling_url
from scheduler.keys import Queue
from scheduler.scripts import Scripts
from scheduler.wakes import Wakes
from tests.support.job_path import Processes, lane, spec, wait_until
from tests.support.path_proof import APP, PathProof
from tests.support.valkeys import Node, OwnCluster

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ALL_SHARDS = range(keys.SHARDS)


def node_of(cluster: OwnCluster, tenant: TenantId) -> Node:
    return cluster.node_of(keys.lane_keys(lane(tenant))[0])


def new_tenant(cluster: OwnCluster, *, on: Node | None = None, off: Node | None = None) -> TenantId:
    """A tenant that no other test has, whose keys are on that node, or on any but that one."""
    fresh = (TenantId(f"t-{uuid.uuid4().hex}") for _ in itertools.count())
    return next(each for each in fresh if on in (None, node_of(cluster, each)) and node_of(cluster, each) is not off)


@pytest.fixture
def victim(cluster: OwnCluster) -> Iterator[Node]:
    """A node to kill: not that of the dispatchers' lease, without which nobody leads. Back in place afterwards."""
    spared = cluster.node_of(keys.LEADER_KEY)
    node = next(node for node in cluster.nodes if node is not spared)
    yield node
    if node.process is None:
        node.start()
    wait_until(cluster.is_whole, "the nodes find each other well")


@pytest.fixture
def processes(cluster: OwnCluster, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    data_dir = tmp_path_factory.mktemp("cluster_path")
    broker = sibling_url(settings, 12)
    started = Processes(
        app_module=APP,
        settings=load_settings(data_dir=data_dir, redis_url=cluster.url, broker_url=broker, gpu_broker_url=broker),
    )
    try:
        started.start_dispatcher()
        started.start_worker()
        yield started
    finally:
        started.stop_all()


def test_other_tenants_submit_while_a_node_is_away(cluster: OwnCluster, scheduler: MemScheduler, victim: Node) -> None:
    lost, spared = new_tenant(cluster, on=victim), new_tenant(cluster, off=victim)
    scheduler.submit(spec(lost, n=1))
    victim.kill()
    with pytest.raises(Unavailable, match="redis is unavailable"):
        scheduler.submit(spec(lost, n=2))
    scheduler.submit(spec(spared, n=3))
    victim.start()
    wait_until(cluster.is_whole, "the node is back")
    assert [payload["n"] for payload in scheduler.pending_payloads(lane(lost))] == [1]
    assert [payload["n"] for payload in scheduler.pending_payloads(lane(spared))] == [3]


def test_the_dispatcher_sees_the_turns_of_other_tenants_while_a_node_is_away(
    cluster: OwnCluster, scheduler: MemScheduler, redis: Redis, victim: Node
) -> None:
    wakes = Wakes(redis)
    lost, spared = new_tenant(cluster, on=victim), new_tenant(cluster, off=victim)
    for tenant in (lost, spared):
        scheduler.submit(spec(tenant))
    assert {lost, spared} <= due_tenants(wakes)
    victim.kill()
    assert due_tenants(wakes) & {lost, spared} == {spared}
    claims = wakes.claim(Queue.EXTRACT, {lost: 1, spared: 1})
    assert {tenant: [claim.lane for claim in each] for tenant, each in claims.items()} == {
        lost: [],
        spared: [lane(spared)],
    }
    victim.start()
    wait_until(lambda: lost in due_tenants(wakes), "its turns are seen again")


def test_when_all_nodes_are_away_that_is_said(cluster: OwnCluster, redis: Redis) -> None:
    wakes = Wakes(redis)
    wakes.look(ALL_SHARDS)
    for node in cluster.nodes:
        node.kill()
    try:
        with pytest.raises(Unavailable, match="redis is unavailable"):
            wakes.look(ALL_SHARDS)
    finally:
        for node in cluster.nodes:
            node.start()
        wait_until(cluster.is_whole, "the nodes find each other well")
    wait_until(lambda: bool(wakes.look(ALL_SHARDS)), "it is asked again")


def test_a_cluster_that_is_away_from_the_start_is_found_later(cluster: OwnCluster) -> None:
    scheduler = MemScheduler.from_url("redis+cluster://127.0.0.1:1,127.0.0.1:2")
    with pytest.raises(Unavailable, match="memos up"):
        scheduler.ping()
    scheduler.close()


def test_scripts_that_one_node_forgot_run_once_everywhere(
    cluster: OwnCluster, scheduler: MemScheduler, redis: Redis, victim: Node
) -> None:
    tenants = [new_tenant(cluster, on=node) for node in cluster.nodes]
    for tenant in tenants:
        scheduler.submit(spec(tenant))
    Wakes(redis).look(ALL_SHARDS)
    victim.ask("SCRIPT", "FLUSH")
    claims = Wakes(redis).claim(Queue.EXTRACT, dict.fromkeys(tenants, 1))
    assert [len(each) for each in claims.values()] == [1, 1, 1]


def test_a_signal_is_heard_from_whatever_node_it_is_on(cluster: OwnCluster, redis: Redis) -> None:
    wakes = Wakes(redis)
    while wakes.wait_for_signal(0.05) is not None:
        pass
    tenant = new_tenant(cluster)
    MemScheduler(redis).submit(spec(tenant))
    assert wakes.wait_for_signal(5) == keys.shard_of(tenant)
    assert wakes.wait_for_signal(0.05) is None


def test_an_answer_for_nodes_that_are_away_is_the_callers(cluster: OwnCluster, redis: Redis, victim: Node) -> None:
    scripts = Scripts(redis)
    calls = [(keys.look_keys(shard), (1, 1)) for shard in ALL_SHARDS]
    scripts.run_many("look", calls)
    victim.kill()
    assert scripts.run_many("look", calls, away="away").count("away") > 0
    with pytest.raises(Unavailable):
        scripts.run_many("look", calls)


def test_jobs_go_on_around_a_killed_node_and_its_own_come_back_with_it(
    cluster: OwnCluster, processes: Processes, victim: Node
) -> None:
    scheduler = MemScheduler.from_url(cluster.url)
    lost = PathProof(processes=processes, scheduler=scheduler, tenant=new_tenant(cluster, on=victim))
    spared = PathProof(processes=processes, scheduler=scheduler, tenant=new_tenant(cluster, off=victim))
    its_jobs, other_jobs = lost.submit(range(40), sleep_ms=20), spared.submit(range(20), sleep_ms=20)
    spared.wait_for_effects(2)
    victim.kill()
    spared.finish([*other_jobs, *spared.submit(range(20, 30))])
    victim.start()
    wait_until(cluster.is_whole, "the node is back")
    lost.finish(its_jobs)
    lost.assert_in_order_and_once(40)
    spared.assert_in_order_and_once(30)
    assert [child.poll() for child in processes.running] == [None, None]
    scheduler.close()


def due_tenants(wakes: Wakes) -> set[TenantId]:
    views = wakes.look(ALL_SHARDS)
    return {turn.tenant for view in views for turn in view.due.get(Queue.EXTRACT, ())}
