"""Filters, times and their like through a tree's search; one suite for the twin and for a real Milvus."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from memos.clock import ManualClock
from memos.configs.memory import TreeTextMemoryConfig
from memos.errors import InvalidRequest
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import TenantId
from memos.memories.textual.item import time_of
from memos.memories.textual.stores import TextStores
from memos.memories.textual.tree import TreeTextMemory
from memos.settings import Settings
from memos.vec_dbs.conditions import MAX_FACETS
from memos.vec_dbs.factory import build_index
from tests.support.text import WordEmbedder

NOW_MS = 1_777_593_600_000  # 2026-05-01
DAY_MS = 86_400_000


@pytest.fixture(scope="module", params=["memory", pytest.param("server", marks=pytest.mark.servers)])
def stores(request: pytest.FixtureRequest) -> Iterator[TextStores]:
    settings = Settings(milvus_url="memory://")
    if request.param == "server":
        servers: Settings = request.getfixturevalue("settings")
        settings = servers.model_copy(update={"milvus_collection": f"test_{uuid4().hex}"})
    opened = TextStores(graph=MemoryGraph(), index=build_index(settings), embedder=WordEmbedder())
    opened.ensure()
    yield opened
    opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


def open_tree(stores: TextStores, tenant: TenantId, clock: ManualClock) -> TreeTextMemory:
    config = TreeTextMemoryConfig(cube_id="notes")
    return TreeTextMemory(config, settings=Settings(tenant=tenant), stores=stores, clock=clock)


@pytest.fixture
def tree(stores: TextStores, tenant: TenantId, clock: ManualClock) -> Iterator[TreeTextMemory]:
    opened = open_tree(stores, tenant, clock)
    yield opened
    opened.close()


def remember(tree: TreeTextMemory, texts: dict[str, dict[str, Any]]) -> None:
    tree.add([{"memory": text, "metadata": metadata} for text, metadata in texts.items()])


def found(tree: TreeTextMemory, query: str = "Ann", top_k: int = 5, **options: Any) -> set[str]:
    return {item.memory for item in tree.search(query, top_k, **options)}


def test_as_of_finds_the_value_of_that_day(tree: TreeTextMemory) -> None:
    moves = {
        "Ann lives in Porto": {"valid_at": "2024-01-01", "invalid_at": "2025-01-01"},
        "Ann lives in Faro": {"valid_at": "2025-01-01"},
    }
    remember(tree, moves)
    assert found(tree, as_of="2024-06-01") == {"Ann lives in Porto"}
    assert found(tree, as_of=time_of(NOW_MS)) == found(tree, as_of="2025-01-01") == {"Ann lives in Faro"}
    assert found(tree, as_of="2023-12-31") == set()
    assert found(tree) == set(moves)


def test_said_from_and_said_until_bound_when_it_was_said(tree: TreeTextMemory) -> None:
    remember(tree, {f"Ann ran on day {day}": {"said_at": f"2026-04-0{day}"} for day in (1, 2, 3)})
    assert found(tree, said_from="2026-04-02") == {"Ann ran on day 2", "Ann ran on day 3"}
    assert found(tree, said_until="2026-04-02") == {"Ann ran on day 1"}
    assert found(tree, said_from="2026-04-02", said_until="2026-04-03") == {"Ann ran on day 2"}


def test_what_has_expired_is_found_no_more(tree: TreeTextMemory, clock: ManualClock) -> None:
    remember(tree, {"Ann has a voucher": {"expires_at": time_of(NOW_MS + DAY_MS)}, "Ann has a cat": {}})
    assert found(tree) == {"Ann has a voucher", "Ann has a cat"}
    clock.advance_ms(DAY_MS)
    assert found(tree) == {"Ann has a cat"}


def test_a_change_of_its_times_is_found_at_once(tree: TreeTextMemory) -> None:
    (memory,) = tree.add([{"memory": "Ann lives in Porto", "metadata": {"valid_at": "2024-01-01"}}])
    assert found(tree, as_of="2026-01-01") == {"Ann lives in Porto"}
    tree.update(memory, {"metadata": {"valid_at": "2024-01-01", "invalid_at": "2025-01-01"}})
    assert found(tree, as_of="2026-01-01") == set()


@pytest.mark.parametrize(
    "filters",
    [
        {"speaker": "Ben", "importance": {"gt": 0.7}},
        {"info.colour": {"in": ["red", "green"]}},
        {"OR": [{"info.colour": "red"}, {"tags": {"contains": "none"}}]},
        {"NOT": [{"importance": {"lte": 0.7}}]},
    ],
)
def test_filters_hold_for_all_that_is_found(tree: TreeTextMemory, filters: dict[str, Any]) -> None:
    wanted = {"speaker": "Ben", "importance": 0.9, "info": {"colour": "red"}}
    others = {"Ann and Ben sail": {"speaker": "Ben", "importance": 0.2}, "Ann runs": {"info": {"colour": "blue"}}}
    remember(tree, {"Ann paints": wanted, **others})
    assert found(tree, filters=filters) == {"Ann paints"}
    with pytest.raises(InvalidRequest, match="unknown field 'colour'"):
        tree.search("Ann", filters={"colour": "red"})


def test_few_among_many_are_found_by_a_filter_that_the_index_cannot_evaluate(tree: TreeTextMemory) -> None:
    many = {f"Ann saw bird {number}": {"info": {"number": number}} for number in range(1200)}
    few = {f"entry {number} of a log": {"info": {"number": -number}} for number in (1, 2, 3)}
    remember(tree, {**many, **few})
    asked = {"info.number": {"lt": 0}}
    assert found(tree, "Which birds did Ann see?", filters=asked) == set(few)
    assert len(tree.search("Which birds did Ann see?", 2, filters=asked)) == 2


def test_what_the_index_finds_too_much_is_left_out(tree: TreeTextMemory) -> None:
    crowded = {"tags": [f"tag {number}" for number in range(2 * MAX_FACETS)]}
    remember(tree, {"Ann paints": crowded, "Ann runs": {"tags": ["sport"]}})
    assert found(tree, filters={"tags": {"contains": "sport"}}) == {"Ann runs"}
    assert found(tree, filters={"tags": {"contains": f"tag {2 * MAX_FACETS - 1}"}}) == {"Ann paints"}


def test_what_relations_lead_to_satisfies_the_options_too(tree: TreeTextMemory) -> None:
    ids = tree.add(
        [
            {"memory": "Ann plays the violin", "metadata": {"tags": ["music"]}},
            {"memory": "The office closed", "metadata": {"expires_at": time_of(NOW_MS)}},
            {"memory": "Rain fell", "metadata": {"tags": ["weather"]}},
        ]
    )
    tree.link([{"source": ids[0], "target": other, "type": "RELATES"} for other in ids[1:]])
    assert found(tree, "violin") == {"Ann plays the violin", "Rain fell"}
    assert found(tree, "violin", filters={"tags": {"contains": "music"}}) == {"Ann plays the violin"}


def test_another_tenant_finds_nothing_with_any_of_it(tree: TreeTextMemory, stores: TextStores) -> None:
    remember(tree, {"Ann paints": {"speaker": "Ann", "info": {"colour": "red"}}})
    theirs = open_tree(stores, TenantId(f"t-{uuid4().hex}"), ManualClock(NOW_MS))
    for options in ({"filters": {"speaker": "Ann"}}, {"filters": {"info.colour": "red"}}, {"as_of": "2026-05-01"}):
        assert found(tree, **options) == {"Ann paints"}
        assert found(theirs, **options) == set()
    theirs.close()


def test_repetitions_give_way_to_something_else(tree: TreeTextMemory) -> None:
    remember(tree, {"Ann keeps two cats": {}, "Ann keeps two cats now": {}, "Ann met a horse": {}})
    assert found(tree, "Ann keeps cats", 2) == {"Ann keeps two cats", "Ann keeps two cats now"}
    assert "Ann met a horse" in found(tree, "Ann keeps cats", 2, mmr=0.3)


def test_a_budget_skips_what_is_too_long(tree: TreeTextMemory) -> None:
    long = "Ann keeps cats and " + "many other animals and " * 10
    remember(tree, {long: {}, "Ann keeps cats": {}})
    assert found(tree, "Ann keeps cats", max_tokens=20) == {"Ann keeps cats"}
    assert found(tree, "Ann keeps cats", max_tokens=4) == set()
