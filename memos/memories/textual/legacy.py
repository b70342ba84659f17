"""Textual memories as MemOS 1.x wrote them: textual_memory.json.

[{"id", "vector", "payload": {"id", "memory", "metadata"}}, ...]      general_text
[{"id", "memory", "metadata"}, ...]                                  naive_text
{"nodes": [{"id", "memory", "metadata"}, ...], "edges": [...]}       tree_text; an edge is {"source", "target", "type"}

What has no place here (usage, visibility, background, ...) is left out and counted in one line of the log. So are the
vectors: nothing in the file says which model made them, and they are made anew.
"""

import json
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from memos import ids
from memos.errors import Corrupt, InvalidRequest
from memos.memories.textual.files import LEGACY_FILE, Dump
from memos.memories.textual.item import SourceItem, TextualEdge, TextualMemoryItem, TextualMemoryMetadata
from memos.types import Category, EdgeType, MemoryStatus, MemoryType, Role
from memos.wellformed import without_controls

_NAMESPACE: Final = uuid.UUID("6d656d6f-7300-5000-8000-000000000010")
_CATEGORIES: Final = {
    "procedure": Category.INSTRUCTION,
    "opinion": Category.PREFERENCE,
    "topic": Category.FACT,
    "reasoning": Category.FACT,
    **{category.value: category for category in Category},
}
_EDGE_TYPES: Final = {
    "RELATE": EdgeType.RELATES,
    "RELATE_TO": EdgeType.RELATES,
    "RELATES_TO": EdgeType.RELATES,
    "RELATED_TO": EdgeType.RELATES,
    "INFERS": EdgeType.CAUSE,
    **{edge.value: edge for edge in EdgeType if edge is not EdgeType.DERIVED_FROM},
}
_TAKEN_UP: Final = frozenset({"memory", "sources"})

log = logging.getLogger(__name__)


def read_legacy_dump(directory: Path) -> Dump:
    """The memories and edges of a directory of MemOS 1.x, without vectors. Raises Corrupt.

    Ids that are none here get new ones, the same at every reading. Of two memories with one id the later is kept;
    those without text, and those that were deleted, are left out.
    """
    path = directory / LEGACY_FILE
    return LegacyReader(path).read(_parse(path))


class LegacyReader:
    """Turns the contents of one file into a dump; ``dropped`` counts what was left out, by name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.dropped: Counter[str] = Counter()

    def read(self, content: object) -> Dump:
        """Raises Corrupt when the contents have none of the three forms."""
        nodes, edges = self._parts(content)
        items = {item.id: item for item in map(self._item, nodes) if item is not None}
        known = [edge for edge in map(_edge, edges) if edge is not None]
        kept = tuple(edge for edge in known if _joins(edge, items.keys()))
        self._log(len(items), len(edges) - len(kept))
        return Dump(items=tuple(items.values()), edges=kept)

    def _parts(self, content: object) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
        if isinstance(content, list):
            return self._mappings(content, "entry"), []
        if isinstance(content, dict) and isinstance(content.get("nodes"), list):
            tree = cast(dict[str, Any], content)
            return self._mappings(tree["nodes"], "node"), self._mappings(tree.get("edges") or [], "edge")
        raise Corrupt(f"{self._path} is neither a list of memories nor a tree of nodes and edges; restore it")

    def _mappings(self, values: object, what: str) -> list[Mapping[str, Any]]:
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise Corrupt(f"{self._path} has an {what} that is no object; restore it")
        return cast(list[Mapping[str, Any]], values)

    def _item(self, entry: Mapping[str, Any]) -> TextualMemoryItem | None:
        payload = entry.get("payload")
        fields: Mapping[str, Any] = {**entry, **payload} if isinstance(payload, dict) else entry
        metadata = cast(dict[str, Any], found) if isinstance(found := fields.get("metadata"), dict) else {}
        memory = fields.get("memory")
        text = without_controls(memory).strip() if isinstance(memory, str) else ""
        if not text or metadata.get("status") == "deleted":
            self.dropped["a memory without text" if not text else "a deleted memory"] += 1
            return None
        return TextualMemoryItem(
            id=_known_id(given) if (given := fields.get("id")) else _made_id(text),
            memory=text,
            metadata=self._metadata(metadata),
            sources=self._sources(metadata),
        )

    def _metadata(self, given: Mapping[str, Any]) -> TextualMemoryMetadata:
        known: dict[str, Any] = {}
        for name, value in given.items():
            if name in _TAKEN_UP or value in (None, "", [], {}):
                continue
            field, convert = _FIELDS.get(name, ("", _nothing))
            converted = convert(value)
            if converted is None:
                self.dropped[name] += 1
            else:
                known[field] = converted
        return TextualMemoryMetadata(**known)

    def _sources(self, metadata: Mapping[str, Any]) -> tuple[SourceItem, ...]:
        given = metadata.get("sources")
        sources = cast(list[object], given) if isinstance(given, list) else []
        told = [_source(source, metadata) for source in sources]
        kept = tuple(source for source in told if source is not None)
        if len(kept) < len(sources):
            self.dropped["sources"] += len(sources) - len(kept)
        return kept

    def _log(self, count: int, edges: int) -> None:
        if edges:
            self.dropped["edges"] += edges
        lost = ", ".join(f"{name} ({times})" for name, times in sorted(self.dropped.items())) or "nothing"
        log.info("read %d memories of MemOS 1.x from %s; left out: %s", count, self._path, lost)


def _parse(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"{path} is no JSON: {error}; restore it") from None


def _known_id(value: object) -> str:
    """The id, or one made from it when it is none here."""
    if (
        isinstance(value, str)
        and 1 <= len(value) <= ids.MAX_ID_CHARS
        and value.isprintable()
        and value == value.strip()
    ):
        return value
    return _made_id(value)


def _made_id(value: object) -> str:
    return str(uuid.uuid5(_NAMESPACE, json.dumps(value, sort_keys=True)))


def _edge(given: Mapping[str, Any]) -> TextualEdge | None:
    kind = _EDGE_TYPES.get(str(given.get("type")).upper())
    if kind is None:
        return None
    return TextualEdge(source=_known_id(given.get("source")), target=_known_id(given.get("target")), type=kind)


def _joins(edge: TextualEdge, memories: Collection[str]) -> bool:
    return edge.source != edge.target and edge.source in memories and edge.target in memories


def _source(given: object, metadata: Mapping[str, Any]) -> SourceItem | None:
    fields = _fields(given)
    role, content = fields.get("role"), fields.get("content")
    time = _time(fields.get("chat_time")) or _time(metadata.get("created_at")) or _time(metadata.get("updated_at"))
    if not isinstance(role, str) or role not in tuple(Role) or not isinstance(content, str) or time is None:
        return None
    return SourceItem(
        message_id=_known_id(fields.get("message_id") or [role, content, time.isoformat()]),
        session_id=_text(metadata.get("session_id")) or "legacy",
        role=Role(role),
        speaker=_text(fields.get("name")) or role,
        content=content,
        chat_time=time,
    )


def _fields(given: object) -> dict[str, Any]:
    """A source's fields; some releases wrote them as JSON in a string."""
    try:
        fields = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        return {}
    return cast(dict[str, Any], fields) if isinstance(fields, dict) else {}


def _nothing(value: object) -> None:
    del value


def _text(value: object) -> str | None:
    return without_controls(value) if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...] | None:
    several: Sequence[object] = cast(list[object], value) if isinstance(value, list) else [value]
    return tuple(text for text in map(_text, several) if text) or None


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _confidence(value: object) -> float | None:
    if not isinstance(value, int | float) or not 0 <= value <= 100:
        return None
    return value / 100 if value > 1 else float(value)


def _category(value: object) -> Category | None:
    return _CATEGORIES.get(str(value).lower())


def _status(value: object) -> MemoryStatus | None:
    return MemoryStatus.ARCHIVED if value == "archived" else MemoryStatus.ACTIVATED


def _memory_type(value: object) -> MemoryType | None:
    return MemoryType(value) if value in tuple(MemoryType) else None


def _info(value: object) -> Mapping[str, Any] | None:
    if not isinstance(value, dict):
        return None
    try:
        return TextualMemoryMetadata(info=cast(dict[str, Any], value)).info
    except InvalidRequest:
        return None


def _owner(value: object) -> str | None:
    try:
        return ids.user_id(value)
    except InvalidRequest:
        return None


def _session(value: object) -> str | None:
    try:
        return ids.session_id(value)
    except InvalidRequest:
        return None


_FIELDS: Final[Mapping[str, tuple[str, Callable[[object], object]]]] = {
    "user_id": ("user_id", _owner),
    "session_id": ("session_id", _session),
    "status": ("status", _status),
    "type": ("type", _category),
    "memory_type": ("memory_type", _memory_type),
    "key": ("key", _text),
    "tags": ("tags", _texts),
    "entities": ("entities", _texts),
    "confidence": ("confidence", _confidence),
    "info": ("info", _info),
    "memory_time": ("valid_at", _time),
    "created_at": ("created_at", _time),
    "updated_at": ("updated_at", _time),
}
