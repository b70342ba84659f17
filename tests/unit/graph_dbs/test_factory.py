"""Which graph store the settings and configurations name."""

import subprocess
import sys

import pytest

from memos.configs.graph_db import GraphDBConfigFactory
from memos.errors import InvalidConfig
from memos.graph_dbs.factory import GraphStoreFactory, build_graph
from memos.graph_dbs.memory import MemoryGraph
from memos.settings import Settings


def test_memory_urls_choose_the_twin() -> None:
    assert isinstance(build_graph(Settings(neo4j_url="memory://")), MemoryGraph)


def test_a_missing_url_says_what_to_set() -> None:
    with pytest.raises(InvalidConfig, match="MEMOS_NEO4J_URL"):
        build_graph(Settings())


@pytest.mark.parametrize("url", ["http://localhost:7474", "localhost", "memory"])
def test_a_url_that_is_not_bolt_is_refused(url: str) -> None:
    with pytest.raises(InvalidConfig, match="url"):
        build_graph(Settings(neo4j_url=url))


def test_an_unknown_backend_lists_the_known() -> None:
    with pytest.raises(InvalidConfig, match="known: memory, neo4j"):
        GraphDBConfigFactory.model_validate({"backend": "nebula", "config": {}})


def test_a_configuration_makes_a_store() -> None:
    config = GraphDBConfigFactory.model_validate({"backend": "memory"})
    assert isinstance(GraphStoreFactory.from_config(config), MemoryGraph)


def test_choosing_the_twin_imports_no_driver() -> None:
    program = (
        "import sys; from memos.settings import Settings; from memos.graph_dbs.factory import build_graph\n"
        "build_graph(Settings(neo4j_url='memory://')); sys.exit('neo4j' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
