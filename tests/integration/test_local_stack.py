"""``memos up`` as a user has it: in the background, in the foreground, killed, started twice."""

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from neo4j import Driver, GraphDatabase
from pymilvus import MilvusClient
from redis import Redis

from memos.local.resp import ask_redis
from memos.settings import Settings, StackFile, find_stack, is_locked, load_settings

pytestmark = [pytest.mark.servers, pytest.mark.slow]

EVERYTHING = {"arcadedb", "milvus", "valkey", "broker", "dispatcher", "cpu-worker", "gpu-worker", "flower"}


def memos(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    argv = [sys.executable, "-m", "memos.cli.main", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def running(data_dir: Path) -> StackFile:
    """The stack that must be running there."""
    stack = find_stack(data_dir)
    assert stack is not None
    return stack


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory on which a background stack runs."""
    path = tmp_path_factory.mktemp("stack") / "data"
    started = memos("up", "-d", "--data-dir", str(path))
    assert started.returncode == 0, started.stderr
    yield path
    assert memos("down", "--data-dir", str(path)).returncode == 0


@pytest.fixture
def start_foreground(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts ``memos up`` in the foreground on ``tmp_path / "data"``, and returns when it is ready."""
    started: list[subprocess.Popen[str]] = []

    def start(**environment: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "memos.cli.main", "up", "--json", "--data-dir", str(tmp_path / "data")]
        with (tmp_path / "stderr").open("w") as errors:
            process = subprocess.Popen(
                argv, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "{\n", (tmp_path / "stderr").read_text()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_everything_runs_and_status_says_where(data_dir: Path) -> None:
    shown = memos("status", "--json", "--data-dir", str(data_dir))
    answer = json.loads(shown.stdout)
    children = {child["name"]: child for child in answer["stack"]["children"]}
    assert (shown.returncode, answer["healthy"], set(children)) == (0, True, EVERYTHING)
    assert children["arcadedb"]["url"].startswith("bolt://127.0.0.1:")
    assert all(is_alive(child["pid"]) for child in children.values())


def test_settings_find_the_running_stack_by_the_directory_alone(data_dir: Path) -> None:
    found = load_settings(data_dir=data_dir)
    assert found.redis_url is not None
    assert ask_redis(found.redis_url, timeout_s=2)["maxmemory_policy"] == "noeviction"
    assert found.redis_url != found.broker_url
    assert found.gpu_broker_url is None, "both applications share one broker"


def test_the_doctor_finds_nothing_wrong(data_dir: Path) -> None:
    examined = memos("doctor", "--json", "--data-dir", str(data_dir))
    answer = json.loads(examined.stdout)
    assert [check for check in answer["checks"] if not check["ok"]] == []
    assert examined.returncode == 0
    assert {"redis", "broker", "neo4j", "milvus", "flower"} <= {check["name"] for check in answer["checks"]}


def test_a_second_up_says_which_process_runs_already(data_dir: Path) -> None:
    again = memos("up", "--data-dir", str(data_dir))
    assert again.returncode == 2
    assert f"process {running(data_dir)['pid']} is running servers there" in again.stderr
    assert len(again.stderr.splitlines()) == 1


def test_flower_wants_its_password_and_changes_nothing(data_dir: Path) -> None:
    found = load_settings(data_dir=data_dir)
    login = f"{found.flower_user}:{found.flower_password.get_secret_value()}"
    token = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    assert request(found, "GET", "/healthcheck", {}) == 200
    assert request(found, "GET", "/workers", {}) == 401
    assert request(found, "GET", "/workers", token) == 200
    assert request(found, "POST", "/api/worker/shutdown/cpu-worker@local", token) in (403, 405)


def request(settings: Settings, method: str, path: str, headers: dict[str, str]) -> int:
    """The status that Flower answers with."""
    address = urlsplit(settings.flower_url or "")
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.request(method, path, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("name", ["valkey", "dispatcher"])
def test_a_child_that_is_killed_comes_back_and_it_is_said(
    data_dir: Path, eventually: Callable[..., None], name: str
) -> None:
    before = running(data_dir)["children"][name]
    os.kill(before, signal.SIGKILL)
    log = data_dir / "logs" / "stack.log"
    eventually(lambda: f"{name} is up again" in log.read_text(), within_s=30)
    assert f"{name} ended with code -9; starting it again" in log.read_text()
    assert running(data_dir)["children"][name] != before


def test_no_secret_is_in_any_log(data_dir: Path) -> None:
    access = json.loads((data_dir / "access.json").read_text())
    secrets = [value for name, value in access.items() if name.endswith("password")]
    logs = "".join(log.read_text(errors="replace") for log in (data_dir / "logs").iterdir())
    assert [secret for secret in secrets if secret in logs] == []


def test_ctrl_c_ends_everything_in_order(
    start_foreground: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    supervisor = start_foreground()
    assert_ends_in_order(supervisor, signal.SIGINT, tmp_path)


def test_servers_that_are_named_are_used_not_started_and_a_closed_terminal_ends_the_rest(
    start_foreground: Callable[..., subprocess.Popen[str]], settings: Settings, tmp_path: Path
) -> None:
    names = ("redis_url", "broker_url", "neo4j_url", "neo4j_user", "neo4j_database", "milvus_url")
    named = {f"MEMOS_{name.upper()}": str(getattr(settings, name)) for name in names}
    supervisor = start_foreground(**named, MEMOS_NEO4J_PASSWORD=settings.neo4j_password.get_secret_value())
    assert set(running(tmp_path / "data")["children"]) == EVERYTHING - {"valkey", "broker", "arcadedb", "milvus"}
    found = load_settings(data_dir=tmp_path / "data")
    assert (found.redis_url, found.neo4j_password) == (settings.redis_url, settings.neo4j_password)
    assert_ends_in_order(supervisor, signal.SIGHUP, tmp_path)


def assert_ends_in_order(supervisor: subprocess.Popen[str], number: signal.Signals, tmp_path: Path) -> None:
    """The signal ends the supervisor with 0, and every child, without force."""
    children = running(tmp_path / "data")["children"].values()
    supervisor.send_signal(number)
    assert supervisor.wait(timeout=100) == 0
    assert not is_locked(tmp_path / "data")
    assert [pid for pid in children if is_alive(pid)] == []
    assert "killed" not in (tmp_path / "stderr").read_text()


def test_a_killed_supervisor_leaves_no_orphan_and_its_data_is_there_after_the_next_start(data_dir: Path) -> None:
    write_everywhere(load_settings(data_dir=data_dir))
    supervisor = psutil.Process(running(data_dir)["pid"])
    group = [supervisor, *supervisor.children(recursive=True)]
    supervisor.kill()
    assert memos("up", "-d", "--data-dir", str(data_dir)).returncode == 0
    assert [process for process in group if process.is_running() and is_alive(process.pid)] == []
    assert read_everywhere(load_settings(data_dir=data_dir)) == ("kept", "kept", ["kept"])


def write_everywhere(settings: Settings) -> None:
    """Put one value into each server."""
    with graph_of(settings) as graph:
        graph.execute_query("CREATE (:Probe {value: 'kept'})", database_=settings.neo4j_database)
    Redis.from_url(settings.redis_url or "").set("probe", "kept")
    with closing(MilvusClient(settings.milvus_url or "", dedicated=True)) as index:
        index.create_collection("probe", dimension=4)
        index.insert("probe", [{"id": 1, "vector": [1.0, 0.0, 0.0, 0.0], "value": "kept"}])


def read_everywhere(settings: Settings) -> tuple[str, str, list[str]]:
    """The values that ``write_everywhere`` put there, as Redis, the graph and the index have them."""
    with graph_of(settings) as graph:
        found = graph.execute_query("MATCH (n:Probe) RETURN n.value AS value", database_=settings.neo4j_database)
    kept = Redis.from_url(settings.redis_url or "", decode_responses=True).get("probe")
    with closing(MilvusClient(settings.milvus_url or "", dedicated=True)) as index:
        rows = index.query("probe", filter="id == 1", output_fields=["value"])
    return str(kept), found.records[0]["value"], [row["value"] for row in rows]


def graph_of(settings: Settings) -> Driver:
    """The official driver on the stack's graph."""
    login = (settings.neo4j_user, settings.neo4j_password.get_secret_value())
    return GraphDatabase.driver(settings.neo4j_url or "", auth=login)


def test_a_start_that_fails_names_the_server_shows_its_log_and_leaves_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    (data_dir / "valkey" / "appendonlydir").mkdir(parents=True)
    (data_dir / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("garbage\n")
    failed = memos("up", "-d", "--data-dir", str(data_dir))
    assert failed.returncode == 1
    assert "valkey is unavailable" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not is_locked(data_dir)


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    nothing = memos("down", "--data-dir", str(tmp_path / "data"))
    assert nothing.returncode == 0
    assert "nothing is running" in nothing.stderr


def test_the_doctor_without_a_stack_names_each_missing_server_and_the_command(tmp_path: Path) -> None:
    examined = memos("doctor", "--json", "--data-dir", str(tmp_path / "data"))
    failed: dict[str, Any] = {
        check["name"]: check for check in json.loads(examined.stdout)["checks"] if not check["ok"]
    }
    assert examined.returncode == 1
    assert set(failed) == {"redis", "broker", "gpu broker", "neo4j", "milvus"}
    assert all("memos up -d" in check["advice"] for check in failed.values())


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can mount a small disk")
def test_a_full_disk_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=False).returncode != 0:
        pytest.skip("mounting is not permitted here")
    try:
        full = memos("up", "--data-dir", str(small / "data"))
    finally:
        subprocess.run(["umount", small], check=True)
    assert full.returncode == 2
    assert "MiB are free" in full.stderr
    assert len(full.stderr.splitlines()) == 1
