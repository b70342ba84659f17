"""What the stand-in for a language model answers: one fact a message, and vectors from hashes. Pure.

The same question never gets the same answer twice, so that an effect which happened twice can be seen.
"""

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

DIMENSION: Final = 32
_OP: Final = re.compile(r"\[([^\[\]\s]+/\d+)\]")


def build_text(op: str) -> str:
    """The message of an op."""
    return f"Please remember [{op}] for me."


def find_op(text: str) -> str:
    """The op that a message or a fact names; the text itself where there is none."""
    found = _OP.search(text)
    return found.group(1) if found else text


def build_completion(request: Mapping[str, Any], wording: int) -> dict[str, Any]:
    """A chat completion: a fact for each message of a conversation, and of facts nothing to decide or to tell."""
    question = json.loads(request["messages"][-1]["content"])
    answer = _answer(question, wording)
    message = {"role": "assistant", "content": json.dumps(answer)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": f"c{wording}", "object": "chat.completion", "created": 1, "model": "chaos", "choices": [choice]}


def build_embeddings(request: Mapping[str, Any]) -> dict[str, Any]:
    """A vector for each text, the same for the same text."""
    given = request["input"]
    texts: Sequence[str] = [given] if isinstance(given, str) else given
    rows = [{"object": "embedding", "index": at, "embedding": _vector(text)} for at, text in enumerate(texts)]
    return {"object": "list", "model": "chaos", "data": rows, "usage": {"prompt_tokens": 1, "total_tokens": 1}}


def _answer(question: Mapping[str, Any], wording: int) -> dict[str, Any]:
    if "conversations" in question:
        return {"facts": [_fact(item, wording) for said in question["conversations"] for item in said]}
    return {"summaries": [], "relations": []} if "clusters" in question else {"decisions": []}


def _fact(item: Mapping[str, Any], wording: int) -> dict[str, Any]:
    return {
        "text": f"The user wants [{find_op(item['text'])}] to be remembered, in wording {wording}.",
        "evidence": [item["number"]],
        "category": "fact",
        "about_user": False,
        "key": "op",
        "entities": [],
        "valid_from": None,
        "valid_until": None,
    }


def _vector(text: str) -> list[float]:
    return [byte - 127.5 for byte in blake2b(text.encode(), digest_size=DIMENSION).digest()]
