"""A real HTTP server that speaks OpenAI's protocol and says what a test has told it to."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support.scripted_server import Reply, ScriptedServer, running

__all__ = ["OpenAIServer", "Reply", "answer", "failure", "models", "serving", "stream", "vectors"]

_CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def answer(
    text: str | None,
    *,
    finish_reason: str = "stop",
    thought: Mapping[str, str] | None = None,
    usage: Mapping[str, Any] | None = None,
) -> Reply:
    """A whole chat completion; ``thought`` is the field that a server keeps thoughts in, with its contents."""
    message = {"role": "assistant", "content": text, **(thought or {})}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return Reply(body=json.dumps({**body, "usage": usage} if usage else body))


def stream(
    *pieces: str | Mapping[str, str],
    finish_reason: str | None = "stop",
    is_cut: bool = False,
    usage: Mapping[str, Any] | None = None,
    **how: Any,
) -> Reply:
    """A streamed chat completion; without ``finish_reason`` it stops early but politely.

    A piece is text, or a whole delta. ``usage`` comes in a chunk of its own, as OpenAI sends it.
    """
    chunks = [_chunk({"content": piece} if isinstance(piece, str) else piece, None) for piece in pieces]
    if finish_reason:
        chunks.append(_chunk({}, finish_reason))
    if usage:
        chunks.append(json.dumps({**_CHUNK, "choices": [], "usage": usage}))
    if finish_reason:
        chunks.append("[DONE]")
    return Reply(lines=[f"data: {chunk}\n\n" for chunk in chunks], is_cut=is_cut, **how)


def vectors(*rows: Sequence[float], order: Sequence[int] | None = None) -> Reply:
    """An embedding response, its rows in the given order."""
    positions = order if order is not None else range(len(rows))
    items = [{"object": "embedding", "index": position, "embedding": rows[position]} for position in positions]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return Reply(body=json.dumps({"object": "list", "data": items, "model": "m", "usage": usage}))


def models(*names: str) -> Reply:
    """A server's list of models."""
    rows = [{"id": name, "object": "model", "created": 1, "owned_by": "test"} for name in names]
    return Reply(body=json.dumps({"object": "list", "data": rows}))


def failure(status: int, message: str = "no", *, param: str | None = None, **headers: str) -> Reply:
    """An error in OpenAI's form."""
    error = {"message": message, "type": "error", "param": param, "code": None}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body=json.dumps({"error": error}), headers=named)


class OpenAIServer(ScriptedServer):
    """Gives its replies in turn, the last one again and again, and remembers what it was asked."""

    prefix = "/v1"

    def __init__(self) -> None:
        super().__init__()
        self.replies = [answer("ok")]


@contextmanager
def serving() -> Generator[OpenAIServer]:
    """A server for the length of a test."""
    with running(OpenAIServer()) as server:
        yield server


def _chunk(delta: Mapping[str, str], finish_reason: str | None) -> str:
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish_reason}
    return json.dumps({**_CHUNK, "choices": [choice]})
