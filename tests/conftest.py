"""Fixtures shared by all tests: real servers on free ports in a temporary directory, one set a session.

The servers end with the session, also when pytest is killed (memos.local.watchdog).
"""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from xdist.remote import Producer

from memos.ids import TenantId, tenant_id
from memos.local.ondemand import ensure_servers, stop_servers
from memos.local.servers import ALL_SERVERS
from memos.settings import ENV_PREFIX, Settings
from tests.support.distribution import OneStack, sort_slowest_first


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    sort_slowest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneStack | None:
    return OneStack(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """The developer's own MEMOS_* variables must not reach a test, nor the processes that it starts."""
    for name in [name for name in os.environ if name.startswith(ENV_PREFIX)]:
        del os.environ[name]


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings that name a running Valkey, ArcadeDB and Milvus Lite; ``data_dir`` is theirs."""
    data_dir = tmp_path_factory.mktemp("servers")
    yield ensure_servers(Settings(data_dir=data_dir), need=ALL_SERVERS)
    stop_servers()


@pytest.fixture(scope="session")
def redis_url(settings: Settings) -> str:
    """The data plane's URL, with its password."""
    assert settings.redis_url is not None
    return settings.redis_url


@pytest.fixture(scope="session")
def neo4j_settings(settings: Settings) -> Settings:
    """Settings whose ``neo4j_*`` fields name a running graph."""
    return settings


@pytest.fixture
def tenant() -> TenantId:
    """A tenant that no other test has."""
    return tenant_id(f"t-{uuid.uuid4().hex}")


class Eventually(Protocol):
    """Calls ``condition`` until it holds; fails the test when it does not in time."""

    def __call__(self, condition: Callable[[], object], *, within_s: float = 10.0) -> None: ...


@pytest.fixture
def eventually() -> Eventually:
    """Wait for what happens in another thread or process."""

    def wait(condition: Callable[[], object], *, within_s: float = 10.0) -> None:
        pause, deadline = threading.Event(), time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {within_s:g} s", pytrace=True)
            pause.wait(0.02)

    return wait


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """Where converted models are; shared between sessions, since a conversion takes 20 s."""
    return Settings().model_cache.expanduser()
