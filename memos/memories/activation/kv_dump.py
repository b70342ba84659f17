"""KV items on disk: NAME.json with the items and the model they are of, NAME/HASH.safetensors with the tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memos.errors import Corrupt, InvalidRequest
from memos.kv.bundle import Bundle, seal, unseal
from memos.kv.files import load_state, pack_state
from memos.kv.hashing import checksum, hash_bytes
from memos.kv.manifest import ModelFingerprint
from memos.memories.activation.item import KVCacheItem, KVCacheMetadata

_KIND: Final = "kv_cache"
_VERSION: Final = 1


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    memory: str
    metadata: KVCacheMetadata
    file: str = Field(pattern=r"^[0-9a-f]{32}\.safetensors$")
    size_bytes: int
    checksum: str


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: ModelFingerprint
    items: tuple[_Stored, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Expected:
    artefact_id: str
    fingerprint: ModelFingerprint
    token_count: int
    size_bytes: int
    checksum: str


def dump_items(bundle: Bundle, fingerprint: ModelFingerprint, items: Sequence[KVCacheItem]) -> None:
    """Write the items; all are of the model with this fingerprint. All or nothing, also when the process is killed."""
    with bundle.writing():
        stored = tuple(_write(bundle, item) for item in items)
        content = _Content(fingerprint=fingerprint, items=stored)
        manifest = seal(_KIND, _VERSION, content.model_dump(mode="json"))
        bundle.commit(manifest, {one.file for one in stored})


def load_items(bundle: Bundle, fingerprint: ModelFingerprint) -> list[KVCacheItem]:
    """The items of a dump, every byte checked. Raises NotFound, Corrupt, InvalidRequest for another model's states."""
    where = str(bundle.manifest_path)

    def read(manifest: bytes) -> list[KVCacheItem]:
        content = _parse(unseal(manifest, _KIND, _VERSION, where=where), where)
        refuse_other_model(content.fingerprint, fingerprint, f"the dump {where}")
        return [_read(bundle, one, fingerprint) for one in content.items]

    return bundle.load(read)


def refuse_other_model(found: ModelFingerprint, wanted: ModelFingerprint, what: str) -> None:
    """Raises InvalidRequest, naming what differs: states of one model mean nothing to another."""
    differing = wanted.differing_fields(found)
    if differing:
        raise InvalidRequest(
            f"{what} has KV states of {found.model_id} ({found.dtype}), and this memory is of {wanted.model_id} "
            f"({wanted.dtype}): {', '.join(differing)} differs; extract them anew with this model"
        )


def _write(bundle: Bundle, item: KVCacheItem) -> _Stored:
    tensors = pack_state(item.state)
    file = f"{hash_bytes(tensors)}.safetensors"
    bundle.write(file, tensors)
    return _Stored(
        id=item.id,
        memory=item.memory,
        metadata=item.metadata,
        file=file,
        size_bytes=len(tensors),
        checksum=checksum(tensors),
    )


def _read(bundle: Bundle, stored: _Stored, fingerprint: ModelFingerprint) -> KVCacheItem:
    expected = _Expected(
        artefact_id=f"{stored.id} in {stored.file}",
        fingerprint=fingerprint,
        token_count=stored.metadata.token_count,
        size_bytes=stored.size_bytes,
        checksum=stored.checksum,
    )
    with bundle.reading(stored.file) as path:
        state = load_state(path, expected)
    return KVCacheItem(
        id=stored.id, memory=stored.memory, metadata=stored.metadata, fingerprint=fingerprint, state=state
    )


def _parse(content: object, where: str) -> _Content:
    try:
        return _Content.model_validate(content)
    except (ValidationError, InvalidRequest) as error:
        raise Corrupt(f"{where} does not describe KV items: {error}") from None
