"""Cubes that MemOS 1.x wrote."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.memory import MemoryConfigFactory
from memos.errors import InvalidRequest, NotFound
from memos.mem_cube.general import GeneralMemCube
from memos.settings import Settings
from tests.unit.mem_cube.cubes import contents_of, open_cube

GENERAL = {
    "backend": "general_text",
    "config": {
        "memory_filename": "textual_memory.json",
        "extractor_llm": {"backend": "ollama", "config": {"model_name_or_path": "qwen3:0.6b"}},
        "vector_db": {
            "backend": "qdrant",
            "config": {"collection_name": "c", "vector_dimension": 768, "path": "/tmp/q"},
        },
        "embedder": {"backend": "ollama", "config": {"model_name_or_path": "nomic-embed-text:latest"}},
    },
}
NONE = {"backend": "uninitialized", "config": {}}
MEMORY = {"id": "m1", "vector": [0.1, 0.2], "payload": {"id": "m1", "memory": "I like tea.", "metadata": {}}}


def write_old(directory: Path, memories: object | None, **parts: Any) -> Path:
    directory.mkdir()
    config = {
        "model_schema": "memos.configs.mem_cube.GeneralMemCubeConfig",
        "config_filename": "config.json",
        "user_id": "ana",
        "cube_id": "ana/old",
        "text_mem": GENERAL,
        "act_mem": NONE,
        "para_mem": NONE,
        **parts,
    }
    (directory / "config.json").write_text(json.dumps(config))
    if memories is not None:
        (directory / "textual_memory.json").write_text(json.dumps(memories))
    return directory


def test_an_old_cube_is_read_into_naive_text(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "memos")
    cube = GeneralMemCube.init_from_dir(write_old(tmp_path / "old", [MEMORY]), settings=settings)
    assert (cube.user_id, cube.cube_id) == ("ana", "ana/old")
    assert cube.config.text_mem is not None
    assert cube.config.text_mem.backend == "naive_text"
    assert [(item.id, item.memory) for item in cube.get_all()["text_mem"]] == [("m1", "I like tea.")]
    assert "its general_text stores are not opened" in caplog.messages[0]


def test_an_old_tree_is_read_into_naive_text(settings: Settings, tmp_path: Path) -> None:
    tree = {"nodes": [{"id": "n", "memory": "A", "metadata": {"memory_type": "UserMemory"}}], "edges": []}
    old = write_old(tmp_path / "old", tree, text_mem={"backend": "tree_text", "config": {}})
    cube = GeneralMemCube.init_from_dir(old, settings=settings)
    assert [item.metadata.memory_type for item in cube.get_all()["text_mem"]] == ["UserMemory"]


def test_an_old_cube_goes_where_the_caller_says(settings: Settings, tmp_path: Path) -> None:
    text = MemoryConfigFactory(backend="naive_text", config={"cube_id": "elsewhere"})  # pyright: ignore[reportArgumentType]
    config = GeneralMemCubeConfig(cube_id="new", text_mem=text)
    cube = GeneralMemCube.init_from_dir(write_old(tmp_path / "old", [MEMORY]), settings=settings, config=config)
    assert cube.cube_id == "new"
    assert len(cube.get_all()["text_mem"]) == 1


def test_an_old_cube_can_be_dumped_over_itself(settings: Settings, tmp_path: Path) -> None:
    old = write_old(tmp_path / "old", [MEMORY])
    cube = GeneralMemCube.init_from_dir(old, settings=settings)
    cube.dump(old)
    assert contents_of(old).keys() == {"config.json", "manifest.json", "textual_memory.jsonl"}
    assert len(GeneralMemCube.init_from_dir(old, settings=settings).get_all()["text_mem"]) == 1


@pytest.mark.parametrize("name", ["activation_memory.pickle", "parametric_memory.pkl"])
def test_a_pickle_of_an_old_cube_is_refused_with_the_reason(settings: Settings, tmp_path: Path, name: str) -> None:
    old = write_old(tmp_path / "old", [MEMORY], act_mem={"backend": "kv_cache", "config": {}})
    (old / name).write_bytes(b"\x80\x04.")
    with pytest.raises(InvalidRequest, match=r"a pickle can run code when it is read.*memory_types"):
        GeneralMemCube.init_from_dir(old, settings=settings)
    cube = GeneralMemCube.init_from_dir(old, settings=settings, memory_types=["text_mem"])
    assert len(cube.get_all()["text_mem"]) == 1
    with pytest.raises(InvalidRequest, match="belongs to no dump"):
        cube.dump(old)


def test_an_old_cube_without_memories_is_empty(settings: Settings, tmp_path: Path) -> None:
    none = GeneralMemCube.init_from_dir(write_old(tmp_path / "none", None, text_mem=NONE), settings=settings)
    assert none.text_mem is None
    empty = GeneralMemCube.init_from_dir(write_old(tmp_path / "empty", None), settings=settings)
    assert empty.get_all()["text_mem"] == []


def test_a_directory_of_ours_without_a_manifest_is_no_old_cube(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"cube_id": "by hand"}')
    with pytest.raises(NotFound, match=r"no manifest\.json"):
        open_cube(settings).load(tmp_path)
