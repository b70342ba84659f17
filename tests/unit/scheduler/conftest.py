"""The job path on a real Valkey, in a database where nothing else dispatches or works."""

from collections.abc import Iterator

import pytest
from redis import Redis

from memos.settings import Settings
from scheduler import MemScheduler
from scheduler.broker import sibling_url
from scheduler.connection import connect
from scheduler.mailbox import Mailbox

DATABASE = 7


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    client = connect(sibling_url(settings, DATABASE))
    yield client
    client.close()


@pytest.fixture
def mailbox(redis: Redis) -> Mailbox:
    return Mailbox(redis)


@pytest.fixture
def scheduler(redis: Redis) -> MemScheduler:
    return MemScheduler(redis)
