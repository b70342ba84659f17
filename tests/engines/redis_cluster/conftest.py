"""A Redis Cluster of three masters, and the fixtures of tests/unit/scheduler on it instead of on one server."""

from collections.abc import Iterator

import pytest
from redis import Redis

from scheduler import MemScheduler
from scheduler.connection import connect
from scheduler.mailbox import Mailbox
from scheduler.wakes import Wakes
from tests.support.valkeys import OwnCluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    nodes = OwnCluster(tmp_path_factory.mktemp("cluster"))
    try:
        nodes.start()
        yield nodes
    finally:
        nodes.stop()


@pytest.fixture
def redis(cluster: OwnCluster) -> Iterator[Redis]:
    client = connect(cluster.url)
    Wakes(client).set_overload(0)  # an earlier test's level would hold for half a minute
    yield client
    client.close()


@pytest.fixture
def mailbox(redis: Redis) -> Mailbox:
    return Mailbox(redis)


@pytest.fixture
def scheduler(redis: Redis) -> MemScheduler:
    return MemScheduler(redis)
