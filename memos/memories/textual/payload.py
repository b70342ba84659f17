"""The payload of an extract job: messages as the caller gave them, checked once at the door.

{"messages": [{"role", "content", "speaker", "said_at_ms"}, ...], "reader": {...}, "kv": {...} | null}

With "effect", ids are derived from that name instead of the job's id, so that what is submitted again under another
job, however much later, is the same memories.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from memos.errors import InvalidRequest
from memos.ids import JobId, message_id
from memos.types import Lane, Message, Role

MAX_MESSAGE_BYTES: Final = 1_000_000
MAX_PAYLOAD_BYTES: Final = 16_000_000
MESSAGE_FIELDS: Final = ("role", "content", "name", "chat_time")
_EXPECTED: Final = 'expected a list like [{"role": "user", "content": "..."}]'


def parse_messages(value: object, *, now_ms: int) -> list[dict[str, Any]]:
    """Check what a caller handed over and return it in the payload's form.

    ``name`` is the speaker to show and ``chat_time`` when it was said: ISO 8601 (UTC where no offset is given) or
    seconds since the epoch; without it, now. Raises InvalidRequest, naming the message and what is wrong with it.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InvalidRequest(f"messages must be a list, not {type(value).__name__}; {_EXPECTED}")
    if not value:
        raise InvalidRequest(f"messages is empty; {_EXPECTED}")
    items = cast(Sequence[object], value)
    parsed = [_parse_message(item, f"messages[{i}]", now_ms) for i, item in enumerate(items)]
    size = sum(len(item["content"]) for item in parsed)
    if size > MAX_PAYLOAD_BYTES:
        raise InvalidRequest(f"messages hold {size:,} characters together; send at most {MAX_PAYLOAD_BYTES:,} at once")
    return parsed


def parse_text(value: object, what: str) -> str:
    """Check one text: not empty, not too large, storable. Raises InvalidRequest."""
    if not isinstance(value, str):
        raise InvalidRequest(f"{what} must be a string, not {type(value).__name__}")
    if not value.strip():
        raise InvalidRequest(f"{what} is empty; give it some text")
    if "\x00" in value:
        raise InvalidRequest(f"{what} contains a NUL character at position {value.index(chr(0))}; remove it")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{what} has a lone surrogate at position {error.start}; send valid Unicode") from None
    if size > MAX_MESSAGE_BYTES:
        raise InvalidRequest(f"{what} has {size:,} bytes; the limit is {MAX_MESSAGE_BYTES:,}: split it")
    return value


def messages_of(lane: Lane, job: JobId, payload: Mapping[str, Any]) -> tuple[Message, ...]:
    """The messages of a job, with the ids that they have on every attempt."""
    return tuple(
        Message(
            id=message_id(lane.tenant, lane.cube, job, ordinal),
            role=Role(item["role"]),
            text=item["content"],
            speaker=item["speaker"],
            said_at_ms=item["said_at_ms"],
        )
        for ordinal, item in enumerate(payload["messages"])
    )


def _parse_message(item: object, where: str, now_ms: int) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise InvalidRequest(f"{where} must be a mapping, not {type(item).__name__}; {_EXPECTED}")
    fields = cast(Mapping[str, object], item)
    unknown = [name for name in fields if name not in MESSAGE_FIELDS]
    if unknown:
        raise InvalidRequest(f"{where} has an unknown field {unknown[0]!r}; known: {', '.join(MESSAGE_FIELDS)}")
    role = _parse_role(fields.get("role"), where)
    name = fields.get("name")
    chat_time = fields.get("chat_time")
    return {
        "role": role,
        "content": parse_text(fields.get("content"), f"{where}.content"),
        "speaker": role if name is None else _parse_name(name, where),
        "said_at_ms": now_ms if chat_time is None else _parse_time(chat_time, where),
    }


def _parse_role(value: object, where: str) -> str:
    if value not in tuple(Role):
        raise InvalidRequest(f"{where}.role is {value!r:.40}; allowed: {', '.join(Role)}")
    return str(value)


def _parse_name(value: object, where: str) -> str:
    name = parse_text(value, f"{where}.name")
    if len(name) > 128:
        raise InvalidRequest(f"{where}.name has {len(name)} characters; the limit is 128")
    return name


def _parse_time(value: object, where: str) -> int:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _to_ms(datetime.fromtimestamp(value, UTC))
        return _to_ms(value if isinstance(value, datetime) else datetime.fromisoformat(str(value)))
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(
            f"{where}.chat_time is {value!r:.60}; give ISO 8601 (2025-03-10T09:30:00+00:00) or seconds since 1970"
        ) from None


def _to_ms(when: datetime) -> int:
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)
