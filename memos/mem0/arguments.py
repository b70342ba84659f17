"""What callers hand over, checked as mem0 checks it. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from memos.errors import InvalidRequest
from memos.mem0.scope import ENTITIES
from memos.memories.textual.payload import parse_text

DEFAULT_TOP_K: Final = 20
DEFAULT_THRESHOLD: Final = 0.1
PROCEDURAL: Final = "procedural_memory"
_SEARCH: Final = ("query", "top_k", "filters", "threshold", "rerank", "explain", "show_expired")
_LIST: Final = ("filters", "top_k", "show_expired")
KNOWN: Final[Mapping[str, tuple[str, ...]]] = {"search": _SEARCH, "get_all": _LIST}


def refuse_others(method: str, others: Mapping[str, Any]) -> None:
    """Raise InvalidRequest for an argument that the method has not, and say what stands in its place."""
    for name in others:
        if name in ENTITIES:
            raise InvalidRequest(f"{method}() takes no {name}; give filters={{{name!r}: ...}}")
        if name == "limit":
            raise InvalidRequest(f"{method}() takes no limit; it is called top_k")
        raise InvalidRequest(f"{method}() takes no {name!r:.60}; known: {', '.join(KNOWN[method])}")


def refuse_platform(name: str, value: object, instead: str) -> None:
    """Raise InvalidRequest for an argument that only mem0's paid service understands."""
    if value is not None:
        raise InvalidRequest(f"{name} belongs to mem0's platform and is not understood here either; {instead}")


def parse_top_k(value: object) -> int:
    """How many results there may be; 0 for none. Raises InvalidRequest."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidRequest(f"top_k must be a whole number from 0 on, not {value!r:.40}")
    return value


def parse_threshold(value: object) -> float:
    """The lowest score of a result; None is the default. Raises InvalidRequest."""
    if value is None:
        return DEFAULT_THRESHOLD
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise InvalidRequest(f"threshold must be a number from 0 to 1, not {value!r:.40}")
    return float(value)


def parse_query(value: object) -> str:
    """What is looked for, trimmed. Raises InvalidRequest."""
    return parse_text(value, "query").strip()


def parse_memory_type(value: object, *, has_agent: bool) -> bool:
    """True for a procedure. Raises InvalidRequest for any other type, and for a procedure that is no agent's."""
    if value is None:
        return False
    if value != PROCEDURAL:
        raise InvalidRequest(f"memory_type is {value!r:.60}; known: {PROCEDURAL!r}, or leave it out")
    if not has_agent:
        raise InvalidRequest(f"memory_type {PROCEDURAL!r} is an agent's: give agent_id")
    return True


def parse_prompt(value: object, *, is_read: bool) -> str | None:
    """Instructions for the model. Raises InvalidRequest where no model reads them."""
    if value is None:
        return None
    if not is_read:
        raise InvalidRequest("prompt is for the model that extracts, and with infer=False there is none; leave it out")
    return parse_text(value, "prompt")
