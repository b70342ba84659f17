"""The time that a question asks about: "in May 2023", "last week", "since 2021". Pure.

Relative dates count from now. Where nothing was said in what they mean, they are read once more as if the question had
been asked when the last of the candidates was said: of a conversation that ended in 2023, "in May" asks for that May.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import inf
from typing import Final

from memos.mem_reader.dates import DateMention, find_dates

# Stands before a date, or is the first word of it.
_SIDE: Final = re.compile(r"\b(?P<side>before|until|till|after|since)\W+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A stretch of time in milliseconds since the epoch; ``until_ms`` is outside of it."""

    from_ms: float
    until_ms: float

    def has(self, time_ms: int) -> bool:
        return self.from_ms <= time_ms < self.until_ms


def find_windows(question: str, said_at_ms: Collection[int], *, now_ms: int) -> list[Window]:
    """What the question asks about, if some of these times are in it; else nothing."""
    for asked_at_ms in (now_ms, max(said_at_ms, default=now_ms)):
        windows = _find(question, asked_at_ms)
        if any(is_within(windows, time_ms) for time_ms in said_at_ms):
            return windows
    return []


def is_within(windows: Sequence[Window], time_ms: int) -> bool:
    """Whether one of the windows has this time."""
    return any(window.has(time_ms) for window in windows)


def _find(question: str, asked_at_ms: int) -> list[Window]:
    return [_window(question, mention) for mention in find_dates(question, asked_at_ms)]


def _window(question: str, mention: DateMention) -> Window:
    first, behind = _ms(mention.span.first), _ms(mention.span.behind)
    match _side(question, mention):
        case "before" | "until" | "till":
            return Window(from_ms=-inf, until_ms=first)
        case "after":
            return Window(from_ms=behind, until_ms=inf)
        case "since":
            return Window(from_ms=first, until_ms=inf)
        case _:
            return Window(from_ms=first, until_ms=behind)


def _side(question: str, mention: DateMention) -> str:
    near = (found for found in _SIDE.finditer(question) if mention.start in found.span())
    return next((found["side"].lower() for found in near), "")


def _ms(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000
