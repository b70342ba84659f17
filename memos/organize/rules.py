"""What the words of two memories of one subject tell of each other, without a model. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from memos.organize.decay import DAY_MS
from memos.organize.states import State, find_state, is_same_value
from memos.types import Memory

# What names a date so long before what it would end is told of the past.
RECOLLECTION_MS: Final = 60 * DAY_MS
_YEAR: Final = re.compile(r"\b(?:19|20)\d\d\b")
_PAUSES: Final = re.compile(r"[\s.,:;!?…\"“”„‘’'«»()\[\]—–、。！？]+")


def find_repeated(memory: Memory, told: Iterable[Memory]) -> Memory | None:
    """What has no end and is said again, going away from it in time, unless something else was said in between."""
    if memory.invalid_at_ms is not None:
        return None
    for known in told:
        if words_of(memory) == words_of(known):
            return known if known.invalid_at_ms is None and known.expires_at_ms is None else None
        if _differ(memory, known):
            return None
    return None


def takes_the_place(newer: Memory, older: Memory) -> bool:
    """Whether the older state ends with the newer one, and does not end sooner."""
    now, then = state_of(newer), state_of(older)
    if now is None or then is None or now.denied or then.denied or not _differ(newer, older):
        return False
    return may_end(newer, older)


def may_end(newer: Memory, older: Memory) -> bool:
    """Whether the times let one end with the other: that is no recollection, and nothing ended it sooner."""
    from_ms = holds_from_ms(newer)
    if from_ms < holds_from_ms(older) - RECOLLECTION_MS and _YEAR.search(newer.text):
        return False
    return older.invalid_at_ms is None or older.invalid_at_ms > from_ms


def contradict(newer: Memory, older: Memory) -> bool:
    """Whether one denies what the other states, and both hold on."""
    now, then = state_of(newer), state_of(older)
    if now is None or then is None or not both_hold_on(newer, older):
        return False
    opposed = _are_of_one_kind(now, then) and now.denied is not then.denied
    return opposed and is_same_value(now.value, then.value)


def both_hold_on(one: Memory, other: Memory) -> bool:
    """Whether no end is known of either."""
    return one.invalid_at_ms is None and other.invalid_at_ms is None


def holds_from_ms(memory: Memory) -> int:
    """When it begins to hold: what says nothing of that holds since it was said."""
    return memory.said_at_ms if memory.valid_at_ms is None else memory.valid_at_ms


def state_of(memory: Memory) -> State | None:
    """The state that a memory's text states, if it is one that can have but one value."""
    return find_state(memory.speaker, memory.text)


def words_of(memory: Memory) -> str:
    """The text but for case, space and punctuation; marks that mean something, as in C#, count."""
    return _PAUSES.sub(" ", memory.text.casefold()).strip() or memory.text


def _differ(one: Memory, other: Memory) -> bool:
    now, then = state_of(one), state_of(other)
    if now is None or then is None or not _are_of_one_kind(now, then):
        return False
    return now.denied is not then.denied or not is_same_value(now.value, then.value)


def _are_of_one_kind(one: State, other: State) -> bool:
    return (one.topic, one.kind) == (other.topic, other.kind)
