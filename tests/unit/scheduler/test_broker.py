import socket
from collections.abc import Iterator

import pytest

from memos.errors import InvalidConfig, Unavailable
from memos.ids import TenantId
from memos.settings import Settings
from memos.types import JobKind
from scheduler.broker import Publisher, cpu_app, gpu_app, sibling_url
from tests.support.job_path import free_port, lane


def publisher_at(url: str) -> Publisher:
    settings = Settings(broker_url=url, gpu_broker_url=url)
    return Publisher(cpu_app(settings), gpu_app(settings))


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_brokers_are_neighbours_of_the_data_plane_unless_named() -> None:
    settings = Settings(redis_url="redis://:p%40ss@h:1/0")
    assert [app.conf.broker_url for app in (cpu_app(settings), gpu_app(settings))] == [
        "redis://:p%40ss@h:1/1",
        "redis://:p%40ss@h:1/2",
    ]
    assert cpu_app(Settings(broker_url="amqp://x")).conf.broker_url == "amqp://x"


def test_without_any_server_it_says_what_to_do() -> None:
    with pytest.raises(InvalidConfig, match="memos up"):
        cpu_app(Settings())


def test_a_hint_is_never_delivered_again_while_a_task_may_still_run() -> None:
    conf = cpu_app(Settings(broker_url="redis://h")).conf
    assert conf.broker_transport_options["visibility_timeout"] > conf.task_time_limit


@pytest.mark.servers
def test_hints_are_counted_for_each_kind(settings: Settings) -> None:
    url = sibling_url(settings, 4)
    publisher = publisher_at(url)
    tenant = TenantId("t")
    for session in ("s", "s", "~kv"):
        publisher.publish(lane(tenant, session))
    counts = [publisher.count_queued(kind) for kind in (JobKind.EXTRACT, JobKind.ORGANIZE, JobKind.KV_BUILD)]
    assert counts == [2, 0, 1]
    publisher.close()


def test_a_broker_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(Unavailable, match="broker is unavailable") as caught:
        publisher_at(f"redis://:secret@127.0.0.1:{free_port()}/0").publish(lane(TenantId("t")))
    assert "secret" not in str(caught.value)


def test_a_silent_broker_is_given_up(silent_port: int) -> None:
    with pytest.raises(Unavailable, match="broker is unavailable"):
        publisher_at(f"redis://127.0.0.1:{silent_port}/0").count_queued(JobKind.EXTRACT)
