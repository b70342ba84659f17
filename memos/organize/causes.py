"""What somebody says is the reason of something, read off the words that begin a statement. Pure. In English.

    "I lost my job. So I opened a shop."                  the first is the CAUSE of the second
    "I stayed in. Because my knee hurts."                 the second is the CAUSE of the first
    "Pottery is calming." / "That's why I love it."       the same over two messages that follow each other

Only statements between which nothing else was said; and only where their words are those of the message, so not what a
model has told in its own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from memos.ids import MemoryId, MessageId
from memos.mem_reader.sentences import split_sentences
from memos.organize.surroundings import Surroundings, is_plain, statement_of
from memos.types import Memory, Source

# "So much", "So glad" and a first "So I ..." tell of no reason.
_SO: Final = re.compile(r"So,? (?:I|we|he|she|they|my|our|now)\b(?:['’]\w+)?")
_THEREFORE: Final = re.compile(
    r"(?:That['’]s|That is|This is|Which is|And that['’]s) why\b|Because of (?:that|this|it)\b|Therefore\b"
    r"|As a (?:result|consequence)\b|For (?:that|this) reason\b|Consequently\b"
)
_BECAUSE: Final = re.compile(r"Because (?!of (?:that|this|it)\b)")
_PROBE_WORDS: Final = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a memory's statement stands: from sentence ``first`` of a message up to, not including, ``end``."""

    memory: MemoryId
    statement: str
    message: MessageId
    first: int
    end: int
    is_last: bool


def find_causes(around: Surroundings) -> Iterator[tuple[MemoryId, MemoryId, str]]:
    """Cause, effect, and the words that say so."""
    before = _messages_before(around)
    places = [place for memory in around.fresh if is_plain(memory) for place in _find_places(memory, around)]
    ends = {(place.message, place.end): place for place in places}
    lasts = {place.message: place for place in places if place.is_last}
    for place in places:
        within = ends.get((place.message, place.first)) if place.first else None
        across = lasts.get(before.get(place.message, MessageId(""))) if not place.first else None
        yield from _read(place, within, across)


def _read(place: _Place, within: _Place | None, across: _Place | None) -> Iterator[tuple[MemoryId, MemoryId, str]]:
    """What a statement says of the one before it, which stands in the same message or ends the message before."""
    before = within or across
    if before is None or before.memory == place.memory:
        return
    follows = _THEREFORE.match(place.statement) or (_SO.match(place.statement) if within else None)
    explains = _BECAUSE.match(place.statement) if within else None
    if follows:
        yield before.memory, place.memory, follows[0]
    elif explains:
        yield place.memory, before.memory, explains[0].strip()


def _find_places(memory: Memory, around: Surroundings) -> Iterator[_Place]:
    """Where the memory's words are among the sentences of what it came from."""
    statement = statement_of(memory)
    for source in around.sources.get(memory.id, ()):
        if source.message_id in memory.source_ids and (place := _find_place(memory, statement, source)):
            yield place


def _find_place(memory: Memory, statement: str, source: Source) -> _Place | None:
    sentences = split_sentences(source.text)
    # Dates are made absolute within a statement, in brackets; its first words are as they were said.
    probe = " ".join(statement.partition(" (")[0].split()[:_PROBE_WORDS]).casefold()
    first = next((number for number, each in enumerate(sentences) if probe and probe in each.casefold()), None)
    if first is None:
        return None
    end = min(first + len(split_sentences(statement)), len(sentences))
    return _Place(
        memory=memory.id,
        statement=statement,
        message=source.message_id,
        first=first,
        end=end,
        is_last=end == len(sentences),
    )


def _messages_before(around: Surroundings) -> dict[MessageId, MessageId]:
    """The message before each, in its session."""
    found: dict[MessageId, MessageId] = {}
    for memory in around.fresh:
        told = around.sources.get(memory.id, ())
        for earlier, later in pairwise(told):
            if earlier.session == later.session and later.message_id in memory.source_ids:
                found[later.message_id] = earlier.message_id
    return found
