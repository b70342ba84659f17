"""What the index is asked for, of what a search is told. Pure.

Of a filter it gets what it can compare itself: equality of texts, elements of lists, times. That is never too little:
every memory that satisfies the filter satisfies this, and what satisfies this alone is sorted out when it has been
read.

    AND       what each part gives
    OR        a text for each alternative, where each has one
    NOT       nothing
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from memos.ids import CubeId
from memos.recall.fields import KINDS, Kind
from memos.recall.filters import Comparison, Every, Filter, Some, find_time
from memos.recall.options import SearchOptions
from memos.vec_dbs.base import Facet, IndexFilter, Moment, Period

# Beyond this many values an index is not asked: it would take longer to read the question than to sort the answers.
MAX_VALUES: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENTS: Final = {"said_at": Moment.SAID, "valid_at": Moment.FROM}
_EQUALITY: Final[Mapping[Kind | None, tuple[str, ...]]] = {Kind.TEXT: ("eq", "in"), Kind.LIST: ("contains",)}
_Group = tuple[Facet, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Narrowed:
    """What holds for all memories that satisfy a filter: each period, and one facet of each group."""

    periods: tuple[Period, ...] = ()
    groups: tuple[_Group, ...] = ()


def build_where(cubes: Sequence[CubeId], options: SearchOptions, *, now_ms: int) -> IndexFilter:
    """The index's part of a search at ``now_ms``: nothing that has expired, and what the options ask for."""
    narrowed = _narrow(Every(parts=()) if options.condition is None else options.condition)
    return IndexFilter(
        cubes=tuple(cubes),
        memory_types=options.memory_types,
        periods=(*_periods(options, now_ms), *narrowed.periods),
        facets=tuple(_affordable(narrowed.groups)),
    )


def _periods(options: SearchOptions, now_ms: int) -> Iterator[Period]:
    yield Period(moment=Moment.EXPIRES, first_ms=now_ms + 1)
    if options.as_of_ms is not None:
        yield Period(moment=Moment.FROM, end_ms=options.as_of_ms + 1)
        yield Period(moment=Moment.UNTIL, first_ms=options.as_of_ms + 1)
    if options.said_from_ms is not None or options.said_until_ms is not None:
        yield Period(moment=Moment.SAID, first_ms=options.said_from_ms, end_ms=options.said_until_ms)


def _narrow(condition: Filter) -> _Narrowed:
    match condition:
        case Every(parts=parts):
            each = [_narrow(part) for part in parts]
            return _Narrowed(
                periods=tuple(period for one in each for period in one.periods),
                groups=tuple(group for one in each for group in one.groups),
            )
        case Some(parts=parts):
            return _Narrowed(groups=tuple(_united([_narrow(part).groups for part in parts])))
        case Comparison():
            return _Narrowed(periods=tuple(_period(condition)), groups=tuple(_group(condition)))
        case _:
            return _Narrowed()


def _united(alternatives: Sequence[tuple[_Group, ...]]) -> Iterator[_Group]:
    """One group that every alternative has a part in, if each can give one."""
    if all(alternatives):
        yield tuple(facet for groups in alternatives for facet in min(groups, key=len))


def _group(test: Comparison) -> Iterator[_Group]:
    if test.operator in _EQUALITY.get(KINDS.get(test.field), ()):
        values = test.operand if isinstance(test.operand, tuple) else (test.operand,)
        yield tuple(Facet(field=test.field, value=value) for value in values if isinstance(value, str))


def _period(test: Comparison) -> Iterator[Period]:
    moment = _MOMENTS.get(test.field)
    time = find_time(test.operand) if isinstance(test.operand, str) else None
    if moment is None or time is None:
        return
    at_ms = (time - _EPOCH) // timedelta(milliseconds=1)  # downwards, so that neither bound loses what it should keep
    match test.operator:
        case "gt" | "gte":
            yield Period(moment=moment, first_ms=at_ms)
        case "lt" | "lte":
            yield Period(moment=moment, end_ms=at_ms + 1)
        case _:
            return


def _affordable(groups: Iterable[_Group]) -> Iterator[_Group]:
    left = MAX_VALUES
    for group in sorted(groups, key=len):
        left -= len(group)
        if left < 0:
            return
        yield group
