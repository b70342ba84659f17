"""The header of a safetensors file, read without any library: names, types and shapes of its tensors.

8 bytes      length of the header, little endian
JSON         {"NAME": {"dtype": "F32", "shape": [8, 576], "data_offsets": [0, 18432]}, ..., "__metadata__": {...}}
the rest     the tensors' bytes, without gaps

Source: the format's specification in the safetensors project.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from memos.errors import InvalidRequest

_LENGTH_BYTES: Final = 8
_LARGEST_HEADER: Final = 100_000_000
_METADATA: Final = "__metadata__"
# What weights and adapters are stored in.
_ITEM_BYTES: Final = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I64": 8,
    "I32": 4,
    "I8": 1,
    "U8": 1,
}

Shapes = Mapping[str, tuple[int, ...]]
"""The shape of each tensor, by its name."""


class _Tensor(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    dtype: str
    shape: tuple[Annotated[int, Field(ge=0)], ...]
    data_offsets: tuple[int, int]


_HEADER: Final = TypeAdapter(dict[str, _Tensor | dict[str, str]])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Split:
    header: bytes
    data_bytes: int


def shapes_of(content: bytes, what: str) -> Shapes:
    """The shapes in a whole file, after checking that it is one. Raises InvalidRequest, naming what is wrong."""
    length = _header_length(content[:_LENGTH_BYTES], what)
    header = content[_LENGTH_BYTES : _LENGTH_BYTES + length]
    return _checked(_Split(header=header, data_bytes=len(content) - _LENGTH_BYTES - length), what)


def load_shapes(path: Path) -> Shapes:
    """The shapes in a file on disk; reads its header alone. Raises InvalidRequest, OSError."""
    with path.open("rb") as file:
        length = _header_length(file.read(_LENGTH_BYTES), str(path))
        header = file.read(length)
    return _checked(_Split(header=header, data_bytes=path.stat().st_size - _LENGTH_BYTES - length), str(path))


def _header_length(first: bytes, what: str) -> int:
    length = struct.unpack("<Q", first)[0] if len(first) == _LENGTH_BYTES else _LARGEST_HEADER + 1
    if length > _LARGEST_HEADER:
        raise InvalidRequest(f"{what} is no safetensors file: it has no header of a sensible length")
    return length


def _checked(split: _Split, what: str) -> Shapes:
    if split.data_bytes < 0:
        raise InvalidRequest(f"{what} is cut short: its header is longer than the file")
    try:
        entries = _HEADER.validate_json(split.header)
    except ValidationError:
        raise InvalidRequest(f"{what} is no safetensors file: its header cannot be read") from None
    tensors = {name: entry for name, entry in entries.items() if isinstance(entry, _Tensor) and name != _METADATA}
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        size = prod(tensor.shape) * _item_bytes(tensor.dtype, what)
        if tensor.data_offsets != (end, end + size):
            raise InvalidRequest(f"{what}: tensor {name} lies at {tensor.data_offsets} and not at {(end, end + size)}")
        end += size
    if end != split.data_bytes:
        raise InvalidRequest(f"{what} has {split.data_bytes} bytes of tensors and its header tells of {end}")
    return {name: tensor.shape for name, tensor in tensors.items()}


def _item_bytes(dtype: str, what: str) -> int:
    size = _ITEM_BYTES.get(dtype)
    if size is None:
        raise InvalidRequest(f"{what} has tensors of type {dtype!r:.20}, which is not known here")
    return size
