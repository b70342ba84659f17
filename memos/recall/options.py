"""What a search is told beside its question and how many memories it may find, checked once. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypedDict, cast

from memos.errors import InvalidRequest
from memos.memories.textual.item import milliseconds_of, time_of
from memos.recall.fields import parse_condition
from memos.recall.filters import Every, write_filter
from memos.types import MemoryType

Time = datetime | str


class Mode(StrEnum):
    """How much a search may ask of a language model (memos/recall/modes.py)."""

    FAST = "fast"
    FINE = "fine"
    MIXTURE = "mixture"


class SearchKeywords(TypedDict, total=False):
    """The keywords of every search of textual memories; None is as if it were not given.

    Times are datetimes or texts in ISO 8601, UTC where no offset is given; a day alone is its midnight.

    - ``explain`` is whether each hit tells the parts of its score, as it does unless this is False.
    - ``memory_types`` finds these types alone.
    - ``as_of`` finds what held at that time: from ``valid_at``, or else from when it was said, until ``invalid_at``.
    - ``said_from`` and ``said_until`` find what was said from then on, and before then.
    - ``filters`` is a condition on fields, in mem0's grammar (memos/recall/filters.py, memos/recall/fields.py).
    - ``mode`` is "fast" (no model is asked), "mixture" or "fine" (memos/recall/modes.py).
    - ``mmr`` from 0 (as different as possible) to 1 (as relevant as possible) leaves out what repeats a better hit.
    - ``max_tokens`` bounds the texts of all hits together, by an estimate; a hit too long for what is left is skipped.
    """

    mode: Mode | str
    explain: bool
    memory_types: Sequence[MemoryType | str]
    as_of: Time | None
    said_from: Time | None
    said_until: Time | None
    filters: Mapping[str, Any] | None
    mmr: float | None
    max_tokens: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchOptions:
    """These keywords, checked. ``condition`` is the filter."""

    mode: Mode = Mode.FAST
    explain: bool = True
    memory_types: tuple[MemoryType, ...] = ()
    as_of_ms: int | None = None
    said_from_ms: int | None = None
    said_until_ms: int | None = None
    condition: Every | None = None
    mmr: float | None = None
    max_tokens: int | None = None

    @property
    def keywords(self) -> SearchKeywords:
        """The keywords that decide what is found, as a caller writes them."""
        values = {
            "memory_types": self.memory_types or None,
            "as_of": _find_time(self.as_of_ms),
            "said_from": _find_time(self.said_from_ms),
            "said_until": _find_time(self.said_until_ms),
            "filters": None if self.condition is None else write_filter(self.condition),
            "mmr": self.mmr,
            "max_tokens": self.max_tokens,
        }
        return cast(SearchKeywords, {name: value for name, value in values.items() if value is not None})


PLAIN: Final = SearchOptions()
_KNOWN: Final = tuple(SearchKeywords.__annotations__)


def parse_options(given: SearchKeywords) -> SearchOptions:
    """The options that a caller named. Raises InvalidRequest, saying which is wrong and what it may be."""
    unknown = [name for name in given if name not in _KNOWN]
    if unknown:
        raise InvalidRequest(f"unknown search option {unknown[0]!r:.40}; known: {', '.join(_KNOWN)}")
    options = SearchOptions(
        mode=_parse_mode(given.get("mode", Mode.FAST)),
        explain=_parse_truth(given.get("explain", True), "explain"),
        memory_types=_parse_memory_types(given.get("memory_types", ())),
        as_of_ms=_parse_time(given.get("as_of"), "as_of"),
        said_from_ms=_parse_time(given.get("said_from"), "said_from"),
        said_until_ms=_parse_time(given.get("said_until"), "said_until"),
        condition=parse_condition(given.get("filters")),
        mmr=_parse_share(given.get("mmr"), "mmr"),
        max_tokens=_parse_count(given.get("max_tokens"), "max_tokens"),
    )
    first_ms, end_ms = options.said_from_ms, options.said_until_ms
    if first_ms is not None and end_ms is not None and first_ms >= end_ms:
        raise InvalidRequest("said_from must be a time before said_until, which is not found itself")
    return options


def parse_fast_options(given: SearchKeywords) -> SearchOptions:
    """The options of a search that has no model to ask. Raises InvalidRequest for a mode that asks one, too."""
    options = parse_options(given)
    if options.mode is not Mode.FAST:
        raise InvalidRequest(f"mode {options.mode.value!r} asks a chat model, which MOS.search has; leave it out")
    return options


def _parse_mode(value: object) -> Mode:
    try:
        return Mode(value)
    except ValueError:
        raise InvalidRequest(f"mode must be one of {', '.join(Mode)}, not {value!r:.40}") from None


def _parse_truth(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"{what} must be True or False, not {value!r:.40}")
    return value


def _parse_memory_types(given: object) -> tuple[MemoryType, ...]:
    several = cast(Iterable[object], given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    try:
        return tuple(MemoryType(name) for name in several)
    except ValueError:
        raise InvalidRequest(f"memory_types must be a list of {', '.join(MemoryType)}, not {given!r:.80}") from None


def _parse_time(value: object, what: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return milliseconds_of(value)
    try:
        return milliseconds_of(datetime.fromisoformat(cast(str, value)))
    except (TypeError, ValueError):
        example = "'2026-05-01' or '2026-05-01T09:30:00+02:00'"
        raise InvalidRequest(f"{what} must be a datetime or a text like {example}, not {value!r:.80}") from None


def _find_time(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else time_of(at_ms)


def _parse_share(value: object, what: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise InvalidRequest(f"{what} must be a number from 0 to 1, not {value!r:.40}")
    return float(value)


def _parse_count(value: object, what: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidRequest(f"{what} must be a whole number above 0, not {value!r:.40}")
    return value
