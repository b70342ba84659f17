"""The words of a summary: the statements of its children that have most in common with the others. Pure."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from memos.mem_reader.words import content_words
from memos.organize.surroundings import order_of, statement_of
from memos.types import Memory

SHOWN: Final = 3
MAX_STATEMENT_CHARS: Final = 200
MAX_ENTITIES: Final = 16


def tell(speaker: str, subject: str, children: Sequence[Memory]) -> dict[str, Any]:
    """The fields of a summary's memory that its children decide: text, entities, importance, times, sources."""
    central = find_central(children)
    shown = "; ".join(_dated(child) for child in central)
    lead = f'{speaker} about "{subject}": ' if speaker else f'About "{subject}": '
    names = dict.fromkeys(name for child in central for name in child.entities)
    return {
        "text": lead + shown,
        "entities": tuple(names)[:MAX_ENTITIES],
        "confidence": min(child.confidence for child in children),
        "importance": max(child.importance for child in children),
        "said_at_ms": max(child.said_at_ms for child in children),
        "source_ids": tuple(dict.fromkeys(source for child in children for source in child.source_ids)),
    }


def find_central(children: Sequence[Memory]) -> list[Memory]:
    """The statements whose words most others have too, in the order in which they were said."""
    words = {child.id: frozenset(content_words(statement_of(child))) for child in children}
    had_by = Counter(word for said in words.values() for word in said)

    def weight(child: Memory) -> float:
        said = words[child.id]
        return sum(had_by[word] - 1 for word in said) / len(said) ** 0.5 if said else 0.0

    best = sorted(children, key=lambda child: (-weight(child), order_of(child)))[:SHOWN]
    return sorted(best, key=lambda child: (child.said_at_ms, *order_of(child)))


def _dated(child: Memory) -> str:
    day = datetime.fromtimestamp(child.said_at_ms / 1000, tz=UTC)
    return f"{_shortened(statement_of(child))} (said {day.day} {day:%B %Y})"


def _shortened(statement: str) -> str:
    said = statement.rstrip(".")
    if len(said) <= MAX_STATEMENT_CHARS:
        return said
    return said[:MAX_STATEMENT_CHARS].rpartition(" ")[0] + " …"
