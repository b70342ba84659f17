import ssl

import pytest
from redis import exceptions as redis_errors

from memos.errors import InvalidConfig, Unavailable
from scheduler.connection import connect, explain, redis_guard, replicas_of


@pytest.mark.parametrize(
    "url",
    [
        "redis://h/0",
        "rediss://h/0?ssl_ca_certs=/ca.pem",
        "unix:///run/redis.sock",
        "sentinel://h1,h2/main/0",
        "rediss+sentinel://h1/main/0?ssl_ca_certs=/ca.pem",
        "redis+cluster://h1,h2",
    ],
)
def test_a_client_connects_on_first_use(url: str) -> None:
    connect(url).close()


def test_a_url_says_how_many_replicas_must_hold_a_job() -> None:
    urls = ["redis://h/0", "redis://h/0?replicas=1", "sentinel://h/main/0?replicas=2", "redis+cluster://h?replicas=1"]
    assert [replicas_of(connect(url)) for url in urls] == [0, 1, 2, 1]


def test_options_reach_the_connection_as_what_redis_py_wants() -> None:
    options = connect("redis://h/2?socket_timeout=1.5&client_name=memos").connection_pool.connection_kwargs
    assert (options["socket_timeout"], options["client_name"], options["db"]) == (1.5, "memos", 2)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("redis://h/0?socket_timeuot=1", "socket_timeuot"),
        ("redis://h/0?socket_timeout=soon", "redis_url cannot be used"),
        ("redis://h/0?replicas=some", "replicas must be a whole number"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(url: str, word: str) -> None:
    with pytest.raises(InvalidConfig, match=word):
        connect(url)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (redis_errors.AuthenticationError("WRONGPASS"), "check MEMOS_REDIS_URL"),
        (redis_errors.ConnectionError("Error 1: CERTIFICATE_VERIFY_FAILED"), "ssl_ca_certs"),
        (redis_errors.BusyLoadingError("LOADING"), "try again"),
        (redis_errors.TimeoutError("Timeout reading"), "memos up"),
        (redis_errors.OutOfMemoryError("OOM"), "raise maxmemory"),
        (redis_errors.ResponseError("NOREPLICAS Not enough good replicas"), "min-replicas-to-write"),
        (redis_errors.ClusterDownError("The cluster is down"), "try again"),
        (redis_errors.ResponseError("ERR what"), "look at its log"),
    ],
)
def test_each_failure_says_what_to_do(error: Exception, advice: str) -> None:
    assert advice in explain(error)


@pytest.mark.parametrize("error", [redis_errors.ConnectionError("x"), redis_errors.RedisClusterException("x")])
def test_every_failure_of_redis_py_becomes_ours(error: Exception) -> None:
    with pytest.raises(Unavailable, match="redis is unavailable"), redis_guard():
        raise error


def test_a_failure_of_something_else_passes() -> None:
    with pytest.raises(ssl.SSLError), redis_guard():
        raise ssl.SSLError("not redis's")
