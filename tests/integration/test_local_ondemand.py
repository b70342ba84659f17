"""Servers that a library user never configured: started, shared, and gone with the process."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from memos.errors import Unavailable
from memos.local.ondemand import ensure_servers
from memos.local.probes import probe_redis
from memos.settings import Settings, find_stack, is_locked

pytestmark = pytest.mark.servers

_USER = """
import logging, os, sys
from pathlib import Path
from memos.local.ondemand import ensure_servers
from memos.settings import Settings
logging.basicConfig(level="INFO")
settings = ensure_servers(Settings(data_dir=Path(sys.argv[1])), need=frozenset(sys.argv[2].split(",")))
print(settings.redis_url, flush=True)
{then}
sys.stdin.readline()
"""


@pytest.fixture
def start_user(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    users: list[subprocess.Popen[str]] = []

    def start(need: str = "redis", *, then: str = "") -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", _USER.format(then=then), str(tmp_path / "data"), need]
        user = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(tmp_path / "stderr").open("a"), text=True
        )
        users.append(user)
        return user

    yield start
    for user in users:
        user.kill()
        user.communicate()


def _read_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


def _finish(user: subprocess.Popen[str]) -> int:
    user.communicate("\n", timeout=20)
    return user.returncode


def test_a_server_lives_as_long_as_the_process_and_one_log_line_says_so(
    tmp_path: Path, start_user: Callable[..., subprocess.Popen[str]]
) -> None:
    user = start_user()
    assert _read_line(user.stdout).startswith("redis://:")
    stack = find_stack(tmp_path / "data")
    assert stack is not None
    assert (stack["pid"], stack["command"]) == (user.pid, "on demand")
    assert _finish(user) == 0
    assert not is_locked(tmp_path / "data")
    assert not psutil.pid_exists(stack["children"]["valkey"])
    assert (tmp_path / "stderr").read_text().count("started valkey on demand") == 1


def test_a_killed_process_leaves_no_server_behind(
    tmp_path: Path, start_user: Callable[..., subprocess.Popen[str]], eventually: Callable[..., None]
) -> None:
    user = start_user()
    _read_line(user.stdout)
    stack = find_stack(tmp_path / "data")
    assert stack is not None
    user.send_signal(signal.SIGKILL)
    user.wait()
    assert find_stack(tmp_path / "data") is None
    eventually(lambda: not is_locked(tmp_path / "data"), within_s=15)
    assert not psutil.pid_exists(stack["children"]["valkey"])


def test_two_processes_that_start_at_once_share_one_server(start_user: Callable[..., subprocess.Popen[str]]) -> None:
    users = [start_user() for _ in range(2)]
    urls = {_read_line(user.stdout) for user in users}
    assert len(urls) == 1
    assert urls != {""}


def test_a_process_that_needs_what_the_other_does_not_run_is_told_what_to_do(
    tmp_path: Path, start_user: Callable[..., subprocess.Popen[str]]
) -> None:
    user = start_user()
    _read_line(user.stdout)
    with pytest.raises(Unavailable, match=rf"index.*process {user.pid}.*memos up -d"):
        ensure_servers(Settings(data_dir=tmp_path / "data"), need=frozenset({"redis", "index"}))


def test_a_fork_that_ends_does_not_stop_the_servers_of_its_parent(
    start_user: Callable[..., subprocess.Popen[str]],
) -> None:
    user = start_user(then="pid = os.fork()\nif pid == 0: sys.exit()\nos.waitpid(pid, 0)\nprint('forked', flush=True)")
    url = _read_line(user.stdout)
    assert _read_line(user.stdout) == "forked"
    password, _, address = url.removeprefix("redis://:").partition("@")
    probe_redis(int(address.partition(":")[2].partition("/")[0]), password)


def test_data_and_passwords_outlive_the_process(
    tmp_path: Path, start_user: Callable[..., subprocess.Popen[str]]
) -> None:
    first = start_user()
    first_url = _read_line(first.stdout)
    assert _finish(first) == 0
    second_url = _read_line(start_user().stdout)
    assert first_url.partition("@")[0] == second_url.partition("@")[0]


def test_a_server_needed_later_joins_those_that_run(settings: Settings, tmp_path: Path) -> None:
    one = ensure_servers(Settings(data_dir=tmp_path), need=frozenset({"redis"}))
    both = ensure_servers(Settings(data_dir=tmp_path), need=frozenset({"redis", "index"}))
    assert one.milvus_url is None
    assert (one.redis_url, both.milvus_url is None) == (both.redis_url, False)


def test_servers_that_are_named_are_left_alone(tmp_path: Path) -> None:
    named = Settings(data_dir=tmp_path / "unused", redis_url="redis://example.invalid/0")
    assert ensure_servers(named, need=frozenset({"redis"})) is named
    assert not (tmp_path / "unused").exists()


def test_whatever_holds_a_password_is_private_and_no_argument_list_shows_one(settings: Settings) -> None:
    for name in ("access.json", "stack.json", "valkey/valkey.conf"):
        assert stat.S_IMODE((settings.data_dir / name).stat().st_mode) == 0o600
    access = json.loads((settings.data_dir / "access.json").read_text())
    stack = find_stack(settings.data_dir)
    assert stack is not None
    shown = " ".join(" ".join(psutil.Process(pid).cmdline()) for pid in stack["children"].values())
    assert access["redis_password"] not in shown
    assert access["graph_password"] not in shown


def test_servers_listen_on_the_loopback_interface_alone(settings: Settings) -> None:
    stack = find_stack(settings.data_dir)
    assert stack is not None
    addresses = {
        connection.laddr.ip
        for pid in stack["children"].values()
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert os.getpid() == stack["pid"]
