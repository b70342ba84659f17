"""A TCP proxy that can forget connections: they stay open and nothing travels through them ever again.

As a network does whose middle box lost its state: neither end is told. New connections work.
"""

import contextlib
import socket
from threading import Event, Thread


class ForgetfulProxy:
    """Listens on a port of its own for one server on this machine."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._forgotten = Event()
        self._sockets: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        """From now on nothing comes through the connections that there are."""
        self._forgotten.set()
        self._forgotten = Event()

    def close(self) -> None:
        """Stop listening and close everything."""
        self._listener.close()
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port))
                self._sockets += [client, server]
                forgotten = self._forgotten
                for source, sink in ((client, server), (server, client)):
                    Thread(target=_pump, args=(source, sink, forgotten), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, forgotten: Event) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            if not forgotten.is_set():
                sink.sendall(chunk)
        if not forgotten.is_set():
            sink.shutdown(socket.SHUT_WR)
