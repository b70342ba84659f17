"""Which index the settings and configurations name."""

import subprocess
import sys

import pytest

from memos.configs.vec_db import VectorDBConfigFactory
from memos.errors import InvalidConfig
from memos.settings import Settings
from memos.vec_dbs.factory import VecDBFactory, build_index, build_record_index
from memos.vec_dbs.memory import MemoryIndex


def test_memory_urls_choose_the_twin() -> None:
    assert isinstance(build_index(Settings(milvus_url="memory://")), MemoryIndex)


def test_a_missing_url_says_what_to_set() -> None:
    with pytest.raises(InvalidConfig, match="MEMOS_MILVUS_URL"):
        build_index(Settings())


@pytest.mark.parametrize("url", ["localhost:19530", "ftp://x", "memory"])
def test_a_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(InvalidConfig, match="url"):
        build_index(Settings(milvus_url=url))


def test_a_collection_name_that_milvus_refuses_is_refused_before() -> None:
    with pytest.raises(InvalidConfig, match="collection"):
        build_index(Settings(milvus_url="http://x:1", milvus_collection="no-dashes"))


def test_an_unknown_backend_lists_the_known() -> None:
    with pytest.raises(InvalidConfig, match="known: memory, milvus"):
        VectorDBConfigFactory.model_validate({"backend": "qdrant", "config": {}})


def test_a_configuration_makes_an_index() -> None:
    config = VectorDBConfigFactory.model_validate({"backend": "memory"})
    assert isinstance(VecDBFactory.from_config(config), MemoryIndex)


def test_records_are_chosen_as_the_index_is() -> None:
    assert isinstance(build_record_index(Settings(milvus_url="memory://")), MemoryIndex)
    assert isinstance(
        VecDBFactory.records_from_config(VectorDBConfigFactory.model_validate({"backend": "memory"})), MemoryIndex
    )
    with pytest.raises(InvalidConfig, match="MEMOS_MILVUS_URL"):
        build_record_index(Settings())


def test_choosing_the_twin_imports_no_driver() -> None:
    program = (
        "import sys; from memos.settings import Settings; from memos.vec_dbs.factory import build_index\n"
        "build_index(Settings(milvus_url='memory://')); sys.exit('pymilvus' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
