"""The proxy takes a server away as told, and gives it back."""

import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from workers.chaos.proxy import Proxy


class Echo:
    """A server that answers each message with itself."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    try:
        while received := connection.recv(1024):
            connection.sendall(received)
    except OSError:
        pass
    finally:
        connection.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    echo = Echo()
    made = Proxy(echo.port)
    yield made
    made.close()
    echo.close()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def ask(connection: socket.socket, text: bytes) -> bytes:
    connection.sendall(text)
    return connection.recv(1024)


def is_cut(connection: socket.socket) -> bool:
    try:
        return ask(connection, b"there?") == b""
    except ConnectionError:
        return True


def is_away(proxy: Proxy) -> bool:
    try:
        with connect(proxy) as connection:
            return is_cut(connection)
    except ConnectionError:
        return True


def test_bytes_go_both_ways(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert [ask(connection, b"one"), ask(connection, b"two")] == [b"one", b"two"]


def test_a_server_that_is_away_cuts_old_and_new_connections(proxy: Proxy) -> None:
    with connect(proxy) as old:
        ask(old, b"hello")
        proxy.refuse()
        assert is_cut(old)
    assert is_away(proxy)


def test_a_server_that_is_back_answers_new_connections(proxy: Proxy) -> None:
    proxy.refuse()
    proxy.let_pass()
    with connect(proxy) as connection:
        assert ask(connection, b"hello") == b"hello"


def test_a_black_hole_accepts_and_says_nothing_and_delivers_in_the_end(proxy: Proxy) -> None:
    with connect(proxy) as old:
        ask(old, b"hello")
        proxy.hold()
        old.settimeout(0.3)
        with pytest.raises(TimeoutError):
            ask(old, b"late")
        with connect(proxy) as new:
            new.sendall(b"new")
            proxy.let_pass()
            old.settimeout(5)
            assert (old.recv(1024), new.recv(1024)) == (b"late", b"new")


def test_a_server_that_is_down_cuts_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = int(closing.getsockname()[1])
    proxy = Proxy(port)
    assert is_away(proxy)
    proxy.close()
