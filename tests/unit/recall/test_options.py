"""What a search may be told, checked at the door."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from memos.errors import InvalidRequest
from memos.recall.options import PLAIN, SearchOptions, parse_fast_options, parse_options
from memos.types import MemoryType

MAY_MS = 1_777_593_600_000  # 2026-05-01T00:00:00Z


def test_nothing_given_and_nothing_but_none_is_plain() -> None:
    given: Any = dict.fromkeys(("as_of", "said_from", "said_until", "filters", "mmr", "max_tokens"))
    assert parse_options({}) == parse_options(given) == parse_options({"filters": {}}) == PLAIN
    assert PLAIN.keywords == {}


@pytest.mark.parametrize(
    "time",
    [
        "2026-05-01",
        "2026-05-01T00:00:00",
        "2026-05-01T02:00:00+02:00",
        datetime(2026, 5, 1),
        datetime(2026, 5, 1, tzinfo=UTC),
        datetime(2026, 5, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_time_is_a_datetime_or_a_text_and_utc_without_an_offset(time: Any) -> None:
    options = parse_options({"as_of": time, "said_from": time})
    assert (options.as_of_ms, options.said_from_ms) == (MAY_MS, MAY_MS)


def test_everything_that_was_named_is_known_by_its_keyword() -> None:
    given: Any = {
        "memory_types": ["UserMemory"],
        "as_of": "1970-01-01",
        "said_from": "2026-05-01",
        "said_until": "2026-05-02",
        "filters": {"tags": {"contains": "work"}},
        "mmr": 0,
        "max_tokens": 100,
    }
    options = parse_options(given)
    assert tuple(options.keywords) == tuple(given)
    assert parse_options(options.keywords) == options
    assert (options.memory_types, options.as_of_ms, options.mmr, options.max_tokens) == (
        (MemoryType.USER,),
        0,
        0.0,
        100,
    )


def test_where_there_is_no_model_a_mode_that_asks_one_is_refused() -> None:
    given: Any = {"mode": "fast", "as_of": "2026-05-01"}
    assert parse_fast_options(given) == parse_options(given)
    for mode in ("fine", "mixture"):
        with pytest.raises(InvalidRequest, match=f"mode '{mode}' asks a chat model"):
            parse_fast_options({"mode": mode})


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a word for a time": ({"as_of": "yesterday"}, "as_of must be a datetime or a text like '2026-05-01'"),
    "a number for a time": ({"said_from": 17}, "said_from must be a datetime"),
    "a range that is empty": (
        {"said_from": "2026-05-02", "said_until": "2026-05-02"},
        "said_from must be a time before",
    ),
    "another mode": ({"mode": "quick"}, "mode must be one of fast, fine, mixture, not 'quick'"),
    "half a truth": ({"explain": "yes"}, "explain must be True or False"),
    "another type": ({"memory_types": ["Secret"]}, "memory_types must be a list of WorkingMemory"),
    "too much relevance": ({"mmr": 1.1}, "mmr must be a number from 0 to 1, not 1.1"),
    "no number": ({"mmr": True}, "mmr must be a number"),
    "not a number": ({"mmr": float("nan")}, "mmr must be a number"),
    "no tokens": ({"max_tokens": 0}, "max_tokens must be a whole number above 0"),
    "half a token": ({"max_tokens": 1.5}, "max_tokens must be a whole number"),
    "no mapping": ({"filters": ["tags"]}, "filters must be a mapping"),
    "another keyword": (
        {"as_off": "2026-05-01"},
        "unknown search option 'as_off'; known: mode, explain, memory_types, as_of, said_from",
    ),
}


@pytest.mark.parametrize(("given", "why"), BAD.values(), ids=BAD)
def test_what_cannot_be_followed_is_refused_with_what_can(given: Any, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        parse_options(given)


def test_options_are_compared_by_what_they_say() -> None:
    assert parse_options({"mmr": 1}) == SearchOptions(mmr=1.0)
