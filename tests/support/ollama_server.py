"""A server of Ollama's HTTP protocol over the packaged models, for machines without Ollama.

    with OllamaServer() as server: ...                        in a test
    python -m tests.support.ollama_server --port 11434        a process of its own

Written from Ollama's public API reference. Of ``options`` it knows temperature, top_p, top_k and num_predict, and takes
the others without effect. The chat model cannot think, so ``think: true`` is refused as Ollama refuses it; a schema in
``format`` is always matched. Like Ollama it speaks OpenAI's protocol at /v1 as well.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from memos.configs.embedder import EmbedderConfigFactory
from memos.embedders.base import Embedder
from memos.embedders.factory import EmbedderFactory
from tests.support.model_server import CHAT_MODEL, Answer, Ask, ModelServer, Talk

VERSION = "0.12.0"
EMBEDDING_MODEL = "all-minilm-l6-v2"
MODELS = {"qwen3:0.6b": CHAT_MODEL, "nomic-embed-text:latest": EMBEDDING_MODEL}
_CAPABILITIES = {"qwen3:0.6b": ["completion"], "nomic-embed-text:latest": ["embedding"]}
_JSON = {"type": "object", "properties": {"answer": {"type": "string"}}}


class OllamaServer(ModelServer):
    """Ollama with two models pulled: ``qwen3:0.6b`` and ``nomic-embed-text:latest``, each the packaged one."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self._embedding = threading.Lock()

    def route(self, ask: Ask) -> Answer:
        if not ask.path.startswith("/api/"):
            return super().route(ask)
        match ask.method, ask.path:
            case "GET", "/api/version":
                return Answer(body={"version": VERSION})
            case "GET", "/api/tags":
                return Answer(body={"models": [_describe(name) for name in MODELS]})
            case "POST", "/api/show" | "/api/chat" | "/api/embed":
                return self._with_model(ask)
            case _:
                return Answer(status=404, body={"error": "not found"})

    def refuse(self, status: int, text: str) -> Answer:
        return Answer(status=status, body={"error": text})

    def _with_model(self, ask: Ask) -> Answer:
        given = str(ask.body.get("model", ""))
        name = given if ":" in given else f"{given}:latest"
        if name not in MODELS:
            return self.refuse(404, f"model '{given}' not found")
        if ask.path == "/api/show":
            return Answer(body={**_describe(name), "capabilities": _CAPABILITIES[name], "model_info": {}})
        return self._chat(ask.body, name) if ask.path == "/api/chat" else self._embed(ask.body, name)

    def _chat(self, body: dict[str, Any], name: str) -> Answer:
        if "completion" not in _CAPABILITIES[name]:
            return self.refuse(400, f'"{name}" does not support chat')
        if body.get("think"):
            return self.refuse(400, f'"{name}" does not support thinking')
        if not body.get("messages"):
            return Answer(body={**_head(name), **_said(""), "done": True, "done_reason": "load"})
        talk = self._talk(body)
        if body.get("stream", True):
            return Answer(lines=_lines(talk, name), content_type="application/x-ndjson")
        started_ns = time.monotonic_ns()
        text = "".join(talk.pieces)
        return Answer(body={**_head(name), **_said(text), **_end(talk, started_ns)})

    def _talk(self, body: dict[str, Any]) -> Talk:
        given = body.get("options") or {}
        options = {name: given.get(name) for name in ("temperature", "top_p", "top_k")}
        limit = given.get("num_predict")
        options["max_tokens"] = limit if limit is not None and limit > 0 else None
        messages = [{"role": message["role"], "content": message["content"]} for message in body["messages"]]
        wanted = body.get("format")
        if not wanted:
            return self.talk(messages, **options)
        return self.talk_json(messages, _JSON if wanted == "json" else wanted, **options)

    def _embed(self, body: dict[str, Any], name: str) -> Answer:
        if "embedding" not in _CAPABILITIES[name]:
            return self.refuse(501, "this model does not support embeddings")
        given = body.get("input", [])
        texts = [given] if isinstance(given, str) else list(given)
        started_ns = time.monotonic_ns()
        with self._embedding:
            vectors = self._embedder.embed(texts) if texts else []
        words = sum(len(text.split()) for text in texts)
        took = {"total_duration": time.monotonic_ns() - started_ns, "load_duration": 0, "prompt_eval_count": words}
        return Answer(body={"model": name, "embeddings": vectors, **took})

    @cached_property
    def _embedder(self) -> Embedder:
        config = {"backend": "sentence_transformer", "config": {"model_name_or_path": EMBEDDING_MODEL}}
        return EmbedderFactory.from_config(EmbedderConfigFactory.model_validate(config))


def _describe(name: str) -> dict[str, Any]:
    details = {"format": "safetensors", "family": MODELS[name], "parameter_size": "", "quantization_level": ""}
    return {"name": name, "model": name, "modified_at": _now(), "size": 0, "digest": "", "details": details}


def _lines(talk: Talk, name: str) -> Iterator[str]:
    started_ns = time.monotonic_ns()
    for piece in talk.pieces:
        yield json.dumps({**_head(name), **_said(piece), "done": False}) + "\n"
    yield json.dumps({**_head(name), **_said(""), **_end(talk, started_ns)}) + "\n"


def _head(name: str) -> dict[str, Any]:
    return {"model": name, "created_at": _now()}


def _said(text: str) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text}}


def _end(talk: Talk, started_ns: int) -> dict[str, Any]:
    took_ns = time.monotonic_ns() - started_ns
    return {
        "done": True,
        "done_reason": talk.reason,
        "total_duration": took_ns,
        "load_duration": 0,
        "prompt_eval_count": talk.usage.prompt_tokens,
        "prompt_eval_duration": 0,
        "eval_count": talk.usage.completion_tokens,
        "eval_duration": took_ns,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat()


def main() -> None:
    """Serve until the process is ended; the address is the first line on standard output."""
    parser = argparse.ArgumentParser(description="Ollama's protocol over the packaged models.")
    parser.add_argument("--port", type=int, default=11434)
    with OllamaServer(port=parser.parse_args().port) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        server.wait()


if __name__ == "__main__":
    main()
