"""``memos bench updates``: facts that change, told over months, and which value a search puts first.

    talks ──day by day──> mos.add ──> workers ──> stores       questions ──> mos.search, then with as_of

A day's turns are stored before the next day's are added, each talk in a cube of its own. Of each question it is asked

    latest first    whether the first memory that states a value states the latest
    right as of     the same with ``as_of``, a day in the time of each value: whether the first states that value

A question for which no memory states a value is answered wrongly. What states a value is told in changes.py.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import zip_longest
from statistics import fmean
from typing import Any, Final

from memos.bench.changes import ChangingFact, Talk
from memos.bench.conversations import Turn
from memos.bench.feed import Feed
from memos.bench.timing import percentile_ms
from memos.ids import CubeId
from memos.settings import Settings

TOP_K: Final = 10
_NAME: Final = "updates"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What was found for a fact: places of its values, without ``as_of`` and as of a day in the time of each."""

    talk: str
    fact: ChangingFact
    found: Sequence[int]
    found_as_of: Sequence[Sequence[int]]

    @property
    def is_latest_first(self) -> bool:
        return _first(self.found) == len(self.fact.values) - 1

    @property
    def is_right_as_of(self) -> list[bool]:
        """For each value, whether it came first on its day."""
        return [_first(found) == place for place, found in enumerate(self.found_as_of)]

    def as_line(self) -> dict[str, Any]:
        """The answer in values of JSON, each value told by its words."""
        names = [value.says for value in self.fact.values]
        return {
            "talk": self.talk,
            "about": self.fact.about,
            "question": self.fact.question,
            "values": names,
            "found": [names[place] for place in self.found],
            "as_of": [
                {"day": str(day), "found": [names[place] for place in found]}
                for day, found in zip(self.fact.days_within, self.found_as_of, strict=True)
            ],
            "latest_first": self.is_latest_first,
            "right_as_of": self.is_right_as_of,
        }


@dataclass(kw_only=True, slots=True)
class _Asking:
    """One tenant's searches, and how long they took."""

    feed: Feed
    top_k: int
    times_ms: list[float] = field(default_factory=list[float])

    def ask(self, talk: Talk, fact: ChangingFact) -> Answer:
        return Answer(
            talk=talk.name,
            fact=fact,
            found=self._search(talk, fact, None),
            found_as_of=[self._search(talk, fact, day) for day in fact.days_within],
        )

    def _search(self, talk: Talk, fact: ChangingFact, day: date | None) -> list[int]:
        as_of = None if day is None else day.isoformat()
        began_s = time.perf_counter()
        found = self.feed.mos.search(fact.question, mem_cube_ids=[talk.name], top_k=self.top_k, as_of=as_of)
        self.times_ms.append((time.perf_counter() - began_s) * 1000)
        [shelf] = found["text_mem"]
        return fact.find_all_stated((item.memory, _days_of(self.feed.turns_of(item))) for item in shelf["memories"])


def measure(settings: Settings, talks: Sequence[Talk], *, top_k: int = TOP_K) -> tuple[dict[str, Any], list[Answer]]:
    """The figures and every answer; a running stack does the work."""
    with Feed(settings, _NAME) as feed:
        tell_all(feed, talks)
        feed.settle()
        feed.mos.search("warm up")
        asking = _Asking(feed=feed, top_k=top_k)
        answers = [asking.ask(talk, fact) for talk in talks for fact in talk.facts]
    turns = sum(len(day) for talk in talks for day in talk.turns)
    conditions = {"conversations": len(talks), "turns": turns, "top_k": top_k}
    times = {"search_p50_ms": percentile_ms(asking.times_ms, 50), "search_p95_ms": percentile_ms(asking.times_ms, 95)}
    return {**conditions, **summarise(answers), **times}, answers


def tell_all(feed: Feed, talks: Iterable[Talk]) -> None:
    """The first day of every talk, then the second of every talk, and so on."""
    listed = list(talks)
    for talk in listed:
        feed.add_cube(CubeId(talk.name))
    for days in zip_longest(*(_with_cube(talk) for talk in listed), fillvalue=()):
        feed.tell(said for day in days for said in day)


def summarise(answers: Sequence[Answer]) -> dict[str, Any]:
    """Shares, each behind the number of cases that it is of; ``past`` are days before the last value was said."""
    past = [right for answer in answers for right in answer.is_right_as_of[:-1]]
    days = [right for answer in answers for right in answer.is_right_as_of]
    return {
        "questions": len(answers),
        "latest_first": _share(answer.is_latest_first for answer in answers),
        "latest_found": _share(len(answer.fact.values) - 1 in answer.found for answer in answers),
        "older_found_too": _share(bool(set(answer.found) - {len(answer.fact.values) - 1}) for answer in answers),
        "as_of_days": len(days),
        "right_as_of": _share(days),
        "past_days": len(past),
        "right_as_of_past": _share(past),
    }


def _with_cube(talk: Talk) -> Iterable[Sequence[tuple[CubeId, Turn]]]:
    return ([(CubeId(talk.name), turn) for turn in day] for day in talk.turns)


def _days_of(turns: Iterable[Turn]) -> set[date]:
    return {turn.said_at.date() for turn in turns}


def _first(found: Sequence[int]) -> int | None:
    return found[0] if found else None


def _share(cases: Iterable[bool]) -> float:
    return round(fmean(cases), 4)
