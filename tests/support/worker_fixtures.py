"""What the tests of real workers share: databases of their own, their processes, and a client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos.settings import Settings, load_settings
from scheduler import MemScheduler
from scheduler.broker import sibling_url
from scheduler.connection import connect
from tests.support.worker_processes import WorkerProcesses


@pytest.fixture
def path_settings(settings: Settings, tmp_path: Path) -> Settings:
    """A data plane and a broker in which nothing is left of an earlier test."""
    found = load_settings(data_dir=tmp_path, redis_url=sibling_url(settings, 13), broker_url=sibling_url(settings, 14))
    for url in (found.redis_url, found.broker_url):
        redis = connect(str(url))
        redis.flushdb()
        redis.close()
    return found


@pytest.fixture
def processes(path_settings: Settings) -> Iterator[WorkerProcesses]:
    """Dispatchers and workers that end with the test."""
    started = WorkerProcesses(path_settings)
    try:
        yield started
    finally:
        started.stop_all()


@pytest.fixture
def scheduler(path_settings: Settings) -> Iterator[MemScheduler]:
    """The client's side."""
    made = MemScheduler.from_url(str(path_settings.redis_url))
    yield made
    made.close()
