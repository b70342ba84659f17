"""Textual memories in a directory: the same files for every backend, so that each can read what another wrote.

textual_memory.jsonl          a header {"schema": "memos.textual", "version": 1, ...}, then an item a line, oldest first
textual_edges.jsonl           only if there are edges: a header of its own, then an edge a line
textual_vectors.safetensors   only if there are vectors: ``vectors``, float32 [items, dimension], in the items' order
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memos.errors import Corrupt, InvalidConfig, InvalidRequest, NotFound
from memos.kv.bundle import disk_errors
from memos.memories.directory import reading, replacing
from memos.memories.manifest import Manifest, load_manifest, read_listed
from memos.memories.textual.item import TextualEdge, TextualMemoryItem, milliseconds_of

if TYPE_CHECKING:
    from types import ModuleType

ITEMS_FILE: Final = "textual_memory.jsonl"
EDGES_FILE: Final = "textual_edges.jsonl"
VECTORS_FILE: Final = "textual_vectors.safetensors"
FILES: Final = frozenset({ITEMS_FILE, EDGES_FILE, VECTORS_FILE})
LEGACY_FILE: Final = "textual_memory.json"

_ITEMS_SCHEMA: Final = "memos.textual"
_EDGES_SCHEMA: Final = "memos.textual.edges"
_SCHEMAS: Final = {ITEMS_FILE: _ITEMS_SCHEMA, EDGES_FILE: _EDGES_SCHEMA}
_VERSION: Final = 1
_VECTORS: Final = "vectors"
_MODEL: Final = "model"

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dump:
    """What a textual memory consists of. ``vectors``, by memory id and made by ``model``, are of all items or none."""

    items: tuple[TextualMemoryItem, ...]
    edges: tuple[TextualEdge, ...] = ()
    vectors: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])
    model: str = ""


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    schema_name: str = Field(alias="schema")
    version: int
    backend: str
    count: int


def write_dump(directory: str | Path, dump: Dump, *, backend: str) -> None:
    """Write a dump in the place of the one that is there, whole or not at all; equal dumps give equal bytes.

    Raises InvalidRequest when ``directory`` holds anything else, a whole cube included, and InvalidConfig when vectors
    are to be written and safetensors is not installed.
    """
    ordered = sorted(dump.items, key=_age)
    vectors = _pack_vectors(ordered, dump)
    with replacing(directory, may_hold=FILES) as fresh, disk_errors(fresh):
        (fresh / ITEMS_FILE).write_bytes(_pack_lines(_ITEMS_SCHEMA, backend, map(_plain, ordered)))
        if dump.edges:
            (fresh / EDGES_FILE).write_bytes(_pack_lines(_EDGES_SCHEMA, backend, _plain_edges(dump.edges)))
        if vectors is not None:
            (fresh / VECTORS_FILE).write_bytes(vectors)


def read_dump(directory: str | Path) -> Dump:
    """A dump, every byte checked, or the textual memories of a directory that MemOS 1.x wrote.

    Raises NotFound when there is none, Corrupt, and InvalidRequest for pickles, links and later versions.
    """
    with reading(directory) as found, disk_errors(found):
        if (found / LEGACY_FILE).exists() and not (found / ITEMS_FILE).exists():
            from memos.memories.textual.legacy import read_legacy_dump

            return read_legacy_dump(found)
        manifest = load_manifest(found)
        if manifest is None:
            raise NotFound(f"there is no dump of textual memory in {found}")
        return _read(found, manifest)


def _read(directory: Path, manifest: Manifest) -> Dump:
    items = _parse_lines(directory / ITEMS_FILE, read_listed(directory, manifest, ITEMS_FILE), TextualMemoryItem)
    edges: list[TextualEdge] = []
    if EDGES_FILE in manifest.files:
        edges = _parse_lines(directory / EDGES_FILE, read_listed(directory, manifest, EDGES_FILE), TextualEdge)
    if VECTORS_FILE not in manifest.files:
        return Dump(items=tuple(items), edges=tuple(edges))
    vectors, model = _unpack_vectors(directory / VECTORS_FILE, read_listed(directory, manifest, VECTORS_FILE), items)
    return Dump(items=tuple(items), edges=tuple(edges), vectors=vectors, model=model)


def _age(item: TextualMemoryItem) -> tuple[int, str]:
    created = item.metadata.created_at
    return (0 if created is None else milliseconds_of(created)), item.id


def _plain(item: TextualMemoryItem) -> dict[str, Any]:
    return item.model_dump(mode="json", exclude={"score", "parts"})


def _plain_edges(edges: Iterable[TextualEdge]) -> list[dict[str, Any]]:
    return [
        edge.model_dump(mode="json") for edge in sorted(edges, key=lambda edge: (edge.source, edge.target, edge.type))
    ]


def _pack_lines(schema: str, backend: str, values: Iterable[dict[str, Any]]) -> bytes:
    lines = [_line(value) for value in values]
    header = {"schema": schema, "version": _VERSION, "backend": backend, "count": len(lines)}
    return "".join([json.dumps(header), "\n", *lines]).encode()


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False) + "\n"


def _parse_lines(path: Path, content: bytes, model: type[ModelT]) -> list[ModelT]:
    first, *lines = content.removesuffix(b"\n").split(b"\n")
    try:
        header = _Header.model_validate_json(first)
    except ValidationError as error:
        raise Corrupt(f"line 1 of {path} is no header: {_first_error(error)}") from None
    _check_header(header, _SCHEMAS[path.name], path)
    if header.count != len(lines):
        raise Corrupt(f"{path} has {len(lines)} lines of {header.count}; restore it or dump again")
    return [_parse_line(line, model, f"line {number} of {path}") for number, line in enumerate(lines, start=2)]


def _check_header(header: _Header, schema: str, path: Path) -> None:
    if header.schema_name != schema or header.version > _VERSION:
        raise InvalidRequest(
            f"{path} has schema {header.schema_name!r:.40}, version {header.version}; this reads {schema!r} up to "
            f"version {_VERSION}: use a newer release"
        )


def _parse_line(line: bytes, model: type[ModelT], where: str) -> ModelT:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        raise Corrupt(f"{where} cannot be read: {_first_error(error)}") from None
    except InvalidRequest as error:  # what items raise for a field
        raise Corrupt(f"{where} cannot be read: {error}") from None


def _first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _pack_vectors(items: Sequence[TextualMemoryItem], dump: Dump) -> bytes | None:
    if not dump.vectors:
        return None
    missing = [item.id for item in items if item.id not in dump.vectors]
    sizes = {len(dump.vectors[item.id]) for item in items if item.id in dump.vectors}
    if missing or len(sizes) > 1:
        lacking = f"{missing[0]!r:.80} has none" if missing else f"they have {sorted(sizes)} numbers"
        raise InvalidRequest(f"a dump has vectors of one length for every item or for none; {lacking}")
    import numpy

    rows = numpy.array([dump.vectors[item.id] for item in items], dtype=numpy.float32)
    # One entry, since more would be written in any order.
    return _safetensors().save({_VECTORS: rows}, metadata={_MODEL: dump.model})


def _unpack_vectors(path: Path, content: bytes, items: Sequence[TextualMemoryItem]) -> tuple[dict[str, Any], str]:
    load = _safetensors().load
    from safetensors import SafetensorError

    try:
        rows = load(content)[_VECTORS]
        model = _read_metadata(content)[_MODEL]
    except (SafetensorError, KeyError, ValueError) as error:
        raise Corrupt(f"{path} holds no vectors: {error}; restore it or dump again") from None
    if rows.ndim != 2 or len(rows) != len(items) or rows.dtype != "float32":
        raise Corrupt(f"{path} holds a tensor {rows.dtype} {rows.shape} for {len(items)} items")
    return {item.id: row.tolist() for item, row in zip(items, rows, strict=True)}, model


def _read_metadata(content: bytes) -> dict[str, str]:
    """The metadata of a safetensors file: a length of 8 bytes, then a header in JSON."""
    size = int.from_bytes(content[:8], "little")
    return cast(dict[str, dict[str, str]], json.loads(content[8 : 8 + size]))["__metadata__"]


def _safetensors() -> "ModuleType":
    try:
        import safetensors.numpy
    except ModuleNotFoundError:
        raise InvalidConfig(
            "vectors are kept as safetensors, and that package is not installed: pip install 'memos[local]'"
        ) from None
    return safetensors.numpy
