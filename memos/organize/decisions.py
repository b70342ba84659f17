"""What a judge may decide of two memories, and how far it is followed: a wrong decision must cost little. Pure.

    repeats        ──> the new memory is archived behind MERGED_TO, the known one counts as said again;
                       only of the same speaker, without a name or a number of its own
    replaces       ──> SUPERSEDES; between two speakers it only contradicts
    contradicts    ──> CONTRADICTS

Who said it later is told by the times, whatever was decided. Nobody's words concern another user's.
"""

import re
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from memos.ids import MemoryId
from memos.organize.rules import both_hold_on, may_end
from memos.organize.surroundings import is_plain
from memos.types import EdgeType, Memory

_NUMBER: Final = re.compile(r"\d+")


class Action(StrEnum):
    """What a new memory does to a known one."""

    REPEATS = "repeats"
    REPLACES = "replaces"
    CONTRADICTS = "contradicts"


class Decision(BaseModel):
    """One action of a new memory upon one that was there before it. Serialised to JSON when an answer is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    new: MemoryId
    action: Action
    known: MemoryId


def may_concern(memory: Memory, other: Memory) -> bool:
    """Whether a decision about the two can be followed: active memories that one user said."""
    return memory.user == other.user and is_plain(memory) and is_plain(other)


def says_no_more(memory: Memory, known: Memory) -> bool:
    """Whether the one may count as the other said again: both hold on, and it has no name or number of its own."""
    lasting = both_hold_on(memory, known) and known.expires_at_ms is None
    told = known.text.casefold()
    names = all(name.casefold() in told for name in memory.entities)
    numbers = set(_NUMBER.findall(memory.text)) <= set(_NUMBER.findall(known.text))
    return lasting and memory.speaker == known.speaker and names and numbers


def relation_of(action: Action, newer: Memory, older: Memory) -> EdgeType | None:
    """The edge from the newer memory to the older one that follows from an action; None for none."""
    if action is Action.REPLACES and newer.speaker == older.speaker:
        return EdgeType.SUPERSEDES if may_end(newer, older) else None
    is_opposed = action in (Action.REPLACES, Action.CONTRADICTS) and both_hold_on(newer, older)
    return EdgeType.CONTRADICTS if is_opposed else None
