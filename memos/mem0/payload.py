"""Between mem0's memories and our items: what mem0 keeps beside the text is the item's ``info``, name by name. Pure."""

import hashlib
import logging
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any, Final, cast

from memos.errors import InvalidRequest
from memos.mem0.scope import ENTITIES, build_label
from memos.memories.textual.item import TextualMemoryItem, milliseconds_of, time_of

logger = logging.getLogger(__name__)

IDENTITY: Final = (*ENTITIES, "actor_id")
# Shown beside the text; the rest of what is kept is shown as "metadata".
PROMOTED: Final = (*ENTITIES, "actor_id", "role", "attributed_to", "expiration_date")
_OWN: Final = ("id", "data", "memory", "hash", "created_at", "updated_at", "score")


def hash_of(text: str) -> str:
    """mem0's name for a text."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def labels_of(item: TextualMemoryItem) -> tuple[str, ...]:
    """What the index shall find the item by."""
    fields = fields_of(item)
    return tuple(build_label(name, fields[name]) for name in (*ENTITIES, "hash") if name in fields)


def fields_of(item: TextualMemoryItem) -> dict[str, Any]:
    """All that a filter can ask for."""
    known = item.metadata
    owner = {"user_id": known.user_id} if known.user_id else {}
    return {**known.info, **owner, "data": item.memory, **_times(item)}


def is_expired(item: TextualMemoryItem, today: date) -> bool:
    """True after the day that the memory was to be kept until."""
    until = item.metadata.info.get("expiration_date")
    return isinstance(until, str) and date.fromisoformat(until) < today


def show(item: TextualMemoryItem, **more: Any) -> dict[str, Any]:
    """The item in mem0's shape; ``more`` stands between what is always there and what some memories have."""
    fields = fields_of(item)
    rest = {name: value for name, value in fields.items() if name not in PROMOTED and name not in _OWN}
    promoted = {name: fields[name] for name in PROMOTED if name in fields}
    shown = {"id": item.id, "memory": item.memory, "hash": fields.get("hash"), "metadata": deepcopy(rest) or None}
    return {**shown, **more, **_times(item), **promoted}


def parse_metadata(given: object, existing: Mapping[str, Any], *, may_set: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a caller wants to keep with a memory. Who it belongs to is never among it, which a warning says, as in mem0.

    Raises InvalidRequest for the names of what the memory itself says, but for those in ``may_set``.
    """
    if not isinstance(given, Mapping):
        raise InvalidRequest(f"metadata must be a mapping, not {type(given).__name__}")
    kept: dict[str, Any] = {}
    for name, value in cast(Mapping[str, Any], given).items():
        if name in IDENTITY:
            if value != existing.get(name):
                logger.warning("metadata[%r] is left out: whose a memory is, the arguments of the call say", name)
        elif name in _OWN and name not in may_set:
            raise InvalidRequest(f"metadata[{name!r}] is what the memory itself says; choose another name")
        else:
            kept[name] = value
    if "expiration_date" in kept:
        kept["expiration_date"] = parse_expiration(kept["expiration_date"])
    return deepcopy(kept)


def parse_expiration(given: object) -> str | None:
    """The last day of a memory as YYYY-MM-DD, or None for no end. Raises InvalidRequest."""
    if given is None:
        return None
    try:
        if isinstance(given, date):  # a datetime is one
            return date(given.year, given.month, given.day).isoformat()
        return date.fromisoformat(cast(str, given)).isoformat()
    except (ValueError, TypeError):
        raise InvalidRequest(f"expiration_date is {given!r:.60}; give a day as YYYY-MM-DD") from None


def parse_time_ms(given: object, what: str) -> int:
    """A time in ISO 8601, UTC where it has no offset. Raises InvalidRequest."""
    try:
        return milliseconds_of(datetime.fromisoformat(cast(str, given)))
    except (ValueError, TypeError, OverflowError):
        raise InvalidRequest(f"{what} is {given!r:.60}; give a time in ISO 8601") from None


def day_of(now_ms: int) -> date:
    """The day, UTC."""
    return time_of(now_ms).astimezone(UTC).date()


def _times(item: TextualMemoryItem) -> dict[str, str | None]:
    known = item.metadata
    return {
        "created_at": None if known.created_at is None else known.created_at.isoformat(),
        "updated_at": None if known.updated_at is None else known.updated_at.isoformat(),
    }
