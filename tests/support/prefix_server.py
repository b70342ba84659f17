"""A real HTTP server that speaks OpenAI's chat protocol and keeps prompts the way vLLM does: in blocks, by prefix.

A character is a token, and a message's role adds those of ``<role>``. It computes nothing and answers "x".
"""

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from typing import Any

BLOCK_TOKENS = 16


class CachingServer:
    """Remembers what it was asked. ``status`` other than 200 is its answer; ``tells`` is vLLM's flag for details."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[Message] = []
        self.status = 200
        self.tells = True
        self.delay_s = 0.0
        self._held: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append(request)
                server.headers.append(self.headers)
                time.sleep(server.delay_s)
                body = json.dumps(server.answer(request)).encode()
                self.send_response(server.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def forget(self) -> None:
        """As after a restart."""
        self._held.clear()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The body of an answer; the prompt is then held."""
        if self.status != 200:
            return {"error": {"message": "no", "type": "error", "param": None, "code": None}}
        prompt = "".join(f"<{message['role']}>{message['content']}" for message in request["messages"])
        prompt += "<assistant>" if request.get("add_generation_prompt", True) else ""
        cached = max((_shared_blocks(prompt, held) for held in self._held), default=0)
        self._held.append(prompt)
        return _completion(len(prompt), cached if self.tells else None)

    def stop(self) -> None:
        """End the server's thread."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@contextmanager
def caching_server() -> Generator[CachingServer]:
    """A server for the length of a test."""
    server = CachingServer()
    try:
        yield server
    finally:
        server.stop()


def _shared_blocks(left: str, right: str) -> int:
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
    return common // BLOCK_TOKENS * BLOCK_TOKENS


def _completion(prompt_tokens: int, cached: int | None) -> dict[str, Any]:
    details = None if cached is None else {"cached_tokens": cached}
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": 1,
        "total_tokens": prompt_tokens + 1,
        "prompt_tokens_details": details,
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "length"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
