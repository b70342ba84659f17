"""What an artefact is, beside its tensors: by which model, of which tokens, from which memories.

The manifest is a JSON file; everything in it that decides about reuse is compared before a tensor is used.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from memos.ids import CubeId, MemoryId, TenantId

FORMAT_VERSION: Final = 1


class ModelFingerprint(BaseModel):
    """All that must be equal for a KV state of one model to be valid in another process.

    The hashes cover the bytes of the weights, of the tokenizer's files, of the chat template, and the rest of the
    model's configuration. Two models of one name with different weights differ here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_id: str
    weights_hash: str
    tokenizer_hash: str
    chat_template_hash: str
    config_hash: str
    dtype: str
    layer_types: tuple[str, ...]
    layers: int
    kv_heads: int
    head_dim: int
    rope: str = Field(description="The rotary parameters as canonical JSON.")

    def differing_fields(self, other: "ModelFingerprint") -> list[str]:
        """The names of the fields in which two fingerprints differ."""
        return [name for name in type(self).model_fields if getattr(self, name) != getattr(other, name)]


class MemoryRef(BaseModel):
    """One memory whose text went into the prefix, at the version that did."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: MemoryId
    version: int


class Manifest(BaseModel):
    """The JSON file beside an artefact's tensors. ``checksum`` is of the tensor file's bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = FORMAT_VERSION
    artefact_id: str
    tenant: TenantId
    cube: CubeId
    fingerprint: ModelFingerprint
    system_hash: str = Field(description="Of the system prompt; a newer artefact of the same one supersedes this.")
    token_ids_hash: str
    token_count: int = Field(ge=1)
    memories: tuple[MemoryRef, ...]
    size_bytes: int
    checksum: str
    built_at_ms: int
    build_ms: float
