"""A cube, its three memories, and its way to disk and back."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.memory import MemoryConfigFactory
from memos.errors import Corrupt, InvalidRequest, NotFound
from memos.mem_cube.cube_file import read_config, write_config
from memos.mem_cube.general import GeneralMemCube
from memos.memories.textual.naive import NaiveTextMemory
from memos.settings import Settings
from tests.unit.mem_cube.cubes import NAIVE, contents_of, open_cube

TEA, BOAT = "Ana drinks green tea.", "Ben owns a red boat."


def test_what_is_added_is_found_and_listed(settings: Settings) -> None:
    cube = open_cube(settings)
    added = cube.add([TEA, {"memory": BOAT}])
    assert [item.memory for item in cube.search("Who has a boat?", top_k=1)] == [BOAT]
    assert len(cube.search("Ana tea Ben boat")) == 2
    everything = cube.get_all()
    assert [item.id for item in everything["text_mem"]] == sorted(added)
    assert (everything["act_mem"], everything["para_mem"]) == ([], [])


def test_memories_that_a_cube_does_not_have_are_none(settings: Settings) -> None:
    cube = open_cube(settings, text_mem=None)
    assert (cube.text_mem, cube.act_mem, cube.para_mem) == (None, None, None)
    assert cube.get_all() == {"text_mem": [], "act_mem": [], "para_mem": []}
    for call in (lambda: cube.add(TEA), lambda: cube.search("tea")):
        with pytest.raises(InvalidRequest, match="cube 'notes' has no textual memory"):
            call()


def test_a_memory_is_made_at_its_first_use_and_once(settings: Settings) -> None:
    # A store that does not exist: asking for the memory would fail.
    absent = {
        "backend": "general_text",
        "config": {"vector_db": {"backend": "milvus", "config": {"url": "http://[::1]:1"}}},
    }
    GeneralMemCube(GeneralMemCubeConfig(text_mem=MemoryConfigFactory(**absent)), settings).close()
    cube = open_cube(settings)
    assert isinstance(cube.text_mem, NaiveTextMemory)
    assert cube.text_mem is cube.text_mem


def test_a_cube_that_was_loaded_is_dumped_as_the_same_bytes(settings: Settings, tmp_path: Path) -> None:
    cube = open_cube(settings, user_id="ana")
    cube.add([TEA, BOAT])
    cube.dump(tmp_path / "first")
    loaded = GeneralMemCube.init_from_dir(tmp_path / "first", settings=settings)
    loaded.dump(tmp_path / "second")
    assert (loaded.cube_id, loaded.user_id, loaded.config) == ("notes", "ana", cube.config)
    assert contents_of(tmp_path / "first").keys() == {"config.json", "manifest.json", "textual_memory.jsonl"}
    assert contents_of(tmp_path / "first") == contents_of(tmp_path / "second")


def test_a_dump_replaces_the_dump_that_is_there(settings: Settings, tmp_path: Path) -> None:
    cube = open_cube(settings)
    cube.add(TEA)
    cube.dump(tmp_path / "cube")
    cube.add(BOAT)
    cube.dump(tmp_path / "cube")
    assert len(GeneralMemCube.init_from_dir(tmp_path / "cube", settings=settings).get_all()["text_mem"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cube"]


def test_a_dump_does_not_replace_other_files(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(InvalidRequest, match=r"photo\.jpg"):
        open_cube(settings).dump(tmp_path)


def test_loading_adds_to_what_is_there(settings: Settings, tmp_path: Path) -> None:
    first = open_cube(settings)
    first.add(TEA)
    first.dump(tmp_path / "cube")
    second = open_cube(settings, cube_id="other")
    second.add(BOAT)
    second.load(tmp_path / "cube")
    second.load(tmp_path / "cube")
    assert sorted(item.memory for item in second.get_all()["text_mem"]) == [TEA, BOAT]


def test_only_the_memories_asked_for_are_loaded(settings: Settings, tmp_path: Path) -> None:
    cube = open_cube(settings)
    cube.add(TEA)
    cube.dump(tmp_path / "cube")
    without = GeneralMemCube.init_from_dir(tmp_path / "cube", settings=settings, memory_types=["act_mem"])
    assert without.get_all()["text_mem"] == []
    without.load(tmp_path / "cube", memory_types=["text_mem", "para_mem"])
    assert len(without.get_all()["text_mem"]) == 1
    wrong: Any
    for wrong in ("text_mem", ["text"]):
        with pytest.raises(InvalidRequest, match="text_mem, act_mem, para_mem"):
            cube.load(tmp_path / "cube", memory_types=wrong)


def test_another_configuration_can_take_the_place_of_the_dumps(settings: Settings, tmp_path: Path) -> None:
    cube = open_cube(settings)
    cube.add(TEA)
    cube.dump(tmp_path / "cube")
    config = GeneralMemCubeConfig(cube_id="mine", text_mem=MemoryConfigFactory(**NAIVE))
    other = GeneralMemCube.init_from_dir(tmp_path / "cube", settings=settings, config=config)
    assert other.cube_id == "mine"
    assert len(other.get_all()["text_mem"]) == 1


def test_memories_that_the_cube_has_no_place_for_are_told_of(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cube = open_cube(settings)
    cube.add(TEA)
    cube.dump(tmp_path / "cube")
    open_cube(settings, cube_id="empty", text_mem=None).load(tmp_path / "cube")
    assert "cube empty has no text_mem" in caplog.messages[-1]


def test_the_settings_name_the_tenant(settings: Settings, tmp_path: Path) -> None:
    bad = settings.model_copy(update={"tenant": ""})
    with pytest.raises(InvalidRequest, match="tenant"):
        open_cube(bad).add(TEA)
    open_cube(settings).dump(tmp_path / "cube")
    with pytest.raises(InvalidRequest, match="tenant"):
        GeneralMemCube.init_from_dir(tmp_path / "cube", settings=bad)


def test_nothing_is_loaded_from_a_damaged_dump(settings: Settings, tmp_path: Path) -> None:
    cube = open_cube(settings)
    cube.add(TEA)
    cube.dump(tmp_path / "cube")
    (tmp_path / "cube" / "config.json").write_text("{")
    with pytest.raises(Corrupt, match=r"config\.json"):
        GeneralMemCube.init_from_dir(tmp_path / "cube", settings=settings)
    target = open_cube(settings, cube_id="other")
    with pytest.raises(Corrupt, match=r"config\.json"):
        target.load(tmp_path / "cube")
    assert target.get_all()["text_mem"] == []


def test_a_copy_without_its_manifest_is_no_cube(settings: Settings, tmp_path: Path) -> None:
    cube = open_cube(settings)
    cube.dump(tmp_path / "cube")
    (tmp_path / "cube" / "manifest.json").unlink()
    with pytest.raises(NotFound, match=r"no manifest\.json"):
        GeneralMemCube.init_from_dir(tmp_path / "cube", settings=settings)


def test_a_directory_that_is_not_there_is_not_found(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no directory"):
        GeneralMemCube.init_from_dir(tmp_path / "cube", settings=settings)
    with pytest.raises(NotFound, match=r"no config\.json"):
        GeneralMemCube.init_from_dir(tmp_path, settings=settings)


def test_a_pickle_in_the_directory_is_refused_with_the_reason(settings: Settings, tmp_path: Path) -> None:
    open_cube(settings).dump(tmp_path / "cube")
    (tmp_path / "cube" / "activation_memory.pickle").write_bytes(b"\x80\x04.")
    with pytest.raises(InvalidRequest, match="a pickle can run code when it is read"):
        GeneralMemCube.init_from_dir(tmp_path / "cube", settings=settings)


def configured(api_key: str, api_base: str = "http://127.0.0.1:1/v1") -> GeneralMemCubeConfig:
    llm = {"backend": "openai", "config": {"model_name_or_path": "m", "api_key": api_key, "api_base": api_base}}
    text = {"backend": "naive_text", "config": {"extractor_llm": llm}}
    return GeneralMemCubeConfig(cube_id="notes", text_mem=MemoryConfigFactory(**text))


def test_a_secret_in_clear_text_is_left_out_and_told(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "memos")
    GeneralMemCube(configured("sk-very-secret"), settings).dump(tmp_path / "cube")
    written = (tmp_path / "cube" / "config.json").read_text()
    assert "sk-very-secret" not in written
    assert "****" not in written
    assert "text_mem.config.extractor_llm.config.api_key" in caplog.messages[-1]
    assert "sk-very-secret" not in caplog.text
    assert GeneralMemCube.init_from_dir(tmp_path / "cube", settings=settings).cube_id == "notes"


def test_a_reference_to_a_secret_stays(settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = configured("env:OPENAI_API_KEY")
    GeneralMemCube(config, settings).dump(tmp_path / "cube")
    assert read_config(tmp_path / "cube") == config
    assert caplog.messages == []


def test_a_password_in_a_url_is_left_out(tmp_path: Path) -> None:
    write_config(tmp_path, configured("env:KEY", api_base="http://ana:pass@example.org/v1"))
    llm = json.loads((tmp_path / "config.json").read_text())["text_mem"]["config"]["extractor_llm"]["config"]
    assert llm["api_base"] == "http://example.org/v1"
