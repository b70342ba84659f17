"""Relations of a tree_text memory: made, read, followed by searches, dumped and loaded; in RAM and on servers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from memos.configs.memory import NaiveTextMemoryConfig, TreeTextMemoryConfig
from memos.errors import InvalidConfig, InvalidRequest, NotFound
from memos.graph_dbs.factory import build_graph
from memos.graph_dbs.memory import MemoryGraph
from memos.memories.textual.item import TextualEdge, TextualMemoryItem
from memos.memories.textual.naive import NaiveTextMemory
from memos.memories.textual.stores import TextStores
from memos.memories.textual.tree import TreeTextMemory
from memos.settings import Settings
from memos.types import EdgeType, MemoryStatus
from memos.vec_dbs.factory import build_index
from memos.vec_dbs.memory import MemoryIndex
from tests.support.text import WordEmbedder


@dataclass(frozen=True, kw_only=True, slots=True)
class Trees:
    """Opens trees of one tenant on shared stores."""

    stores: TextStores
    tenant: str

    def open(self, cube: str = "cube", *, tenant: str | None = None, **config: Any) -> TreeTextMemory:
        settings = Settings(tenant=tenant or self.tenant)
        return TreeTextMemory(TreeTextMemoryConfig(cube_id=cube, **config), settings=settings, stores=self.stores)


@pytest.fixture(scope="module", params=["memory", pytest.param("servers", marks=pytest.mark.servers)])
def stores(request: pytest.FixtureRequest) -> Iterator[TextStores]:
    if request.param == "memory":
        opened = TextStores(graph=MemoryGraph(), index=MemoryIndex(), embedder=WordEmbedder())
    else:
        servers: Settings = request.getfixturevalue("settings")
        own = servers.model_copy(update={"milvus_collection": f"test_{uuid4().hex}"})
        opened = TextStores(graph=build_graph(own), index=build_index(own), embedder=WordEmbedder())
    opened.ensure()
    yield opened
    opened.close()


@pytest.fixture
def trees(stores: TextStores, tenant: str) -> Trees:
    return Trees(stores=stores, tenant=tenant)


@pytest.fixture
def tree(trees: Trees) -> TreeTextMemory:
    """A trip, its two parts, and what followed from one of them."""
    opened = trees.open()
    texts = {"trip": "The trip to Japan", "kyoto": "Temples in Kyoto", "tokyo": "Rain in Tokyo", "cold": "A bad cold"}
    opened.add([TextualMemoryItem(id=name, memory=text) for name, text in texts.items()])
    opened.link([edge("trip", "kyoto"), edge("trip", "tokyo"), edge("tokyo", "cold", EdgeType.CAUSE)])
    return opened


def edge(source: str, target: str, kind: EdgeType = EdgeType.PARENT) -> TextualEdge:
    return TextualEdge(source=source, target=target, type=kind)


ALL = [edge("tokyo", "cold", EdgeType.CAUSE), edge("trip", "kyoto"), edge("trip", "tokyo")]


def ids(items: list[TextualMemoryItem]) -> set[str]:
    return {item.id for item in items}


def test_relations_are_read_for_some_memories_or_for_all(tree: TreeTextMemory) -> None:
    assert tree.get_edges() == ALL
    assert tree.get_edges(["kyoto"]) == [edge("trip", "kyoto")]
    assert tree.get_edges([]) == []


def test_an_edge_may_be_a_mapping_and_one_may_come_without_a_list(tree: TreeTextMemory) -> None:
    tree.link({"source": "kyoto", "target": "cold", "type": "RELATES"})
    assert edge("kyoto", "cold", EdgeType.RELATES) in tree.get_edges(["kyoto"])
    assert tree.unlink({"source": "kyoto", "target": "cold", "type": "RELATES"}) == 1
    assert tree.get_edges() == ALL


@pytest.mark.parametrize(
    "wrong",
    [5, [5], {"source": "trip"}, {"source": "trip", "target": "kyoto", "type": "LIKES"}, edge("trip", "trip"), "trip"],
    ids=str,
)
def test_what_is_no_edge_is_refused(tree: TreeTextMemory, wrong: Any) -> None:
    with pytest.raises(InvalidRequest):
        tree.link(wrong)
    assert tree.get_edges() == ALL


def test_an_unknown_end_is_named_and_nothing_is_linked(tree: TreeTextMemory) -> None:
    with pytest.raises(NotFound, match="nobody"):
        tree.link([edge("kyoto", "cold"), edge("kyoto", "nobody")])
    assert tree.get_edges() == ALL


def test_a_subgraph_grows_with_its_depth(tree: TreeTextMemory) -> None:
    assert tree.get_subgraph(["cold"], 0) == {"nodes": tree.get_by_ids(["cold"]), "edges": []}
    assert ids(tree.get_subgraph(["cold"])["nodes"]) == {"cold", "tokyo"}
    assert ids(tree.get_subgraph(["cold"], depth=2)["nodes"]) == {"cold", "tokyo", "trip"}
    whole = tree.get_subgraph(["cold"], depth=3)
    assert ids(whole["nodes"]) == {"cold", "tokyo", "trip", "kyoto"}
    assert whole["edges"] == ALL


@pytest.mark.parametrize("depth", [-1, 11, True, "2"])
def test_an_impossible_depth_is_refused(tree: TreeTextMemory, depth: Any) -> None:
    with pytest.raises(InvalidRequest, match="depth"):
        tree.get_subgraph(["cold"], depth)


def test_the_subgraph_of_a_question_begins_with_what_it_finds(tree: TreeTextMemory) -> None:
    found = tree.get_relevant_subgraph("Kyoto temples", top_k=1, depth=1)
    assert [item.id for item in found["nodes"]] == ["kyoto", "trip"]
    assert found["edges"] == [edge("trip", "kyoto")]


def test_the_steps_of_a_search_are_those_of_the_configuration(trees: Trees, tree: TreeTextMemory) -> None:
    tree.add([f"filler {number}" for number in range(60)])
    tree.add(TextualMemoryItem(id="anchor", memory="zebra"))
    tree.link(edge("anchor", "cold", EdgeType.RELATES))
    found = {hops: ids(trees.open(max_hops=hops).search("zebra", 8)) & {"cold", "tokyo", "trip"} for hops in (0, 1, 2)}
    assert found[1] - found[0] == {"cold"}
    assert found[2] - found[1] == {"tokyo"}


@pytest.mark.parametrize("hops", [-1, 5])
def test_an_impossible_number_of_steps_is_refused(hops: int) -> None:
    with pytest.raises(InvalidConfig, match="max_hops"):
        TreeTextMemoryConfig.model_validate({"max_hops": hops})


def test_a_dump_carries_the_relations_and_is_the_same_to_the_byte_after_loading(
    trees: Trees, tree: TreeTextMemory, tmp_path: Path
) -> None:
    tree.dump(tmp_path / "first")
    other = trees.open("other")
    assert other.load(tmp_path / "first") == 4
    assert other.get_edges() == ALL
    other.dump(tmp_path / "second")
    for name in ("textual_memory.jsonl", "textual_edges.jsonl"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_loading_leaves_relations_to_what_the_dump_does_not_have(tree: TreeTextMemory, tmp_path: Path) -> None:
    tree.dump(tmp_path / "dump")
    tree.add(TextualMemoryItem(id="later", memory="Another trip"))
    tree.link(edge("later", "kyoto", EdgeType.FOLLOWS))
    tree.load(tmp_path / "dump")
    assert tree.get_edges() == [edge("later", "kyoto", EdgeType.FOLLOWS), *ALL]


def test_relations_of_archived_memories_are_dumped_and_not_listed(tree: TreeTextMemory, tmp_path: Path) -> None:
    tree.update("cold", {"metadata": {"status": MemoryStatus.ARCHIVED}})
    assert tree.get_edges() == ALL[1:]
    tree.dump(tmp_path / "dump")
    tree.delete_all()
    tree.load(tmp_path / "dump")
    assert tree.get_edges(["cold"]) == ALL[:1]


def test_an_update_keeps_relations_and_a_deletion_removes_them(tree: TreeTextMemory) -> None:
    tree.update("tokyo", "Sun in Tokyo")
    assert tree.get_edges() == ALL
    tree.delete(["tokyo"])
    assert tree.get_edges() == [edge("trip", "kyoto")]


def test_another_cube_and_another_tenant_have_no_part_in_them(trees: Trees, tree: TreeTextMemory) -> None:
    for stranger in (trees.open("other"), trees.open(tenant=f"t-{uuid4().hex}")):
        assert stranger.get_edges() == []
        assert stranger.get_edges(["trip"]) == []
        assert stranger.unlink(ALL) == 0
        assert stranger.get_subgraph(["trip"], 5) == {"nodes": [], "edges": []}
        with pytest.raises(NotFound):
            stranger.link(edge("trip", "cold"))
    assert tree.get_edges() == ALL


def test_a_memory_without_relations_loads_the_items_and_says_what_it_leaves_out(
    tree: TreeTextMemory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree.dump(tmp_path / "dump")
    naive = NaiveTextMemory(NaiveTextMemoryConfig(cube_id="flat"))
    assert naive.load(tmp_path / "dump") == 4
    assert "naive_text keeps no relations: 3 of" in caplog.text
