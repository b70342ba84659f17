"""A memory in the words of the page: plain text, not escaped yet, and bounded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from memos.ids import MemoryId
from memos.memories.textual.item import time_of
from memos.types import Edge, Memory, Source
from memos.view.snapshot import Snapshot
from memos.view.standing import Standing, standing

_MOST_SOURCES: Final = 10
_SOURCE_CHARS: Final = 500
_MENTION_CHARS: Final = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A message behind a memory: who said what, and when."""

    speaker: str
    at: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """A relation of a memory: ``number`` is the other's, and ``out`` says that the relation leads there."""

    relation: str
    out: bool
    number: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """All that is shown of a memory. Times are UTC, empty where none is known; ``more_sources`` are not shown."""

    number: int
    id: MemoryId
    text: str
    memory_type: str
    category: str
    standing: Standing
    said_at: str
    valid_at: str
    invalid_at: str
    sources: tuple[Said, ...]
    more_sources: int
    mentions: tuple[Mention, ...]


def build_cards(snapshot: Snapshot) -> list[Card]:
    """A card for each memory, the newest first, numbered from 1."""
    memories = list(reversed(snapshot.memories))
    numbers = {memory.id: number for number, memory in enumerate(memories, start=1)}
    texts = {memory.id: shorten(memory.text, _MENTION_CHARS) for memory in memories}
    mentions: dict[MemoryId, list[Mention]] = {memory.id: [] for memory in memories}
    for edge in snapshot.edges:
        mentions[edge.source].append(_mention(edge, edge.target, numbers, texts))
        mentions[edge.target].append(_mention(edge, edge.source, numbers, texts))
    return [_build(memory, numbers[memory.id], mentions[memory.id], snapshot) for memory in memories]


def show_time(at_ms: int | None) -> str:
    """To the minute; nothing for a time that is not known."""
    return f"{time_of(at_ms):%Y-%m-%d %H:%M} UTC" if at_ms else ""


def shorten(text: str, most_chars: int) -> str:
    """The text on one line, cut to so many characters, also where it has no spaces."""
    line = " ".join(text.split())
    return line if len(line) <= most_chars else f"{line[: most_chars - 1]}…"


def _build(memory: Memory, number: int, mentions: Sequence[Mention], snapshot: Snapshot) -> Card:
    sources = snapshot.sources.get(memory.id, ())
    return Card(
        number=number,
        id=memory.id,
        text=memory.text,
        memory_type=memory.memory_type.value,
        category=memory.category.value,
        standing=standing(memory, now_ms=snapshot.taken_at_ms),
        said_at=show_time(memory.said_at_ms),
        valid_at=show_time(memory.valid_at_ms),
        invalid_at=show_time(memory.invalid_at_ms),
        sources=tuple(_said(source) for source in sources[:_MOST_SOURCES]),
        more_sources=max(len(sources) - _MOST_SOURCES, 0),
        mentions=tuple(mentions),
    )


def _said(source: Source) -> Said:
    return Said(speaker=source.speaker, at=show_time(source.said_at_ms), text=shorten(source.text, _SOURCE_CHARS))


def _mention(edge: Edge, other: MemoryId, numbers: Mapping[MemoryId, int], texts: Mapping[MemoryId, str]) -> Mention:
    return Mention(relation=edge.type.value, out=other == edge.target, number=numbers[other], text=texts[other])
