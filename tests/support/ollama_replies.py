"""What a scripted server says in Ollama's protocol."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.scripted_server import Reply

_HEAD = {"model": "m", "created_at": "2025-06-02T08:00:00Z"}


def answer(
    text: str, *, done_reason: str = "stop", thought: str | None = None, usage: Mapping[str, Any] | None = None
) -> Reply:
    """A whole answer."""
    return Reply(body=json.dumps({**_part(text, thought), "done": True, "done_reason": done_reason, **(usage or {})}))


def stream(
    *pieces: str | Mapping[str, str], done: bool = True, usage: Mapping[str, Any] | None = None, **how: Any
) -> Reply:
    """A streamed answer; without ``done`` it stops early but politely. A piece is text, or a whole message."""
    parts = [_part(piece, None) if isinstance(piece, str) else _message(piece) for piece in pieces]
    if done:
        parts.append({**_part("", None), "done": True, "done_reason": "stop", **(usage or {})})
    return Reply(lines=[f"{json.dumps({'done': False, **part})}\n" for part in parts], **how)


def failure(status: int, message: str = "no", **headers: str) -> Reply:
    """An error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, body=json.dumps({"error": message}), headers=named)


def _part(text: str, thought: str | None) -> dict[str, Any]:
    return _message({"content": text} if thought is None else {"content": text, "thinking": thought})


def _message(message: Mapping[str, str]) -> dict[str, Any]:
    return {**_HEAD, "message": {"role": "assistant", **message}}
