"""Where memories stand on the plane."""

from itertools import combinations
from math import dist

import pytest

from memos.ids import MemoryId
from memos.types import Edge, EdgeType
from memos.view.layout import place
from tests.support.sample_graph import edge

pytest.importorskip("networkx")


def ids(count: int) -> list[MemoryId]:
    return [MemoryId(f"m{number}") for number in range(count)]


def star(first: int, size: int) -> list[Edge]:
    return [edge(first, first + number, EdgeType.RELATES) for number in range(1, size)]


def test_every_memory_has_a_place_of_its_own() -> None:
    found = place(ids(30), [*star(0, 10), *star(10, 5), edge(15, 16, EdgeType.CAUSE)])
    assert set(found) == set(ids(30))
    assert min(dist(one, other) for one, other in combinations(found.values(), 2)) > 0.2


def test_no_memories_need_no_place() -> None:
    assert place([], []) == {}


def test_what_hangs_together_stands_together() -> None:
    found = place(ids(20), [*star(0, 10), *star(10, 10)])
    boxes = [
        (min(x), max(x), min(y), max(y))
        for x, y in (zip(*(found[each] for each in half), strict=True) for half in (ids(20)[:10], ids(20)[10:]))
    ]
    (left_a, right_a, low_a, high_a), (left_b, right_b, low_b, high_b) = boxes
    assert right_a < left_b or right_b < left_a or high_a < low_b or high_b < low_a


def test_the_same_graph_stands_the_same_way_in_any_order() -> None:
    edges = [*star(0, 12), edge(3, 7, EdgeType.CAUSE), edge(13, 14, EdgeType.FOLLOWS)]
    assert place(ids(16), edges) == place(ids(16)[::-1], edges[::-1])
