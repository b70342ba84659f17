"""A provider of models that is slow, fails, or limits requests when it is told to: OpenAI's protocol over HTTP."""

import json
from collections.abc import Mapping
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Event, Thread
from typing import Any, Final, cast

from memos.local.ports import LOOPBACK
from workers.chaos.answers import build_completion, build_embeddings

SLOW_S: Final = 3.0
RETRY_AFTER_S: Final = 1


class Mood(StrEnum):
    """How chat completions are answered. Embeddings are always answered."""

    OK = "ok"
    SLOW = "slow"
    FAILING = "failing"
    STORM = "storm"


class Provider:
    """A server in a thread of this process, which takes ``thinking_s`` for an answer when it is well.

    ``mood`` may be set at any time, for the answers that begin after it.
    """

    def __init__(self, *, thinking_s: float) -> None:
        self.mood = Mood.OK
        self._thinking_s = thinking_s
        self.closing = Event()
        self._wordings = count(1)
        self._http = _Server(self)
        Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, name="provider", daemon=True).start()

    @property
    def url(self) -> str:
        """The base URL, up to and with /v1."""
        return f"http://{LOOPBACK}:{self._http.server_port}/v1"

    def answer(self, path: str, request: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        """Status and body."""
        if path.endswith("/embeddings"):
            return 200, build_embeddings(request)
        match self.mood:
            case Mood.FAILING:
                return 500, _error("the provider has a bad day")
            case Mood.STORM:
                return 429, _error("slow down")
            case Mood.SLOW:
                self.closing.wait(SLOW_S)
            case Mood.OK:
                self.closing.wait(self._thinking_s)
        return 200, build_completion(request, next(self._wordings))

    def close(self) -> None:
        """Stop; answers that were being delayed are given at once."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, provider: Provider) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.provider = provider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle of its question is what this is all about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = cast(_Server, self.server).provider.answer(self.path, request)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", str(RETRY_AFTER_S))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the workers tell of failures."""


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": None}}
