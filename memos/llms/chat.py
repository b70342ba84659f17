"""A chat as a caller hands it over, checked once before any model sees it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from memos.errors import InvalidRequest
from memos.wellformed import well_formed

_EXPECTED: Final = 'expected a list like [{"role": "user", "content": "..."}]'


def parse_chat(messages: object) -> Sequence[Mapping[str, str]]:
    """The messages, each with a role and a content that are texts; which roles there are, the model says.

    Raises InvalidRequest, naming the message.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str | bytes):
        raise InvalidRequest(f"messages must be a list, not {type(messages).__name__}; {_EXPECTED}")
    several = cast(Sequence[object], messages)
    if not several:
        raise InvalidRequest(f"a chat needs at least one message; {_EXPECTED}")
    return [_parse_message(message, f"messages[{position}]") for position, message in enumerate(several)]


def wire_chat(messages: object) -> list[dict[str, str]]:
    """The checked messages in a form that UTF-8 can hold. Raises InvalidRequest."""
    return [{name: well_formed(text) for name, text in message.items()} for message in parse_chat(messages)]


def _parse_message(message: object, where: str) -> Mapping[str, str]:
    if not isinstance(message, Mapping):
        raise InvalidRequest(f"{where} must be a mapping, not {type(message).__name__}; {_EXPECTED}")
    fields = cast(Mapping[str, Any], message)
    for name in {"role": None, "content": None, **fields}:
        if not isinstance(fields.get(name), str):
            raise InvalidRequest(f"{where}.{name} must be a string, not {type(fields.get(name)).__name__}")
    return fields
