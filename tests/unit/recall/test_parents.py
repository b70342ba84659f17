"""No summary beside what it sums up."""

from memos.ids import CubeId, MemoryId
from memos.recall.fuse import Candidate, Key
from memos.recall.parents import parents_among, without_parents
from memos.types import Edge, EdgeType

CUBE, OTHER = CubeId("notes"), CubeId("others")


def key(name: str, cube: CubeId = CUBE) -> Key:
    return cube, MemoryId(name)


def ranked(*names: str) -> list[Candidate]:
    return [Candidate(key=key(name), parts={"dense": float(-place)}) for place, name in enumerate(names)]


def parents(*pairs: tuple[str, str], type: EdgeType = EdgeType.PARENT) -> dict[Key, set[Key]]:
    edges = [Edge(source=MemoryId(parent), target=MemoryId(child), type=type) for parent, child in pairs]
    return parents_among(CUBE, edges)


def kept(names: str, found: dict[Key, set[Key]]) -> str:
    return "".join(item.key[1] for item in without_parents(ranked(*names), found))


def test_a_summary_goes_when_one_of_its_memories_is_there_wherever_it_stands() -> None:
    found = parents(("s", "a"), ("s", "b"))
    assert kept("sab", found) == "ab"
    assert kept("bxs", found) == "bx"


def test_a_summary_alone_stays_and_so_do_several_side_by_side() -> None:
    assert kept("sxt", parents(("s", "a"), ("t", "b"))) == "sxt"


def test_a_summary_of_summaries_goes_with_those_it_stands_over() -> None:
    assert kept("rsa", parents(("r", "s"), ("s", "a"))) == "a"


def test_other_relations_and_other_cubes_are_no_parents() -> None:
    assert kept("sa", parents(("s", "a"), type=EdgeType.RELATES)) == "sa"
    elsewhere = parents_among(OTHER, [Edge(source=MemoryId("s"), target=MemoryId("a"), type=EdgeType.PARENT)])
    assert kept("sa", elsewhere) == "sa"
