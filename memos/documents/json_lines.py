"""JSON as a list, a line for each value behind its path: ``- orders[2].city: Porto``."""

import json
from collections.abc import Iterator
from typing import Any, cast

from memos.documents.limits import DocumentLimits
from memos.documents.plain import decode_text, join_lines
from memos.errors import InvalidRequest


def convert_json(content: bytes, limits: DocumentLimits) -> str:
    """All values in order; numbers as they are written. Raises InvalidRequest."""
    try:
        # Numbers stay texts: none is rounded, and none is too large.
        value = json.loads(decode_text(content), parse_int=str, parse_float=str)
    except ValueError as error:
        raise InvalidRequest(f"is not valid JSON: {error}") from None
    except RecursionError:
        raise InvalidRequest("is nested too deeply") from None
    return join_lines(_lines(value), max_chars=limits.max_chars)


def _lines(value: Any) -> Iterator[str]:
    # A stack instead of recursion, and paths made when they are needed: a short text can ask for long ones.
    open_parts = [iter([("", value)])]
    while open_parts:
        path, item = next(open_parts[-1], (None, None))
        if path is None:
            open_parts.pop()
        elif isinstance(item, dict | list):
            open_parts.append(_children(path, item))
        else:
            text = " ".join(_text_of(item).split())
            yield f"- {path}: {text}" if path else f"- {text}"


def _children(path: str, item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, list):
        return ((f"{path}[{place}]", child) for place, child in enumerate(cast(list[Any], item)))
    named = cast(dict[str, Any], item)
    return ((f"{path}.{key}" if path else key, child) for key, child in named.items())


def _text_of(item: Any) -> str:
    return item if isinstance(item, str) else json.dumps(item)
