"""Relations between memories, as far as MOS shows, carries and follows them."""

import uuid
from pathlib import Path

import pytest

from memos.mem_os.main import MOS
from memos.memories.textual.item import TextualEdge
from memos.memories.textual.tree import TreeTextMemory
from memos.types import EdgeType
from tests.unit.mem_os.conftest import texts

pytestmark = pytest.mark.models


def related(mos: MOS, user: str, cube: str) -> tuple[list[str], TreeTextMemory]:
    """A cube that was registered, with two memories that are related."""
    mos.register_mem_cube(cube, user_id=user)
    tree = mos.mem_cubes[cube].text_mem
    assert isinstance(tree, TreeTextMemory)
    names = tree.add(["The harbour festival was cancelled.", "A storm tore off the roof."])
    tree.link(TextualEdge(source=names[1], target=names[0], type=EdgeType.CAUSE))
    return names, tree


def edges_of(mos: MOS, user: str, cube: str) -> list[dict[str, str]]:
    [shelf] = mos.get_all(cube, user_id=user)["text_mem"]
    return [edge.model_dump(mode="json") for edge in shelf["memories"]["edges"]]


def test_get_all_of_a_tree_cube_has_nodes_and_edges_that_answer_to_keys_and_attributes(mos: MOS, ana: str) -> None:
    names, _ = related(mos, ana, ana)
    [shelf] = mos.get_all(ana, user_id=ana)["text_mem"]
    nodes, [edge] = shelf["memories"]["nodes"], shelf["memories"]["edges"]
    assert {node["id"] for node in nodes} == {node.id for node in nodes} == set(names)
    assert (edge["source"], edge["target"], edge["type"]) == (names[1], names[0], "CAUSE")
    assert (edge.source, edge.target, edge.type) == (names[1], names[0], EdgeType.CAUSE)


def test_a_search_follows_relations(mos: MOS, ana: str) -> None:
    _, tree = related(mos, ana, ana)
    tree.add([f"Recipe {number} needs flour and butter." for number in range(60)])
    assert "A storm tore off the roof." in texts(mos.search("Was the harbour festival held?", user_id=ana, top_k=3))


def test_relations_travel_with_a_dump_into_another_cube(mos: MOS, ana: str, tmp_path: Path) -> None:
    related(mos, ana, ana)
    before = edges_of(mos, ana, ana)
    mos.dump(str(tmp_path / "dump"), user_id=ana, mem_cube_id=ana)
    copy = mos.create_cube_for_user(f"copy-{uuid.uuid4().hex}", owner_id=ana)
    mos.load(str(tmp_path / "dump"), user_id=ana, mem_cube_id=copy)
    assert edges_of(mos, ana, copy) == before
