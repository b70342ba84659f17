"""A document as messages for ``MOS.add``: one for each chunk, in batches that are a job each.

    {"role": "tool", "name": "guides/handbook.pdf#char=1024,3100", "content": "Handbook > Leave\n\nThirty days a year."}

The role keeps documents out of the turns that a chat shows, and out of what readers take for a person's words:
``DocumentReader`` is the one that reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from memos.configs.chunker import ChunkerConfigFactory
from memos.documents.chunk import Chunk
from memos.documents.convert import Document
from memos.documents.origin import Origin
from memos.types import Role

BATCH_MESSAGES: Final = 64
BATCH_CHARS: Final = 1_000_000
_KEY_VERSION: Final = "1"


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentBatch:
    """The messages of one job. ``key`` is its idempotency key: of the same bytes, cut the same way, always the same."""

    key: str
    messages: tuple[Mapping[str, Any], ...]


def as_messages(document: Document, chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    """A message for each chunk, in order: its text behind the headings above it, and its origin as the speaker."""
    return [
        {
            "role": Role.TOOL.value,
            "name": str(Origin(name=document.name, start=chunk.start, end=chunk.end)),
            "content": _with_headings(chunk),
        }
        for chunk in chunks
    ]


def as_batches(document: Document, chunks: Sequence[Chunk], config: ChunkerConfigFactory) -> list[DocumentBatch]:
    """The messages of ``as_messages`` in jobs of a size that a worker does in seconds.

    A key depends on the file's bytes and on how they are cut, not on the document's name: what is added under two
    names is remembered once.
    """
    messages = as_messages(document, chunks)
    cut = config.model_dump_json()
    return [
        DocumentBatch(key=_key(document, cut, start), messages=tuple(messages[start:end]))
        for start, end in _ranges([len(message["content"]) for message in messages])
    ]


def _with_headings(chunk: Chunk) -> str:
    return f"{' > '.join(chunk.headings)}\n\n{chunk.text}" if chunk.headings else chunk.text


def _key(document: Document, cut: str, first: int) -> str:
    digest = sha256("\x1f".join((_KEY_VERSION, document.sha256, cut, str(first))).encode())
    return f"document-{digest.hexdigest()}"


def _ranges(sizes: Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    room = 0
    for place, size in enumerate(sizes):
        if not ranges or size > room or place - ranges[-1][0] >= BATCH_MESSAGES:
            ranges.append((place, place))
            room = BATCH_CHARS
        ranges[-1] = (ranges[-1][0], place + 1)
        room -= size
    return ranges
