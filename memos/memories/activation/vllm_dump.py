"""Prompts on disk: NAME.jsonl, a header with version, count and checksum, then one item a line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from memos.errors import Corrupt, InvalidRequest, NotFound
from memos.kv.bundle import disk_errors, refuse_pickle
from memos.kv.files import write_whole
from memos.kv.hashing import checksum
from memos.memories.activation.item import VLLMKVCacheItem

_KIND: Final = "vllm_kv_cache"
_VERSION: Final = 1


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    version: int
    items: int
    checksum: str


def dump_lines(directory: Path, name: str, items: Sequence[VLLMKVCacheItem]) -> None:
    """Write the items, whole or not at all, in place of the dump that is there."""
    refuse_pickle(directory, name)
    lines = "".join(f"{json.dumps(item.model_dump(mode='json'))}\n" for item in items).encode()
    header = _Header(kind=_KIND, version=_VERSION, items=len(items), checksum=checksum(lines))
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        write_whole(_path(directory, name), f"{header.model_dump_json()}\n".encode() + lines)


def load_lines(directory: Path, name: str) -> list[VLLMKVCacheItem]:
    """The items of a dump. Raises NotFound, Corrupt, and InvalidRequest for a pickle or another version."""
    refuse_pickle(directory, name)
    path = _path(directory, name)
    first, _, lines = _read(path).partition(b"\n")
    _check(first, lines, path)
    try:
        return [VLLMKVCacheItem.model_validate_json(line) for line in lines.splitlines()]
    except (ValidationError, InvalidRequest) as error:
        raise Corrupt(f"{path} does not describe prompts: {error}") from None


def _check(first: bytes, lines: bytes, path: Path) -> None:
    try:
        header = _Header.model_validate_json(first)
    except ValidationError as error:
        raise Corrupt(f"{path} cannot be read: {error.error_count()} errors; restore it or dump again") from None
    if (header.kind, header.version) != (_KIND, _VERSION):
        raise InvalidRequest(
            f"{path} is of kind {header.kind!r:.40}, version {header.version}; this reads {_KIND!r}, version {_VERSION}"
        )
    if header.checksum != checksum(lines) or header.items != lines.count(b"\n"):
        raise Corrupt(f"{path} is damaged: its checksum or count differs; restore it or dump again")


def _read(path: Path) -> bytes:
    with disk_errors(path.parent):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise NotFound(f"there is no dump {path}") from None


def _path(directory: Path, name: str) -> Path:
    return directory / f"{name}.jsonl"
