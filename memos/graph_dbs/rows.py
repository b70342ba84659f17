"""How memories become properties of nodes, and back, and the layout of all keys. Pure.

    label     key                            order_key
    Memory    tenant, cube, memory           tenant, cube, created_at_ms, memory
    Message   tenant, cube, message          tenant, cube, session, seq
    Job       tenant, cube, job
    Lane      tenant, cube, session
    Retention tenant, cube
    Reading   tenant, cube

Keys are joined by storage_key; numbers in them have leading zeros, so that keys sort as the numbers do. All keys of a
cube lie between two strings (``cube_range``). A memory that the index lags behind has ``lagging_cube``, the others
have not; so has one that no reorganisation has seen ``fresh_cube``. ``subject_key`` (tenant, cube, digest) is shared by
memories that may concern each other.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

from memos.configs.reading import ReadingConfig
from memos.errors import Corrupt, InvalidConfig
from memos.ids import KEY_SEPARATOR, CubeId, MemoryId, MessageId, TenantId, storage_key
from memos.organize.plan import Plan
from memos.organize.retention import Retention
from memos.organize.revise import subject_of
from memos.organize.surroundings import is_plain
from memos.types import Category, Memory, MemoryStatus, MemoryType

Row = dict[str, Any]

_BEHIND_SEPARATOR: Final = chr(ord(KEY_SEPARATOR) + 1)
# What an update leaves alone: identity, where the memory came from, and the two versions, which only grow.
_KEPT_BY_UPDATE: Final = frozenset(
    {"id", "cube", "user", "session", "created_at_ms", "source_ids", "version", "indexed_version"}
)


def cube_range(tenant: TenantId, *parts: str) -> tuple[str, str]:
    """Two strings between which all keys lie that start with these parts."""
    start = storage_key(tenant, *parts)
    return start + KEY_SEPARATOR, start + _BEHIND_SEPARATOR


def keys_of(tenant: TenantId, cube: CubeId, ids: Iterable[str]) -> list[str]:
    """The keys of memories, messages or jobs, each once."""
    return [storage_key(tenant, cube, each) for each in dict.fromkeys(ids)]


def order_key(tenant: TenantId, memory: Memory) -> str:
    """Sorts the memories of a cube by ``created_at_ms``, then ``id``."""
    return storage_key(tenant, memory.cube, f"{max(memory.created_at_ms, 0):015d}", memory.id)


def memory_row(tenant: TenantId, memory: Memory) -> Row:
    """A memory as write_memories.cypher takes it."""
    key = storage_key(tenant, memory.cube, memory.id)
    lagging = storage_key(tenant, memory.cube) if memory.indexed_version < memory.version else None
    identity = {"key": key, "tenant": tenant, "order_key": order_key(tenant, memory), "lagging_cube": lagging}
    sources = [storage_key(tenant, memory.cube, source) for source in memory.source_ids]
    fresh = storage_key(tenant, memory.cube) if is_plain(memory) else None
    properties = {**_attributes(memory), **identity, "subject_key": _subject_key(tenant, memory), "fresh_cube": fresh}
    return {"key": key, "properties": properties, "source_keys": sources}


def rewritten_row(tenant: TenantId, memory: Memory) -> Row:
    """A memory in its next version as lock_memories.cypher and replace_memories.cypher take it."""
    return {**memory_row(tenant, memory), "version": memory.version - 1}


def planned_row(tenant: TenantId, memory: Memory) -> Row:
    """A memory as write_planned.cypher takes it, which makes nothing fresh."""
    row = memory_row(tenant, memory)
    properties = {name: value for name, value in row["properties"].items() if name != "fresh_cube"}
    return {**row, "properties": properties}


def expected_rows(tenant: TenantId, cube: CubeId, plan: Plan) -> list[Row]:
    """What a plan rests on as check_planned.cypher takes it, in the order of the keys."""
    seen = frozenset(plan.seen)
    rows = (
        {"key": storage_key(tenant, cube, memory), "version": version, "seen": memory in seen}
        for memory, version in plan.rests_on.items()
    )
    return sorted(rows, key=lambda row: row["key"])


def update_properties(tenant: TenantId, memory: Memory) -> Row:
    """What update_memory.cypher sets."""
    changed = {name: value for name, value in _attributes(memory).items() if name not in _KEPT_BY_UPDATE}
    found = {"lagging_cube": storage_key(tenant, memory.cube), "subject_key": _subject_key(tenant, memory)}
    return {**changed, **found}


def decay_row(tenant: TenantId, before: Memory, after: Memory) -> Row:
    """A memory that has faded as decay_memories.cypher takes it."""
    return {
        "key": storage_key(tenant, before.cube, before.id),
        "expected_version": before.version,
        "expected_at_ms": before.importance_at_ms,
        "importance": after.importance,
        "archive": after.status is MemoryStatus.ARCHIVED,
    }


def archive_parameters(tenant: TenantId, cube: CubeId, versions: Mapping[MemoryId, int], *, now_ms: int) -> Row:
    """What archive_memories.cypher takes."""
    rows = [{"key": storage_key(tenant, cube, memory), "version": version} for memory, version in versions.items()]
    statuses = {"activated": MemoryStatus.ACTIVATED.value, "archived": MemoryStatus.ARCHIVED.value}
    names = {"tenant": tenant, "cube": cube, "cube_key": storage_key(tenant, cube)}
    return {"rows": rows, "now_ms": now_ms, **statuses, **names}


def loosened_row(tenant: TenantId, memory: Memory) -> Row:
    """A memory without some of its sources as loosen_memories.cypher takes it."""
    key, subject = storage_key(tenant, memory.cube, memory.id), _subject_key(tenant, memory)
    return {"key": key, "source_ids": list(memory.source_ids), "user": memory.user, "subject_key": subject}


def read_memory(properties: Mapping[str, Any]) -> Memory:
    """A memory from its node's properties; one that lacks an importance was written before there was any."""
    known = {name: properties[name] for name in _PLAIN_FIELDS if name in properties}
    return Memory(
        **known,
        key=properties["key_phrase"],
        memory_type=MemoryType(properties["memory_type"]),
        category=Category(properties["category"]),
        status=MemoryStatus(properties["status"]),
        info=json.loads(properties.get("info") or "{}"),
        entities=tuple(properties["entities"]),
        tags=tuple(properties["tags"]),
        source_ids=tuple(MessageId(source) for source in properties["source_ids"]),
    )


def read_retention(properties: Mapping[str, Any]) -> Retention:
    """What a cube says of how long its memories stay, from its node's properties; a limit that is not there is None."""
    return Retention(**{each.name: properties.get(each.name) for each in fields(Retention)})


def reading_json(reading: ReadingConfig) -> str:
    """What a cube wants of its facts as its node holds it: only what is said."""
    return reading.model_dump_json(exclude_none=True)


def read_reading(said: str, cube: CubeId) -> ReadingConfig:
    """What a cube wants of its facts. Raises Corrupt for what this memos would not have written."""
    try:
        return ReadingConfig.model_validate(json.loads(said))
    except (InvalidConfig, ValueError) as error:
        raise Corrupt(
            f"what cube {cube!r} wants of its facts cannot be read ({error}); say it anew by MOS.set_reading, "
            "or use the memos that wrote it"
        ) from error


def _subject_key(tenant: TenantId, memory: Memory) -> str | None:
    subject = subject_of(memory)
    return None if subject is None else storage_key(tenant, memory.cube, subject)


def _attributes(memory: Memory) -> Row:
    return dict(_each_attribute(memory))


def _each_attribute(memory: Memory) -> Iterator[tuple[str, Any]]:
    for name in _PLAIN_FIELDS:
        yield name, getattr(memory, name)
    yield "info", json.dumps(dict(memory.info), ensure_ascii=False) if memory.info else None
    yield "key_phrase", memory.key  # a node's ``key`` is its name in the store
    for name in ("memory_type", "category", "status"):
        yield name, getattr(memory, name).value
    for name in ("entities", "tags", "source_ids"):
        yield name, list(getattr(memory, name))


_PLAIN_FIELDS: Final = (
    "id",
    "cube",
    "user",
    "session",
    "text",
    "speaker",
    "confidence",
    "importance",
    "importance_at_ms",
    "said_at_ms",
    "valid_at_ms",
    "invalid_at_ms",
    "expires_at_ms",
    "pinned",
    "created_at_ms",
    "updated_at_ms",
    "version",
    "indexed_version",
)
