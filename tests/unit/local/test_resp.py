import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from memos.errors import AccessDenied, InvalidConfig, Unavailable
from memos.local.resp import ask_redis


@contextmanager
def _server(reply: bytes | None) -> Generator[str]:
    """One connection that is answered with ``reply``, or never."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                if reply is not None:
                    connection.sendall(reply)
                else:
                    done.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        done.set()
        thread.join()


def test_the_fields_of_info_are_returned() -> None:
    info = b"# Server\r\nredis_version:7.2\r\nmaxmemory_policy:noeviction\r\n"
    with _server(b"+OK\r\n+PONG\r\n$%d\r\n%s\r\n" % (len(info), info)) as address:
        fields = ask_redis(f"redis://:secret@{address}/0", timeout_s=2)
    assert fields == {"redis_version": "7.2", "maxmemory_policy": "noeviction"}


def test_a_server_that_forbids_info_still_counts_as_working() -> None:
    with _server(b"+PONG\r\n-NOPERM no\r\n") as address:
        assert ask_redis(f"redis://{address}", timeout_s=2) == {}


@pytest.mark.parametrize("reply", [b"-WRONGPASS invalid\r\n", b"-ERR AUTH called without any password\r\n"])
def test_a_refused_password_is_told_apart_from_an_absent_server(reply: bytes) -> None:
    with _server(reply) as address, pytest.raises(AccessDenied):
        ask_redis(f"redis://:wrong@{address}", timeout_s=2)


def test_a_missing_password_is_told_as_well() -> None:
    with _server(b"-NOAUTH Authentication required.\r\n") as address, pytest.raises(AccessDenied):
        ask_redis(f"redis://{address}", timeout_s=2)


def test_a_server_that_loads_its_data_is_not_ready() -> None:
    with _server(b"-LOADING dataset\r\n") as address, pytest.raises(Unavailable, match="LOADING"):
        ask_redis(f"redis://{address}", timeout_s=2)


def test_silence_ends_at_the_timeout() -> None:
    with _server(None) as address, pytest.raises(Unavailable, match="timed out"):
        ask_redis(f"redis://{address}", timeout_s=0.2)


def test_nobody_listening_is_unavailable_and_names_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
        ask_redis(f"redis://127.0.0.1:{port}", timeout_s=1)


def test_no_error_shows_the_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unavailable) as caught:
        ask_redis(f"redis://:geheim@127.0.0.1:{port}", timeout_s=1)
    assert "geheim" not in str(caught.value)


def test_another_kind_of_url_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="amqp"):
        ask_redis("amqp://localhost", timeout_s=1)
