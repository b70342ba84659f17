"""The hashes of KV artefacts: names for things, and checksums against damage."""

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from mmap import mmap
from pathlib import Path
from typing import Any


def hash_text(text: str) -> str:
    """128 bits of BLAKE2b in hexadecimal; lone surrogates are no error."""
    return hash_bytes(text.encode("utf-8", "surrogatepass"))


def hash_bytes(content: bytes) -> str:
    """128 bits of BLAKE2b in hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def hash_tokens(token_ids: Sequence[int]) -> str:
    """A hash of a sequence of token ids, the same on every machine."""
    return hash_bytes(struct.pack(f"<{len(token_ids)}I", *token_ids))


def hash_mapping(values: Mapping[str, Any]) -> str:
    """A hash of a JSON-like mapping; the order of its keys plays no role."""
    return hash_text(canonical_json(values))


def canonical_json(values: Any) -> str:
    """JSON with sorted keys and no white space."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, the fastest strong hash on processors that have it in hardware."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum(content: bytes | mmap) -> str:
    """A CRC-32: finds damage, not malice, at some 7 GB/s, because every load from disk waits for it."""
    return f"crc32:{zlib.crc32(content):08x}"
