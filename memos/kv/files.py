"""Files that are there whole or not at all, and the tensor file of an artefact.

token_ids           int32 [tokens]
keys.0, values.0    [kv_heads, tokens, head_dim], and so on for each layer
"""

import contextlib
import mmap
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from memos.errors import Corrupt
from memos.kv.hashing import checksum
from memos.kv.manifest import ModelFingerprint
from memos.kv.state import KVState

if TYPE_CHECKING:
    from torch import Tensor

TEMPORARY_SUFFIX: Final = ".tmp"
_TOKEN_IDS: Final = "token_ids"  # noqa: S105


class Packed(Protocol):
    """What a tensor file is checked against. ``checksum`` is of its bytes."""

    @property
    def artefact_id(self) -> str: ...

    @property
    def fingerprint(self) -> ModelFingerprint: ...

    @property
    def token_count(self) -> int: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def checksum(self) -> str: ...


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that nobody sees in part and only its owner reads. Raises OSError, and then leaves nothing."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, suffix=TEMPORARY_SUFFIX)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
        _sync_directory(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(scratch)
        raise


def pack_state(state: KVState) -> bytes:
    """The contents of a tensor file."""
    import torch
    from safetensors.torch import save

    tensors = {_TOKEN_IDS: torch.tensor(state.token_ids, dtype=torch.int32)}
    for index, (key, value) in enumerate(zip(state.keys, state.values, strict=True)):
        tensors[f"keys.{index}"] = key.contiguous()
        tensors[f"values.{index}"] = value.contiguous()
    return save(tensors)


def load_token_ids(path: Path) -> tuple[int, ...]:
    """The token ids of a tensor file. Raises Corrupt when it is none, FileNotFoundError when it is gone."""
    with _opened(path) as file:
        return tuple(file.get_tensor(_TOKEN_IDS).tolist())


def load_state(path: Path, manifest: Packed) -> KVState:
    """The state of a tensor file, in memory of its own, after checking every byte of it against the manifest.

    Raises Corrupt when anything differs, FileNotFoundError when the file is gone.
    """
    _verify_bytes(path, manifest)
    layers = range(manifest.fingerprint.layers)
    with _opened(path) as file:
        # Copies: the mapped file could still be changed by somebody after it was checked.
        state = KVState(
            token_ids=tuple(file.get_tensor(_TOKEN_IDS).tolist()),
            keys=tuple(file.get_tensor(f"keys.{index}").clone() for index in layers),
            values=tuple(file.get_tensor(f"values.{index}").clone() for index in layers),
        )
    _verify_shapes(state, manifest)
    return state


def _verify_bytes(path: Path, manifest: Packed) -> None:
    size = path.stat().st_size
    if size != manifest.size_bytes or size == 0:
        raise Corrupt(f"artefact {manifest.artefact_id} has {size} bytes instead of {manifest.size_bytes}")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        found = checksum(mapped)
    if found != manifest.checksum:
        raise Corrupt(f"artefact {manifest.artefact_id} has checksum {found} instead of {manifest.checksum}")


def _verify_shapes(state: KVState, manifest: Packed) -> None:
    model = manifest.fingerprint
    expected = (model.kv_heads, manifest.token_count, model.head_dim)
    for tensor in (*state.keys, *state.values):
        if tuple(tensor.shape) != expected or _dtype_name(tensor) != model.dtype:
            raise Corrupt(f"artefact {manifest.artefact_id} has a tensor {tuple(tensor.shape)} instead of {expected}")


def _dtype_name(tensor: "Tensor") -> str:
    return str(tensor.dtype).removeprefix("torch.")


@contextlib.contextmanager
def _opened(path: Path) -> Generator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            yield file
    except SafetensorError as error:
        raise Corrupt(f"{path.name} is no whole tensor file: {error}") from error


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
