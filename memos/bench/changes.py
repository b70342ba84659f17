"""Conversations of our own in which facts change, and which value of a fact a memory states. Pure.

data/updates_SET.json is a list of ``{"name", "days": {DAY: ["SPEAKER: TEXT", ...]}, "facts": [{"about", "question",
"values": [{"says", "day"}, ...]}]}``: a value is the word or words that a turn of its day says. A memory states a value
when it comes from a turn of that day and says these words itself; that somebody speaks of an old value later, or of
the same word elsewhere, states nothing.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from importlib.resources import files
from itertools import pairwise
from typing import Final

from pydantic import TypeAdapter

from memos.bench.conversations import Turn

# An ``as_of`` for the last value: so many days after it was said.
_LATER: Final = timedelta(days=30)
_BEGINS: Final = time(9, tzinfo=UTC)


class TalkSet(StrEnum):
    """How changes are told: in plain words, or aside and in passing. The rules were adapted to the plain ones alone."""

    PLAIN = "plain"
    OBLIQUE = "oblique"


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """What a fact was from a day on."""

    says: str
    day: date


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangingFact:
    """A question whose answer changes: two values at least, in the order of their days."""

    about: str
    question: str
    values: tuple[Value, ...]

    @property
    def days_within(self) -> list[date]:
        """A day on which each value holds: the middle of its time."""
        between = [first.day + (then.day - first.day) / 2 for first, then in pairwise(self.values)]
        return [*between, self.values[-1].day + _LATER]

    def find_stated(self, text: str, days: Collection[date]) -> int | None:
        """The place of the latest value that a memory with this text, from turns of these days, states."""
        stated = [place for place, value in enumerate(self.values) if value.day in days and _is_said(value.says, text)]
        return stated[-1] if stated else None

    def find_all_stated(self, memories: Iterable[tuple[str, Collection[date]]]) -> list[int]:
        """The places of the values that these memories (text, days) state, in the order of the memories."""
        places = (self.find_stated(text, days) for text, days in memories)
        return [place for place in places if place is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """What some people said on some days, and the facts that changed meanwhile."""

    name: str
    days: Mapping[date, tuple[str, ...]]
    facts: tuple[ChangingFact, ...]

    @property
    def turns(self) -> Iterator[Sequence[Turn]]:
        """Day by day."""
        for day, lines in self.days.items():
            yield [_turn_of(day, number, line) for number, line in enumerate(lines)]


_TALKS: Final = TypeAdapter(list[Talk])


def load_talks(of: TalkSet = TalkSet.PLAIN) -> list[Talk]:
    """A set that comes with the package."""
    text = files("memos.bench").joinpath("data", f"updates_{of.value}.json").read_text(encoding="utf-8")
    return _TALKS.validate_json(text)


def _turn_of(day: date, number: int, line: str) -> Turn:
    speaker, _, text = line.partition(": ")
    said_at = datetime.combine(day, _BEGINS) + timedelta(minutes=number)
    return Turn(name=f"{day}:{number}", session=str(day), speaker=speaker, text=text, said_at=said_at)


def _is_said(words: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words.casefold())}(?!\w)", text.casefold()) is not None
