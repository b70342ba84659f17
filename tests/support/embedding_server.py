"""Servers that speak the embedding protocols of OpenAI, Azure and Ollama over real HTTP.

What they have in common is here: vectors made of a text's hash, a memory of every request, and faults on demand.
Written from the providers' public API references; tests/support/gemini_server.py and vertex_server.py build on it.
"""

import json
import math
import re
import threading
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

NATIVE_DIMS = 24


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came in. ``path`` is without the query; ``target`` is the request line's own, a full URL at a proxy."""

    target: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any
    at_s: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes out."""

    body: Any = None
    text: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The bytes on the wire."""
        return (json.dumps(self.body) if self.text is None else self.text).encode()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a request in place of an answer."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "no"
    hangs: bool = False
    garbage: str | None = None


class EmbeddingServer:
    """A provider. Subclasses know its protocol; ``faults`` are used up one a request.

    ``vectors`` replaces what the model says, for answers that do not fit the question.
    """

    key = "test-key"

    def __init__(self) -> None:
        self.native_dims = NATIVE_DIMS
        self.faults: list[Fault] = []
        self.vectors: list[list[float]] | None = None
        self.requests: list[Request] = []
        self._released = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.005})

    @property
    def address(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def url(self) -> str:
        """What an embedder is configured with."""
        return self.address

    @abstractmethod
    def answer(self, request: Request) -> Answer:
        """What the provider says to a sound request, and to one that its reference forbids."""

    @abstractmethod
    def texts(self, request: Request) -> list[str]:
        """The texts of a request."""

    def failure(self, fault: Fault) -> Answer:
        """An error in the provider's form."""
        return Answer(status=fault.status, headers=fault.headers, body={"error": {"message": fault.message}})

    def embed(self, texts: Sequence[str], dims: int | None = None) -> list[list[float]]:
        """What the model says; not of unit length, as many are not."""
        return self.vectors or [make_vector(text, dims or self.native_dims) for text in texts]

    @property
    def sent_texts(self) -> list[list[str]]:
        """The texts of all requests so far."""
        return [self.texts(request) for request in self.requests]

    def handle(self, request: Request) -> Answer | None:
        """An answer, or None to hang up."""
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else None
        if fault is None:
            return self.answer(request)
        if fault.hangs:
            self._released.wait(30)
            return None
        return self.failure(fault) if fault.garbage is None else Answer(text=fault.garbage)

    def start(self) -> None:
        """Begin to serve, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Release what hangs and stop."""
        self._released.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class OpenAIEmbeddings(EmbeddingServer):
    """POST /v1/embeddings with a bearer key, as OpenAI, Together, LM Studio and TEI have it.

    ``shortens`` says whether ``dimensions`` is understood; a server that does not refuses it.
    """

    largest_batch = 2048

    def __init__(self, *, shortens: bool = True) -> None:
        super().__init__()
        self.shortens = shortens

    @property
    def url(self) -> str:
        return f"{self.address}/v1"

    def answer(self, request: Request) -> Answer:
        if request.path != "/v1/embeddings":
            return self.failure(Fault(status=404, message=f"no route {request.path}"))
        if request.headers.get("authorization") not in (f"Bearer {self.key}", "Bearer none"):
            return self.failure(Fault(status=401, message="Incorrect API key provided"))
        return self.answer_body(request)

    def answer_body(self, request: Request) -> Answer:
        """Checked as OpenAI checks it."""
        texts, dims = request.body["input"], request.body.get("dimensions")
        if not texts or "" in texts or len(texts) > self.largest_batch:
            return self.failure(Fault(status=400, message="'$.input' is invalid"))
        if dims and not (self.shortens and dims <= self.native_dims):
            return self.failure(Fault(status=400, message="This model does not support specifying dimensions."))
        rows = [
            {"object": "embedding", "index": position, "embedding": vector}
            for position, vector in enumerate(self.embed(texts, dims))
        ]
        # The reference promises an index, not an order.
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return Answer(
            body={"object": "list", "data": rows[::-1], "model": request.body.get("model", ""), "usage": usage}
        )

    def texts(self, request: Request) -> list[str]:
        return list(request.body["input"])

    def failure(self, fault: Fault) -> Answer:
        error = {"message": fault.message, "type": "error", "param": None, "code": None}
        return Answer(status=fault.status, headers=fault.headers, body={"error": error})


class AzureEmbeddings(OpenAIEmbeddings):
    """POST /openai/deployments/NAME/embeddings?api-version=... with an ``api-key`` header."""

    deployment = "embed-small"

    @property
    def url(self) -> str:
        return self.address

    def answer(self, request: Request) -> Answer:
        if request.path != f"/openai/deployments/{self.deployment}/embeddings":
            return self.failure(Fault(status=404, message="DeploymentNotFound"))
        if not re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", request.query.get("api-version", [""])[0]):
            return self.failure(Fault(status=404, message="Resource not found"))
        if request.headers.get("api-key") != self.key:
            return self.failure(Fault(status=401, message="Access denied due to invalid subscription key"))
        return self.answer_body(request)


class OllamaEmbeddings(EmbeddingServer):
    """POST /api/embed, without a key unless ``is_locked``."""

    pulled = "nomic-embed-text"

    def __init__(self, *, is_locked: bool = False) -> None:
        super().__init__()
        self.is_locked = is_locked

    def answer(self, request: Request) -> Answer:
        if request.path != "/api/embed":
            return Answer(status=404, text="404 page not found")
        if self.is_locked and request.headers.get("authorization") != f"Bearer {self.key}":
            return self.failure(Fault(status=401, message="unauthorized"))
        if request.body["model"].removesuffix(":latest") != self.pulled:
            return self.failure(Fault(status=404, message=f'model "{request.body["model"]}" not found, try pulling it'))
        vectors = self.embed(self.texts(request), request.body.get("dimensions"))
        return Answer(body={"model": request.body["model"], "embeddings": vectors, "total_duration": 1})

    def texts(self, request: Request) -> list[str]:
        given = request.body["input"]
        return [given] if isinstance(given, str) else list(given)

    def failure(self, fault: Fault) -> Answer:
        return Answer(status=fault.status, headers=fault.headers, body={"error": fault.message})


S = TypeVar("S", bound=EmbeddingServer)


@contextmanager
def serving(server: S) -> Iterator[S]:
    """``server`` for the length of a test."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


def make_vector(text: str, dims: int) -> list[float]:
    """Numbers that depend on the whole text; shorter vectors are the beginnings of longer ones."""
    digest = sha256(text.encode()).digest()
    return [digest[position % 32] / 64 - 2 + position / 100 for position in range(dims)]


def unit_vector(text: str, dims: int = NATIVE_DIMS) -> list[float]:
    """What an embedder should make of ``make_vector``."""
    vector = make_vector(text, dims)
    return [value / math.hypot(*vector) for value in vector]


def _handler(server: EmbeddingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes; the second would wait 40 ms for the first one's receipt.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            answer = server.handle(_read(self))
            if answer is None:
                self.close_connection = True
                return
            body = answer.encoded()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _read(handler: BaseHTTPRequestHandler) -> Request:
    raw = handler.rfile.read(int(handler.headers["Content-Length"]))
    is_json = "json" in handler.headers.get("Content-Type", "")
    parts = urlsplit(handler.path)
    return Request(
        target=handler.path,
        path=parts.path,
        query=parse_qs(parts.query),
        headers={name.lower(): value for name, value in handler.headers.items()},
        body=json.loads(raw) if is_json else parse_qs(raw.decode()),
        at_s=time.monotonic(),
    )
