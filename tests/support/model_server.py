"""An HTTP server over the packaged language model that speaks OpenAI's chat protocol, and Azure's dialect of it.

Written from the providers' public API references. tests/support/ollama_server.py adds Ollama's protocol.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from memos.configs.llm import HuggingFaceLLMConfig
from memos.errors import InvalidRequest
from memos.llms.base import Usage
from memos.llms.huggingface import HuggingFaceLLM

CHAT_MODEL = "smollm2-135m"
# The packaged model never thinks of an end by itself when it is asked for something long.
LONGEST_ANSWER = 256
KEY = "key-of-the-test"
_VALUE_TOKENS = 3


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What came in."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes out: one JSON value, or lines as they are produced."""

    status: int = 200
    body: Any = None
    lines: Iterator[str] | None = None
    content_type: str = "application/json"


@dataclass
class Talk:
    """An answer of the model. ``usage`` is there once the pieces have all been taken."""

    pieces: Iterator[str]
    limit: int
    usage: Usage = field(default_factory=lambda: Usage(prompt_tokens=0, completion_tokens=0))

    def note(self, usage: Usage) -> None:
        """Remember what it cost."""
        self.usage = usage

    @property
    def reason(self) -> str:
        """Why it ended."""
        return "length" if self.usage.completion_tokens >= self.limit else "stop"


class ModelServer:
    """Serves in a thread for the length of a ``with``. Any model name but ``missing`` is the packaged model."""

    def __init__(self, *, port: int = 0) -> None:
        self.asked: list[Ask] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def wait(self) -> None:
        """Return when the server has been stopped."""
        self._thread.join()

    def handle(self, ask: Ask) -> Answer:
        """The answer to a request, whatever it is."""
        self.asked.append(ask)
        try:
            return self.route(ask)
        except (InvalidRequest, ValueError) as error:
            return self.refuse(400, str(error))

    def route(self, ask: Ask) -> Answer:
        """The answer by the request's path; subclasses know more of them."""
        if ask.path == "/v1/chat/completions":
            return self._complete(ask, str(ask.body["model"]))
        head, _, rest = ask.path.partition("/openai/deployments/")
        deployment, _, tail = rest.partition("/")
        if head or tail != "chat/completions":
            return self.refuse(404, f"no such page: {ask.path}")
        if "api-version" not in ask.query:
            return self.refuse(404, "Resource not found")
        if ask.headers.get("api-key") != KEY or "authorization" in ask.headers:
            return self.refuse(401, "Access denied due to invalid subscription key")
        return self._complete(ask, deployment)

    def refuse(self, status: int, text: str) -> Answer:
        """An error in the protocol's form."""
        return Answer(status=status, body={"error": {"message": text, "type": "error", "param": None, "code": None}})

    def talk(self, messages: Sequence[Mapping[str, str]], **options: Any) -> Talk:
        """Let the model answer. Options are those of HuggingFaceLLMConfig; None is the default."""
        given = {name: value for name, value in options.items() if value is not None}
        limit = min(given.pop("max_tokens", LONGEST_ANSWER), LONGEST_ANSWER)
        config = {"model_name_or_path": CHAT_MODEL, "remove_think_prefix": False, "max_tokens": limit, **given}
        talk = Talk(pieces=iter(()), limit=limit)
        llm = HuggingFaceLLM(HuggingFaceLLMConfig.model_validate(config))
        talk.pieces = llm.generate_stream(messages, on_usage=talk.note)
        return talk

    def talk_json(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any], **options: Any) -> Talk:
        """An answer that matches the schema: the model is asked for each value, the rest is written by rule."""

        def ask(name: str) -> str:
            question = {"role": "user", "content": f"{messages[-1]['content']}\nSay nothing but: {name}"}
            return "".join(self.talk([question], **{**options, "max_tokens": _VALUE_TOKENS}).pieces).strip()

        counted = self.talk(messages, **{**options, "max_tokens": 1})
        for _ in counted.pieces:
            pass
        text = json.dumps(fill(schema, schema, ask, "answer"))
        return Talk(pieces=iter([text]), limit=LONGEST_ANSWER, usage=counted.usage)

    def _complete(self, ask: Ask, model: str) -> Answer:
        if model == "missing":
            return self.refuse(404, f"The model `{model}` does not exist")
        body = ask.body
        options = {name: body.get(name) for name in ("temperature", "top_p", "top_k")}
        options["max_tokens"] = body.get("max_completion_tokens") or body.get("max_tokens")
        wanted = body.get("response_format", {}).get("json_schema", {}).get("schema")
        messages = body["messages"]
        talk = self.talk(messages, **options) if wanted is None else self.talk_json(messages, wanted, **options)
        if body.get("stream"):
            counts = bool(body.get("stream_options", {}).get("include_usage"))
            return Answer(lines=_events(talk, model, counts=counts), content_type="text/event-stream")
        text = "".join(talk.pieces)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": talk.reason}
        head = {"id": "c", "object": "chat.completion", "created": 1, "model": model}
        return Answer(body={**head, "choices": [choice], "usage": _counts(talk)})


def fill(schema: Mapping[str, Any], root: Mapping[str, Any], ask: Any, name: str) -> Any:
    """A value that matches the schema. ``ask`` gives the model's words for a leaf."""
    if "$ref" in schema:
        return fill(root["$defs"][schema["$ref"].rpartition("/")[2]], root, ask, name)
    if "anyOf" in schema:
        return fill(schema["anyOf"][0], root, ask, name)
    if "enum" in schema:
        said = ask(name)
        return next((value for value in schema["enum"] if str(value) in said), schema["enum"][0])
    if schema.get("type") == "object":
        return {key: fill(inner, root, ask, key) for key, inner in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [fill(schema["items"], root, ask, name) for _ in range(schema.get("minItems", 1))]
    return _leaf(schema.get("type"), ask(name))


def _leaf(kind: str | None, said: str) -> Any:
    if kind in ("integer", "number"):
        return int("".join(filter(str.isdecimal, said))[:6] or "0")
    if kind == "boolean":
        return said.lower().startswith("yes")
    return None if kind == "null" else said


def _counts(talk: Talk) -> dict[str, Any]:
    usage = talk.usage
    whole = usage.prompt_tokens + usage.completion_tokens
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": whole,
    }


def _events(talk: Talk, model: str, *, counts: bool) -> Iterator[str]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model}

    def event(delta: Mapping[str, str], reason: str | None) -> str:
        choice = {"index": 0, "delta": dict(delta), "finish_reason": reason}
        return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"

    for piece in talk.pieces:
        yield event({"content": piece}, None)
    yield event({}, talk.reason)
    if counts:
        yield f"data: {json.dumps({**head, 'choices': [], 'usage': _counts(talk)})}\n\n"
    yield "data: [DONE]\n\n"


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer("POST", json.loads(body or b"{}"))

        def do_GET(self) -> None:
            self._answer("GET", {})

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self, method: str, body: dict[str, Any]) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(parts.query)
            self._send(server.handle(Ask(method=method, path=parts.path, query=query, headers=headers, body=body)))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            if answer.lines is None:
                whole = json.dumps(answer.body).encode()
                self.send_header("Content-Length", str(len(whole)))
                self.end_headers()
                self.wfile.write(whole)
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in answer.lines:
                part = line.encode()
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

    return Handler
