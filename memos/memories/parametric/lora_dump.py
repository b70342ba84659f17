"""Adapters on disk: NAME.json, and for each NAME/HASH with the two files of peft's layout, as they were given."""

from collections.abc import Callable, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memos.errors import Corrupt, InvalidRequest
from memos.kv.bundle import Bundle, seal, unseal
from memos.kv.hashing import canonical_json, hash_bytes, hash_text
from memos.memories.parametric.adapter import CONFIG_FILE, WEIGHTS_FILE
from memos.memories.parametric.item import LoRAItem, LoRAMetadata

_KIND: Final = "lora"
_VERSION: Final = 1


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    memory: str
    metadata: LoRAMetadata
    directory: str = Field(pattern=r"^[0-9a-f]{32}$")
    config_hash: str
    weights_hash: str


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    items: tuple[_Stored, ...]


def dump_adapters(bundle: Bundle, items: Sequence[LoRAItem]) -> None:
    """Write the items. All or nothing, also when the process is killed."""
    with bundle.writing():
        stored = tuple(_write(bundle, item) for item in items)
        manifest = seal(_KIND, _VERSION, _Content(items=stored).model_dump(mode="json"))
        bundle.commit(manifest, {one.directory for one in stored})


def load_adapters(bundle: Bundle, check: Callable[[LoRAItem], object]) -> list[LoRAItem]:
    """The items of a dump, every byte checked, and each by ``check``. Raises NotFound, Corrupt."""
    items = bundle.load(lambda manifest: _read_all(bundle, manifest))
    for item in items:
        check(item)
    return items


def _write(bundle: Bundle, item: LoRAItem) -> _Stored:
    config_hash, weights_hash = hash_bytes(item.config), hash_bytes(item.weights)
    directory = hash_text(canonical_json([config_hash, weights_hash]))
    bundle.write(f"{directory}/{CONFIG_FILE}", item.config)
    bundle.write(f"{directory}/{WEIGHTS_FILE}", item.weights)
    return _Stored(
        id=item.id,
        memory=item.memory,
        metadata=item.metadata,
        directory=directory,
        config_hash=config_hash,
        weights_hash=weights_hash,
    )


def _read_all(bundle: Bundle, manifest: bytes) -> list[LoRAItem]:
    where = str(bundle.manifest_path)
    content = unseal(manifest, _KIND, _VERSION, where=where)
    try:
        parsed = _Content.model_validate(content)
    except (ValidationError, InvalidRequest) as error:
        raise Corrupt(f"{where} does not describe adapters: {error}") from None
    return [_read(bundle, one) for one in parsed.items]


def _read(bundle: Bundle, stored: _Stored) -> LoRAItem:
    return LoRAItem(
        id=stored.id,
        memory=stored.memory,
        metadata=stored.metadata,
        config=_checked(bundle, f"{stored.directory}/{CONFIG_FILE}", stored.config_hash),
        weights=_checked(bundle, f"{stored.directory}/{WEIGHTS_FILE}", stored.weights_hash),
    )


def _checked(bundle: Bundle, relative: str, expected: str) -> bytes:
    content = bundle.read(relative)
    if hash_bytes(content) != expected:
        raise Corrupt(f"{bundle.path_of(relative)} is damaged: its checksum differs; restore it or dump again")
    return content
