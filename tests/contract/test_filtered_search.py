"""What a tree's search makes of its options beyond what all textual memories do; on the twin and on a real Milvus.

The rest is in tests/contract/test_textual_options.py.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from memos.clock import ManualClock
from memos.configs.memory import TreeTextMemoryConfig
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
