"""A real HTTP server that answers with what a test has told it to, whatever it is asked, and remembers the asking."""

import json
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Server = TypeVar("Server", bound="ScriptedServer")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer. ``lines`` are sent as a stream; ``is_cut`` drops the connection where its end would be.

    ``hangs`` is silence: before the status, or after the lines where there are some. Until ``waits_for`` is set, a body
    is held back, or each line but the first.
    """

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[str] = ()
    is_cut: bool = False
    hangs: bool = False
    waits_for: threading.Event | None = None


class ScriptedServer:
    """Gives its replies in turn, the last one again and again."""

    prefix = ""
    """What a client's base URL ends in."""
    stream_type = "text/event-stream"

    def __init__(self) -> None:
        self.replies: list[Reply] = [Reply()]
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        self.released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                server.connections += 1

            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                self._answer(json.loads(self.rfile.read(size)))

            def _answer(self, request: dict[str, Any]) -> None:
                server.requests.append(request)
                server.paths.append(self.path)
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
                server.keys.append(self.headers.get("Authorization", ""))
                _send(self, server)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self._http.server_port}{self.prefix}"

    def next_reply(self) -> Reply:
        """The reply whose turn it is."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def start(self) -> None:
        """Begin to serve, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Release what hangs and stop."""
        self.released.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@contextmanager
def running(server: Server) -> Generator[Server]:
    """The server for the length of a test."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _send(handler: BaseHTTPRequestHandler, server: ScriptedServer) -> None:
    reply = server.next_reply()
    if reply.hangs and not reply.lines:
        server.released.wait(30)
        handler.close_connection = True
        return
    if reply.waits_for is not None and not reply.lines:
        reply.waits_for.wait(30)
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    if reply.lines:
        _send_stream(handler, server, reply)
        return
    body = reply.body.encode()
    if "Content-Type" not in reply.headers:
        handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body) + reply.is_cut))
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = handler.close_connection or reply.is_cut


def _send_stream(handler: BaseHTTPRequestHandler, server: ScriptedServer, reply: Reply) -> None:
    handler.send_header("Content-Type", server.stream_type)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for number, line in enumerate(reply.lines):
        if number and reply.waits_for is not None:
            reply.waits_for.wait(30)
        data = line.encode()
        handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        handler.wfile.flush()
    if reply.hangs:
        server.released.wait(30)
    # A client that has heard the end leaves the connection open for its next question; one cut short cannot.
    if reply.is_cut or reply.hangs:
        handler.close_connection = True
        return
    handler.wfile.write(b"0\r\n\r\n")
