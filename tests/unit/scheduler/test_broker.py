import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from memos.errors import InvalidConfig, Unavailable
from memos.ids import TenantId
from memos.settings import Settings
from scheduler.broker import Publisher, cpu_app, gpu_app, sibling_url
from scheduler.connection import connect
from scheduler.keys import Queue
from tests.support.job_path import PASSWORD, free_port, lane
from tests.support.valkeys import Node


def publisher_at(url: str) -> Publisher:
    settings = Settings(broker_url=url, gpu_broker_url=url)
    return Publisher(cpu_app(settings), gpu_app(settings))


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_both_applications_share_a_neighbour_of_the_data_plane_unless_brokers_are_named() -> None:
    settings = Settings(redis_url="redis://:p%40ss@h:1/0")
    assert broker_urls(settings) == ["redis://:p%40ss@h:1/1"] * 2
    assert broker_urls(Settings(broker_url="amqp://x")) == ["amqp://x"] * 2
    assert broker_urls(Settings(broker_url="amqp://x", gpu_broker_url="redis://h:1/2")) == ["amqp://x", "redis://h:1/2"]


def broker_urls(settings: Settings) -> list[str]:
    return [app.conf.broker_url for app in (cpu_app(settings), gpu_app(settings))]


def test_applications_that_share_a_broker_have_the_same_visibility_timeout() -> None:
    settings = Settings(broker_url="redis://h")
    timeouts = {make(settings).conf.broker_transport_options["visibility_timeout"] for make in (cpu_app, gpu_app)}
    assert len(timeouts) == 1


def test_each_queue_has_one_application() -> None:
    settings = Settings(broker_url="redis://h")
    names = [{queue.name for queue in make(settings).conf.task_queues} for make in (cpu_app, gpu_app)]
    assert names == [{"memos.extract", "memos.extract.bulk", "memos.organize"}, {"memos.kv"}]


def test_a_cluster_as_data_plane_needs_a_broker_of_its_own() -> None:
    with pytest.raises(InvalidConfig, match="MEMOS_BROKER_URL"):
        cpu_app(Settings(redis_url="redis+cluster://h"))
    cpu_app(Settings(redis_url="redis+cluster://h", broker_url="redis://h"))


def test_queues_of_rabbitmq_are_kept_by_a_majority_and_publications_confirmed() -> None:
    conf = cpu_app(Settings(broker_url="amqp://h")).conf
    assert {queue.queue_arguments["x-queue-type"] for queue in conf.task_queues} == {"quorum"}
    assert conf.broker_transport_options["confirm_publish"] is True


def test_a_worker_outlives_a_redis_that_refuses_to_write() -> None:
    assert cpu_app(Settings(broker_url="redis://h")).conf.broker_channel_error_retry is True


def test_without_any_server_it_says_what_to_do() -> None:
    with pytest.raises(InvalidConfig, match="memos up"):
        cpu_app(Settings())


def test_a_hint_is_never_delivered_again_while_a_task_may_still_run() -> None:
    conf = cpu_app(Settings(broker_url="redis://h")).conf
    assert conf.broker_transport_options["visibility_timeout"] > conf.task_time_limit


@pytest.mark.servers
def test_hints_are_counted_for_each_queue(settings: Settings) -> None:
    publisher = publisher_at(sibling_url(settings, 4))
    tenant = TenantId("t")
    for hinted in (lane(tenant), lane(tenant), replace(lane(tenant), bulk=True), lane(tenant, "~kv")):
        publisher.publish(hinted)
    assert {queue: publisher.count_queued(queue) for queue in Queue} == {
        Queue.EXTRACT: 2,
        Queue.EXTRACT_BULK: 1,
        Queue.ORGANIZE: 0,
        Queue.KV_BUILD: 1,
    }
    publisher.close()


@pytest.mark.servers
def test_a_socket_serves_mailboxes_and_hints_in_databases_of_their_own(tmp_path: Path) -> None:
    node = Node(tmp_path / "node", {"unixsocket": str(tmp_path / "redis.sock"), "requirepass": PASSWORD})
    node.start()
    settings = Settings(redis_url=f"unix://:{PASSWORD}@{tmp_path}/redis.sock")
    publisher = Publisher(cpu_app(settings), gpu_app(settings))
    try:
        publisher.publish(lane(TenantId("t")))
        assert publisher.count_queued(Queue.EXTRACT) == 1
        assert connect(sibling_url(settings, 1)).llen("memos.extract") == 1
        assert connect(str(settings.redis_url)).dbsize() == 0
    finally:
        publisher.close()
        node.kill()


SCHEMES = pytest.mark.parametrize("scheme", ["redis", "amqp"])


@SCHEMES
def test_a_broker_that_is_away_is_named_without_its_password(scheme: str) -> None:
    with pytest.raises(Unavailable, match="broker is unavailable") as caught:
        publisher_at(f"{scheme}://u:secret@127.0.0.1:{free_port()}/0").publish(lane(TenantId("t")))
    assert "secret" not in str(caught.value)


@SCHEMES
def test_a_silent_broker_is_given_up(scheme: str, silent_port: int) -> None:
    publisher = publisher_at(f"{scheme}://127.0.0.1:{silent_port}/0")
    for call in (lambda: publisher.publish(lane(TenantId("t"))), lambda: publisher.count_queued(Queue.EXTRACT)):
        started = time.monotonic()
        with pytest.raises(Unavailable, match="broker is unavailable"):
            call()
        assert time.monotonic() - started < 8, "a publisher must not wait for a silent broker"
