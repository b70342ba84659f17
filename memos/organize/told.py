"""What a language model has said of a page of memories, and how a summary keeps its words. Pure.

A summary that a model has worded says so in its ``info``: who worded it, which of its children the words rest on, and a
digest of words and children. As long as the digest is right the words stay, and nobody is asked again. A child that
changes, comes or goes makes it wrong, and so does a hand that writes into the summary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from json import dumps
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from memos.ids import MemoryId
from memos.types import Edge, Memory

MARK: Final = "wording"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """A model's words for a summary. ``shown`` is the digest of the children that it was shown."""

    text: str
    rests_on: tuple[MemoryId, ...]
    model: str
    shown: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """All that was said of a page. ``versions`` are those at which the ends of the ``relations`` were shown.

    There was no room to ask about the ``postponed`` summaries and the ``waiting`` fresh memories: they are another
    run's.
    """

    model: str = ""
    wordings: Mapping[MemoryId, Wording] = field(default_factory=dict[MemoryId, Wording])
    relations: tuple[Edge, ...] = ()
    versions: Mapping[MemoryId, int] = field(default_factory=dict[MemoryId, int])
    postponed: frozenset[MemoryId] = frozenset()
    waiting: frozenset[MemoryId] = frozenset()


NOTHING_TOLD: Final = Told()


class _Mark(BaseModel):
    """What stands in ``info``."""

    model: str
    rests_on: list[str]
    of: str


def digest_children(children: Sequence[Memory]) -> str:
    """Differs where the children, or what they say, differ."""
    return _digest(sorted((child.id, child.text) for child in children))


def word(children: Sequence[Memory], before: Memory | None, wording: Wording | None) -> dict[str, Any]:
    """The fields of a summary that a model's words decide; without such words ``info`` alone.

    The new words come before those that stand there; both count only if they were said of these very children.
    """
    info = {} if before is None else {name: value for name, value in before.info.items() if name != MARK}
    told = wording if wording is not None and wording.shown == digest_children(children) else None
    if told is None and before is not None:
        told = _find_wording(before, children)
    if told is None:
        return {"info": info}
    resting = [child for child in children if child.id in told.rests_on]
    mark = _Mark(model=told.model, rests_on=list(told.rests_on), of=_seal(told.text, children))
    return {
        "text": told.text,
        "source_ids": tuple(dict.fromkeys(source for child in resting for source in child.source_ids)),
        "info": {**info, MARK: mark.model_dump()},
    }


def find_author(memory: Memory) -> str | None:
    """The model that worded a summary; None for one in the speaker's own words."""
    mark = _find_mark(memory)
    return None if mark is None else mark.model


def _find_wording(before: Memory, children: Sequence[Memory]) -> Wording | None:
    mark = _find_mark(before)
    if mark is None or mark.of != _seal(before.text, children):
        return None
    rests_on = tuple(child.id for child in children if child.id in mark.rests_on)
    return Wording(text=before.text, rests_on=rests_on, model=mark.model, shown=digest_children(children))


def _find_mark(memory: Memory) -> _Mark | None:
    # An application may have written into info what it likes.
    try:
        return _Mark.model_validate(memory.info.get(MARK))
    except ValidationError:
        return None


def _seal(text: str, children: Sequence[Memory]) -> str:
    return _digest([text, digest_children(children)])


def _digest(value: object) -> str:
    return blake2b(dumps(value).encode(), digest_size=8).hexdigest()
