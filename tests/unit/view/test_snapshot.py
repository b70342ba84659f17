"""What is read of a cube: the newest, what belongs to them, and counts of everything."""

from typing import Any

import pytest

from memos.graph_dbs.memory import MemoryGraph
from memos.ids import CubeId, TenantId
from memos.types import EdgeType, Memory
from memos.view.snapshot import Counts, count_cube, read_snapshot
from tests.support.sample_graph import CUBE, EDGES, MEMORIES, NOW_MS, TENANT, edge, fill, memory, take_snapshot


@pytest.fixture
def graph() -> MemoryGraph:
    made = MemoryGraph()
    fill(made)
    return made


def test_a_snapshot_has_memories_relations_and_messages() -> None:
    taken = take_snapshot()
    assert [each.id for each in taken.memories] == [each.id for each in MEMORIES]
    assert set(taken.edges) == set(EDGES)
    assert {name: [each.text for each in said] for name, said in taken.sources.items()}["m1"] == ["I moved."]
    assert (taken.cube, taken.taken_at_ms, taken.older, taken.more_edges) == (CUBE, NOW_MS, 0, False)


def test_the_newest_are_kept_with_the_relations_among_them() -> None:
    taken = take_snapshot(limit=5)
    assert [each.id for each in taken.memories] == ["m1", "m2", "m3", "m4", "m5"]
    assert taken.older == 1
    assert set(taken.edges) == set(EDGES[2:])
    assert set(taken.sources) == {"m1", "m4"}


@pytest.mark.parametrize(("edge_limit", "more"), [(3, True), (4, False)])
def test_relations_beyond_the_limit_are_told(graph: MemoryGraph, edge_limit: int, more: bool) -> None:
    taken = read_snapshot(graph, TENANT, CUBE, limit=100, now_ms=NOW_MS, edge_limit=edge_limit)
    assert (len(taken.edges), taken.more_edges) == (edge_limit, more)


def test_everything_is_counted(graph: MemoryGraph) -> None:
    assert count_cube(graph, TENANT, CUBE, now_ms=NOW_MS) == Counts(
        memories=6,
        types={"LongTermMemory": 3, "OuterMemory": 1, "UserMemory": 1, "WorkingMemory": 1},
        standings={"archived": 1, "current": 4, "no longer valid": 1},
        relations={"CAUSE": 1, "CONTRADICTS": 1, "RELATES": 1, "SUPERSEDES": 1},
    )


@pytest.mark.parametrize(("tenant", "cube"), [("other", CUBE), (TENANT, "other")])
def test_another_tenant_and_another_cube_see_nothing(graph: MemoryGraph, tenant: str, cube: str) -> None:
    place: Any = (TenantId(tenant), CubeId(cube))
    taken = read_snapshot(graph, *place, limit=100, now_ms=NOW_MS)
    assert (taken.memories, taken.edges, dict(taken.sources), taken.older) == ((), (), {}, 0)
    assert count_cube(graph, *place, now_ms=NOW_MS).memories == 0


def test_a_cube_of_several_pages_is_read_and_counted_whole() -> None:
    many: list[Memory] = [memory(number, f"Fact {number}.") for number in range(2001)]
    graph = MemoryGraph()
    fill(graph, memories=many, messages=(), edges=[edge(0, 2000, EdgeType.CAUSE), edge(1999, 1, EdgeType.FOLLOWS)])
    taken = read_snapshot(graph, TENANT, CUBE, limit=3, now_ms=NOW_MS)
    assert ([each.id for each in taken.memories], taken.older) == (["m1998", "m1999", "m2000"], 1998)
    counted = count_cube(graph, TENANT, CUBE, now_ms=NOW_MS)
    assert (counted.memories, counted.relations) == (2001, {"CAUSE": 1, "FOLLOWS": 1})
