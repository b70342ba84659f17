"""What ``add`` was given, as messages of this project. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from memos.errors import InvalidRequest

_READ: Final = ("role", "content", "name", "chat_time")
# What chat APIs put into messages beside what was said.
_PASSED_OVER: Final = ("tool_calls", "tool_call_id", "function_call", "refusal", "audio", "annotations")


def parse_given(messages: object) -> list[dict[str, Any]]:
    """Messages with one text each; a string is what a user said. Those that call tools and say nothing are left out.

    Raises InvalidRequest, naming the message, for anything but text.
    """
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    if isinstance(messages, Mapping):
        return _parse_list([cast(object, messages)])
    if isinstance(messages, list):
        return _parse_list(cast(list[object], messages))
    raise InvalidRequest(f"messages must be a text, a message or a list of messages, not {type(messages).__name__}")


def _parse_list(messages: Sequence[object]) -> list[dict[str, Any]]:
    if not messages:
        raise InvalidRequest("messages is empty; give at least one")
    parsed = [_parse_message(message, f"messages[{position}]") for position, message in enumerate(messages)]
    return [message for message in parsed if message is not None]


def _parse_message(given: object, where: str) -> dict[str, Any] | None:
    if not isinstance(given, Mapping):
        raise InvalidRequest(f"{where} must be a mapping, not {type(given).__name__}")
    message = cast(Mapping[str, Any], given)
    unknown = [name for name in message if name not in (*_READ, *_PASSED_OVER)]
    if unknown:
        raise InvalidRequest(f"{where} has an unknown field {unknown[0]!r:.40}; known: {', '.join(_READ)}")
    content = message.get("content")
    if isinstance(content, list):
        content = _join(cast(list[object], content), where)
    if content is None or (content == "" and message.get("tool_calls")):
        return None
    return {**{name: message[name] for name in _READ if name in message}, "content": content}


def _join(parts: Sequence[object], where: str) -> str | None:
    texts: list[str] = []
    for position, part in enumerate(parts):
        fields = cast(Mapping[str, Any], part) if isinstance(part, Mapping) else {}
        text = fields.get("text")
        if fields.get("type") != "text" or not isinstance(text, str):
            raise InvalidRequest(
                f"{where}.content[{position}] is no text part, but {str(fields.get('type', part))!r:.40}; only text is "
                "remembered: describe what is shown and add that"
            )
        texts.append(text)
    return " ".join(texts) or None
