"""A real HTTP server that speaks OpenAI's protocol and says what a test has told it to."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer. ``lines`` are sent as a stream; ``is_cut`` drops the connection where its end would be."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[str] = ()
    is_cut: bool = False
    hangs: bool = False


def answer(text: str | None, *, finish_reason: str = "stop") -> Reply:
    """A whole chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return Reply(body=json.dumps(body))


def stream(*pieces: str, finish_reason: str | None = "stop", is_cut: bool = False) -> Reply:
    """A streamed chat completion; without ``finish_reason`` it stops early but politely."""
    chunks = [_chunk({"content": piece}, None) for piece in pieces]
    if finish_reason:
        chunks += [_chunk({}, finish_reason), "[DONE]"]
    return Reply(lines=[f"data: {chunk}\n\n" for chunk in chunks], is_cut=is_cut)


def vectors(*rows: Sequence[float], order: Sequence[int] | None = None) -> Reply:
    """An embedding response, its rows in the given order."""
    positions = order if order is not None else range(len(rows))
    items = [{"object": "embedding", "index": position, "embedding": rows[position]} for position in positions]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return Reply(body=json.dumps({"object": "list", "data": items, "model": "m", "usage": usage}))


def failure(status: int, message: str = "no", *, param: str | None = None, **headers: str) -> Reply:
    """An error in OpenAI's form."""
    error = {"message": message, "type": "error", "param": param, "code": None}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body=json.dumps({"error": error}), headers=named)


class OpenAIServer:
    """Gives its replies in turn, the last one again and again, and remembers what it was asked."""

    def __init__(self) -> None:
        self.replies: list[Reply] = [answer("ok")]
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                server.requests.append(json.loads(self.rfile.read(size)))
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
        return f"http://127.0.0.1:{self._http.server_port}/v1"

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
def serving() -> Iterator[OpenAIServer]:
    """A server for the length of a test."""
    server = OpenAIServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _send(handler: BaseHTTPRequestHandler, server: OpenAIServer) -> None:
    reply = server.next_reply()
    if reply.hangs:
        server.released.wait(30)
        handler.close_connection = True
        return
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    if reply.lines:
        _send_stream(handler, reply)
        return
    body = reply.body.encode()
    if "Content-Type" not in reply.headers:
        handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _send_stream(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    handler.send_header("Content-Type", "text/event-stream")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for line in reply.lines:
        data = line.encode()
        handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        handler.wfile.flush()
    if not reply.is_cut:
        handler.wfile.write(b"0\r\n\r\n")
    handler.close_connection = True


def _chunk(delta: Mapping[str, str], finish_reason: str | None) -> str:
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish_reason}
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})
