"""The memories that took each other's place."""

import pytest

from memos.clock import ManualClock
from memos.graph_dbs.base import GraphStore, JobWrite
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import JobId, MemoryId, TenantId
from memos.memories.textual.history import MAX_STEPS, find_chain
from memos.types import Edge, EdgeType, Memory, MemoryStatus
from tests.support.text import LANE, USER


def names(*numbers: int) -> list[MemoryId]:
    return [MemoryId(f"m{number}") for number in numbers]


def open_graph(count: int, *edges: tuple[int, int, EdgeType], same_time: bool = False) -> GraphStore:
    """Archived memories, one said a moment after the other, and relations between them."""
    graph, now_ms = MemoryGraph(), ManualClock().now_ms()
    memories = tuple(
        Memory(
            id=name,
            cube=LANE.cube,
            user=USER,
            session=LANE.session,
            text=name,
            status=MemoryStatus.ARCHIVED,
            said_at_ms=now_ms if same_time else now_ms + number,
        )
        for number, name in enumerate(names(*range(count)))
    )
    write = JobWrite(job=JobId("j"), user=USER, messages=(), memories=memories)
    graph.apply_jobs(LANE.tenant, LANE.cube, LANE.session, [write], fence=None)
    related = [Edge(source=names(source)[0], target=names(target)[0], type=kind) for source, target, kind in edges]
    graph.link(LANE.tenant, LANE.cube, related)
    return graph


def chain(graph: GraphStore, start: int) -> list[MemoryId]:
    return find_chain(graph, LANE.tenant, LANE.cube, names(start)[0])


@pytest.mark.parametrize("start", [0, 1, 2])
def test_a_chain_runs_both_ways_along_what_was_superseded_and_merged(start: int) -> None:
    graph = open_graph(5, (1, 0, EdgeType.SUPERSEDES), (1, 2, EdgeType.MERGED_TO), (3, 2, EdgeType.CONTRADICTS))
    assert chain(graph, start) == names(0, 1, 2)


def test_of_one_time_what_took_the_place_comes_later() -> None:
    graph = open_graph(3, (0, 2, EdgeType.SUPERSEDES), (2, 1, EdgeType.SUPERSEDES), same_time=True)
    assert chain(graph, 2) == names(1, 2, 0)


def test_a_circle_that_somebody_made_has_an_end() -> None:
    graph = open_graph(2, (0, 1, EdgeType.SUPERSEDES), (1, 0, EdgeType.SUPERSEDES))
    assert chain(graph, 1) == names(0, 1)


def test_of_a_long_chain_the_part_around_the_memory_is_read() -> None:
    count = 3 * MAX_STEPS
    graph = open_graph(count, *((n + 1, n, EdgeType.SUPERSEDES) for n in range(count - 1)))
    assert chain(graph, MAX_STEPS + 5) == names(*range(5, 2 * MAX_STEPS + 6))


def test_another_tenant_has_no_chain() -> None:
    graph = open_graph(2, (1, 0, EdgeType.SUPERSEDES))
    assert find_chain(graph, TenantId("other"), LANE.cube, names(0)[0]) == []
