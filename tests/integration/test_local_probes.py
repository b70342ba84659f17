"""The probes against real servers: right password, wrong password, nobody there, somebody silent."""

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from memos.errors import AccessDenied, Unavailable
from memos.local.ports import LOOPBACK
from memos.local.probes import probe_bolt, probe_http, probe_milvus, probe_redis
from memos.settings import Settings

pytestmark = pytest.mark.servers

PROBES: dict[str, Callable[[int], None]] = {
    "redis": lambda port: probe_redis(port, "secret"),
    "bolt": lambda port: probe_bolt(port, "root", "secret", "memos"),
    "milvus": probe_milvus,
    "http": lambda port: probe_http(f"http://{LOOPBACK}:{port}", "/healthcheck"),
}


def _port(url: str | None) -> int:
    port = urlsplit(url or "").port
    assert port is not None
    return port


def _password(url: str | None) -> str:
    password = urlsplit(url or "").password
    assert password is not None
    return password


def test_running_servers_pass(settings: Settings) -> None:
    probe_redis(_port(settings.redis_url), _password(settings.redis_url))
    password = settings.neo4j_password.get_secret_value()
    probe_bolt(_port(settings.neo4j_url), settings.neo4j_user, password, settings.neo4j_database)
    probe_milvus(_port(settings.milvus_url))


def test_a_wrong_password_is_denied_not_called_unavailable(settings: Settings) -> None:
    with pytest.raises(AccessDenied, match="redis"):
        probe_redis(_port(settings.redis_url), "wrong")
    with pytest.raises(AccessDenied, match="neo4j"):
        probe_bolt(_port(settings.neo4j_url), settings.neo4j_user, "wrong", settings.neo4j_database)


def test_an_unknown_database_is_unavailable(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="probe query failed"):
        probe_bolt(
            _port(settings.neo4j_url), settings.neo4j_user, settings.neo4j_password.get_secret_value(), "elsewhere"
        )


@pytest.mark.parametrize("name", PROBES)
def test_nobody_listening_is_unavailable_within_five_seconds(name: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as closed:
        port = int(closed.getsockname()[1])
    _assert_unavailable_in_time(PROBES[name], port)


@pytest.mark.parametrize("name", PROBES)
def test_a_server_that_never_answers_is_unavailable_within_five_seconds(name: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        _assert_unavailable_in_time(PROBES[name], int(silent.getsockname()[1]))


def _assert_unavailable_in_time(probe: Callable[[int], None], port: int) -> None:
    started_at = time.monotonic()
    with pytest.raises(Unavailable, match=str(port)):
        probe(port)
    assert time.monotonic() - started_at < 5
