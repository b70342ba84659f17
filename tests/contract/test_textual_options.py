"""What a search is told beside its question: the same in every textual memory, whatever it is kept in."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from memos.clock import ManualClock
from memos.errors import InvalidRequest
from memos.memories.textual.base import BaseTextMemory
from memos.memories.textual.item import time_of
from memos.settings import Settings
from memos.types import MemoryType
from tests.support.textual_memories import BUILDERS, Make, Open

NOW_MS = 1_777_593_600_000  # 2026-05-01
DAY_MS = 86_400_000


@pytest.fixture(scope="module", params=BUILDERS, ids=lambda build: build.__name__)
def make(request: pytest.FixtureRequest) -> Make:
    return request.param(request)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
def open_memory(make: Make, clock: ManualClock, tenant: str) -> Iterator[Open]:
    opened: list[BaseTextMemory] = []

    def open_one(cube: str = "notes", *, tenant: str | None = tenant) -> BaseTextMemory:
        opened.append(make(Settings(tenant=tenant or "default"), cube, clock))
        return opened[-1]

    yield open_one
    for memory in opened:
        memory.drop()
        memory.close()


@pytest.fixture
def memory(open_memory: Open) -> BaseTextMemory:
    return open_memory()


def remember(memory: BaseTextMemory, texts: dict[str, dict[str, Any]]) -> list[str]:
    return memory.add([{"memory": text, "metadata": metadata} for text, metadata in texts.items()])


def found(memory: BaseTextMemory, query: str = "Ann", top_k: int = 5, **options: Any) -> set[str]:
    return {item.memory for item in memory.search(query, top_k, **options)}


class TestTimes:
    def test_as_of_finds_the_value_of_that_day(self, memory: BaseTextMemory) -> None:
        moves = {
            "Ann lives in Porto": {"valid_at": "2024-01-01", "invalid_at": "2025-01-01"},
            "Ann lives in Faro": {"valid_at": "2025-01-01"},
        }
        remember(memory, moves)
        assert found(memory, as_of="2024-06-01") == {"Ann lives in Porto"}
        assert found(memory, as_of=time_of(NOW_MS)) == found(memory, as_of="2025-01-01") == {"Ann lives in Faro"}
        assert found(memory, as_of="2023-12-31") == set()
        assert found(memory) == set(moves)

    def test_what_has_no_beginning_holds_from_when_it_was_said(self, memory: BaseTextMemory) -> None:
        remember(memory, {"Ann runs": {"said_at": "2026-04-01"}})
        assert found(memory, as_of="2026-04-01") == {"Ann runs"}
        assert found(memory, as_of="2026-03-31") == set()

    def test_said_from_and_said_until_bound_when_it_was_said(self, memory: BaseTextMemory) -> None:
        remember(memory, {f"Ann ran on day {day}": {"said_at": f"2026-04-0{day}"} for day in (1, 2, 3)})
        assert found(memory, said_from="2026-04-02") == {"Ann ran on day 2", "Ann ran on day 3"}
        assert found(memory, said_until="2026-04-02") == {"Ann ran on day 1"}
        assert found(memory, said_from="2026-04-02", said_until="2026-04-03") == {"Ann ran on day 2"}

    def test_a_change_of_its_times_is_found_at_once(self, memory: BaseTextMemory) -> None:
        (moved,) = remember(memory, {"Ann lives in Porto": {"valid_at": "2024-01-01"}})
        assert found(memory, as_of="2026-01-01") == {"Ann lives in Porto"}
        memory.update(moved, {"metadata": {"invalid_at": "2025-01-01"}})
        assert found(memory, as_of="2026-01-01") == set()


class TestWhatIsNeverFound:
    def test_what_has_expired(self, memory: BaseTextMemory, clock: ManualClock) -> None:
        remember(memory, {"Ann has a voucher": {"expires_at": time_of(NOW_MS + DAY_MS)}, "Ann has a cat": {}})
        clock.advance_ms(DAY_MS - 1)
        assert found(memory) == {"Ann has a voucher", "Ann has a cat"}
        clock.advance_ms(1)
        assert found(memory) == {"Ann has a cat"}
        assert found(memory, as_of=time_of(NOW_MS)) == {"Ann has a cat"}

    def test_what_is_archived(self, memory: BaseTextMemory) -> None:
        archived, _ = remember(memory, {"Ann paints": {}, "Ann runs": {}})
        memory.update(archived, {"metadata": {"status": "archived"}})
        assert found(memory) == found(memory, filters={"said_at": "*"}) == {"Ann runs"}

    def test_neither_leaves_a_place_in_the_answer_empty(self, memory: BaseTextMemory) -> None:
        gone = {f"Ann Ann Ann {number}": {"expires_at": time_of(NOW_MS)} for number in range(150)}
        archived = {f"Ann Ann {number}": {"status": "archived"} for number in range(50)}
        remember(memory, {**gone, **archived, "Ann paints": {}, "Ann and Ben run": {}})
        assert found(memory, top_k=2) == {"Ann paints", "Ann and Ben run"}


FILTERS: dict[str, dict[str, Any]] = {
    "text and number": {"speaker": "Ben", "importance": {"gt": 0.7}},
    "info": {"info.colour": {"in": ["red", "green"]}},
    "element of info": {"info.rooms": {"contains": "attic"}},
    "either": {"OR": [{"info.colour": "red"}, {"tags": {"contains": "none"}}]},
    "neither": {"NOT": [{"importance": {"lte": 0.7}}]},
    "tag": {"tags": {"icontains": "ART"}},
    "time": {"said_at": {"gte": "2026-04-01", "lt": "2026-04-02"}},
    "owner": {"user_id": "ben", "session_id": "s1"},
    "there": {"key": "*"},
}


class TestFilters:
    @pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
    def test_filters_hold_for_all_that_is_found(self, memory: BaseTextMemory, filters: dict[str, Any]) -> None:
        wanted = {
            "user_id": "ben",
            "session_id": "s1",
            "speaker": "Ben",
            "importance": 0.9,
            "key": "hobby",
            "tags": ["art"],
            "said_at": "2026-04-01",
            "info": {"colour": "red", "rooms": ["attic"]},
        }
        others = {"Ann and Ben sail": {"speaker": "Ben", "importance": 0.2}, "Ann runs": {"info": {"colour": "blue"}}}
        remember(memory, {"Ann paints": wanted, **others})
        assert found(memory, filters=filters) == {"Ann paints"}

    def test_few_among_many_are_found(self, memory: BaseTextMemory) -> None:
        many = {f"Ann saw bird {number}": {"info": {"number": number}} for number in range(1200)}
        few = {f"entry {number} of a log that Ann wrote": {"info": {"number": -number}} for number in (1, 2, 3)}
        remember(memory, {**many, **few})
        asked = {"info.number": {"lt": 0}}
        assert found(memory, "Which birds did Ann see?", filters=asked) == set(few)
        assert len(memory.search("Which birds did Ann see?", 2, filters=asked)) == 2

    def test_options_hold_together(self, memory: BaseTextMemory) -> None:
        kinds = {kind.value: {"memory_type": kind, "speaker": "Ben"} for kind in (MemoryType.USER, MemoryType.OUTER)}
        remember(memory, {f"Ann keeps {kind}": metadata for kind, metadata in kinds.items()})
        remember(memory, {"Ann keeps cats": {"memory_type": MemoryType.USER}})
        assert found(memory, memory_types=["UserMemory"], filters={"speaker": "Ben"}) == {"Ann keeps UserMemory"}


class TestTheAnswer:
    def test_repetitions_give_way_to_something_else(self, memory: BaseTextMemory) -> None:
        remember(memory, {"Ann keeps two cats": {}, "Ann keeps two cats now": {}, "Ann met a horse": {}})
        assert found(memory, "Ann keeps cats", 2) == {"Ann keeps two cats", "Ann keeps two cats now"}
        assert "Ann met a horse" in found(memory, "Ann keeps cats", 2, mmr=0.3)

    def test_what_is_different_may_come_behind_many_repetitions(self, memory: BaseTextMemory) -> None:
        remember(memory, {f"Ann keeps two cats {number}": {} for number in range(15)})
        remember(memory, {"Ann met a horse": {"said_at": "2020-01-01"}})
        assert "Ann met a horse" in found(memory, "Ann keeps two cats", 2, mmr=0.2)

    def test_a_budget_skips_what_is_too_long(self, memory: BaseTextMemory) -> None:
        long = "Ann keeps cats and " + "many other animals and " * 10
        remember(memory, {long: {}, "Ann keeps cats": {}})
        assert found(memory, "Ann keeps cats", max_tokens=20) == {"Ann keeps cats"}
        assert found(memory, "Ann keeps cats", max_tokens=4) == set()

    def test_the_parts_of_a_score_can_be_left_out(self, memory: BaseTextMemory) -> None:
        remember(memory, {"Ann paints": {}, "Ann runs": {}})
        told, plain = memory.search("Ann runs"), memory.search("Ann runs", explain=False)
        assert all(item.parts for item in told)
        assert plain == [item.model_copy(update={"parts": None}) for item in told] != []


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "mode": ({"mode": "fine"}, "mode 'fine' asks a chat model, which MOS.search has; leave it out"),
    "unknown mode": ({"mode": "slow"}, "mode must be one of fast"),
    "as_of": ({"as_of": "then"}, "as_of must be a datetime"),
    "filters": ({"filters": {"colour": "red"}}, "unknown field 'colour'"),
    "mmr": ({"mmr": 2}, "mmr must be"),
    "max_tokens": ({"max_tokens": 0}, "max_tokens must be"),
    "unknown": ({"as_off": "2026-01-01"}, "unknown search option 'as_off'"),
}


@pytest.mark.parametrize(("options", "why"), WRONG.values(), ids=WRONG)
def test_options_that_cannot_be_followed_are_refused(memory: BaseTextMemory, options: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        memory.search("Ann", **options)


def test_the_mode_that_asks_no_model_is_followed(memory: BaseTextMemory) -> None:
    remember(memory, {"Ann paints": {}})
    assert found(memory, mode="fast") == {"Ann paints"}


@pytest.mark.parametrize("owners", ["two cubes", "two tenants"])
@pytest.mark.parametrize(
    "options",
    [{"filters": {"speaker": "Ann"}}, {"filters": {"info.colour": "red"}}, {"as_of": "2026-05-01"}, {"mmr": 0.5}],
    ids=str,
)
def test_none_of_it_reaches_what_belongs_to_another(open_memory: Open, owners: str, options: dict[str, Any]) -> None:
    mine = open_memory()
    theirs = open_memory("another") if owners == "two cubes" else open_memory(tenant=f"t-{uuid4().hex}")
    known = {"speaker": "Ann", "info": {"colour": "red"}}
    remember(mine, {"Ann paints": known})
    assert (found(mine, **options), found(theirs, **options)) == ({"Ann paints"}, set())
    remember(theirs, {"Ann runs": known})
    assert (found(mine, **options), found(theirs, **options)) == ({"Ann paints"}, {"Ann runs"})
