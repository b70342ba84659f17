"""Which memories say the same thing in other words, so that one of them is enough. Pure.

Two memories of one user and one speaker are merged when their embeddings are nearly the same, and they differ in
nothing but filler: the same words in the same order, the same names, numbers, dates and denials. A wrong merge hides
what is true, and none costs a line: of 1,104 facts that the rules reader makes of two recorded conversations, 3
pairs stand above the threshold, of which one says more in one ("I won't quit", "I won't quit, no matter what").

The memory whose id was given out first lives on, with the sources of all; the others are archived.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from memos.ids import MemoryId
from memos.mem_reader.words import WORD
from memos.organize.decay import archived
from memos.organize.surroundings import Surroundings, order_of, statement_of
from memos.types import Memory

# The cosine above which two statements may be one: nearer than any pair of the recorded facts that differs in sense.
MERGE_COSINE: Final = 0.97
_FILLERS: Final = frozenset(
    ("a", "an", "the", "really", "very", "just", "actually", "also", "quite", "truly", "totally", "absolutely",
     "definitely", "oh", "and")
)  # fmt: skip
_SHORT_FORMS: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"\bcan['’]t\b|\bcannot\b", "can not"),
        (r"\bwon['’]t\b", "will not"),
        (r"n['’]t\b", " not"),
        (r"['’]m\b", " am"),
        (r"['’]re\b", " are"),
        (r"['’]ve\b", " have"),
        (r"['’]ll\b", " will"),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """The memory that lives on and those that it stands for from now on, all as they will be."""

    kept: Memory
    gone: tuple[Memory, ...]
    cosine: float


def find_merges(around: Surroundings, *, now_ms: int) -> list[Merge]:
    """The merges that the fresh memories ask for; each memory is in one at most."""
    cosines: dict[MemoryId, float] = {}
    groups: dict[MemoryId, list[Memory]] = {}
    kept_by: dict[MemoryId, MemoryId] = {}
    for earlier, later, cosine in sorted(around.pairs(MERGE_COSINE), key=lambda pair: order_of(pair[0])):
        if later.id in kept_by or later.id in groups or not _may_merge(earlier, later):
            continue
        kept = kept_by.get(earlier.id, earlier.id)
        kept_by[later.id] = kept
        groups.setdefault(kept, []).append(later)
        cosines[kept] = min(cosine, cosines.get(kept, 1.0))
    return [_merge(around.memories[kept], gone, cosine=cosines[kept], now_ms=now_ms) for kept, gone in groups.items()]


def says_the_same(one: Memory, other: Memory) -> bool:
    """Whether two texts differ in nothing but filler."""
    same_names = [name.casefold() for name in one.entities] == [name.casefold() for name in other.entities]
    return same_names and _wording(one) == _wording(other)


def _may_merge(earlier: Memory, later: Memory) -> bool:
    """A pinned memory stays; times that differ are other events."""
    same_person = (earlier.user, earlier.speaker) == (later.user, later.speaker)
    same_times = (earlier.valid_at_ms, earlier.invalid_at_ms) == (later.valid_at_ms, later.invalid_at_ms)
    same_end = earlier.expires_at_ms == later.expires_at_ms
    return same_person and same_times and same_end and not later.pinned and says_the_same(earlier, later)


def _merge(kept: Memory, gone: Sequence[Memory], *, cosine: float, now_ms: int) -> Merge:
    merged = (kept, *gone)
    most = max(merged, key=lambda each: each.importance)
    after = replace(
        kept,
        importance=most.importance,
        importance_at_ms=most.importance_at_ms,
        said_at_ms=max(each.said_at_ms for each in merged),
        source_ids=tuple(dict.fromkeys(source for each in merged for source in each.source_ids)),
        updated_at_ms=now_ms,
        version=kept.version + 1,
    )
    return Merge(kept=after, gone=tuple(archived(each, now_ms=now_ms) for each in gone), cosine=cosine)


def _wording(memory: Memory) -> list[str]:
    text = statement_of(memory).casefold()
    for short_form, words in _SHORT_FORMS:
        text = short_form.sub(words, text)
    return [word for word in WORD.findall(text) if word not in _FILLERS]
