"""A TCP proxy that can take a server away, exactly when and how a test of the network wants it.

passing      bytes go both ways
refusing     connections are reset, old ones and new ones: the server is away
holding      connections are accepted, nothing is forwarded: a black hole; what was held arrives when it ends,
             as a network's retransmissions would
"""

import contextlib
import socket
import struct
from threading import Event, Lock, Thread
from typing import Final

from memos.local.ports import LOOPBACK

_CHUNK_BYTES: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)
_CONNECT_S: Final = 5.0


class Proxy:
    """Listens on a port of its own for one server on this machine. Starts in passing mode."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._flowing = Event()
        self._flowing.set()
        self._refusing = False
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True).start()

    def let_pass(self) -> None:
        """Heal."""
        self._refusing = False
        self._flowing.set()

    def refuse(self) -> None:
        """Reset what is connected and whoever connects."""
        self._refusing = True
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _reset(connection)

    def hold(self) -> None:
        """Accept, and forward nothing."""
        self._flowing.clear()

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self._listener.close()
        self.refuse()
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                _reset(client)
            else:
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._keep(client)
        self._flowing.wait()
        try:
            server = socket.create_connection((LOOPBACK, self._target_port), timeout=_CONNECT_S)
        except OSError:
            self._drop(client)
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._keep(server)
        Thread(target=self._pump, args=(server, client), daemon=True).start()
        self._pump(client, server)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                self._flowing.wait()
                sink.sendall(chunk)
        self._drop(source)
        self._drop(sink)

    def _keep(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        if self._refusing:
            _reset(connection)

    def _drop(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def _reset(connection: socket.socket) -> None:
    """Close with RST, as a host does that knows nothing of the connection; the thread that reads it drops it."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
