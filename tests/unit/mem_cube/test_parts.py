"""Activation and parametric memories in a cube's directory."""

from pathlib import Path

import pytest

from memos.errors import Corrupt
from memos.mem_cube.general import GeneralMemCube
from memos.settings import Settings
from tests.support.adapters import write_adapter
from tests.unit.mem_cube.cubes import contents_of, open_cube

LORA = {"backend": "lora", "config": {}}
KV = {
    "backend": "kv_cache",
    "config": {"extractor_llm": {"backend": "huggingface", "config": {"model_name_or_path": "no-such-model"}}},
}


@pytest.fixture
def cube(settings: Settings, tmp_path: Path) -> GeneralMemCube:
    """One with an adapter, and with a place for KV states of a model that is not there."""
    opened = open_cube(settings, act_mem=KV, para_mem=LORA)
    opened.add("I like tea.")
    assert opened.para_mem is not None
    opened.para_mem.add(write_adapter(tmp_path / "adapter"))
    return opened


def test_every_memory_is_dumped_and_loaded_as_the_same_bytes(
    cube: GeneralMemCube, settings: Settings, tmp_path: Path
) -> None:
    cube.dump(tmp_path / "first")
    loaded = GeneralMemCube.init_from_dir(tmp_path / "first", settings=settings)
    loaded.dump(tmp_path / "second")
    assert loaded.get_all() == cube.get_all()
    assert len(loaded.get_all()["para_mem"]) == 1
    assert contents_of(tmp_path / "first") == contents_of(tmp_path / "second")
    assert {name.partition("/")[0] for name in contents_of(tmp_path / "first")} == {
        "config.json",
        "manifest.json",
        "textual_memory.jsonl",
        "parametric",
    }


def test_a_memory_that_holds_nothing_loads_no_model(cube: GeneralMemCube, settings: Settings, tmp_path: Path) -> None:
    assert cube.get_all()["act_mem"] == []
    cube.dump(tmp_path / "cube")
    assert not (tmp_path / "cube" / "activation").exists()
    assert GeneralMemCube.init_from_dir(tmp_path / "cube", settings=settings).get_all()["act_mem"] == []


@pytest.mark.models
def test_kv_states_are_dumped_and_loaded_as_the_same_bytes(settings: Settings, tmp_path: Path) -> None:
    llm = {"backend": "huggingface", "config": {"model_name_or_path": "smollm2-135m"}}
    opened = open_cube(settings, act_mem={"backend": "kv_cache", "config": {"extractor_llm": llm}})
    assert opened.act_mem is not None
    opened.act_mem.add(opened.act_mem.extract("Ana likes football."))
    opened.dump(tmp_path / "first")
    loaded = GeneralMemCube.init_from_dir(tmp_path / "first", settings=settings)
    assert [item.memory for item in loaded.get_all()["act_mem"]] == [opened.get_all()["act_mem"][0].memory]
    loaded.dump(tmp_path / "second")
    assert contents_of(tmp_path / "first") == contents_of(tmp_path / "second")
    assert any(name.startswith("activation/") for name in contents_of(tmp_path / "first"))


def test_only_the_memories_asked_for_are_loaded(cube: GeneralMemCube, settings: Settings, tmp_path: Path) -> None:
    cube.dump(tmp_path / "cube")
    some = GeneralMemCube.init_from_dir(tmp_path / "cube", settings=settings, memory_types=["para_mem"])
    assert (len(some.get_all()["text_mem"]), len(some.get_all()["para_mem"])) == (0, 1)


def test_nothing_is_loaded_when_one_of_the_memories_is_damaged(
    cube: GeneralMemCube, settings: Settings, tmp_path: Path
) -> None:
    cube.dump(tmp_path / "cube")
    weights = next((tmp_path / "cube" / "parametric").rglob("adapter_model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    target = open_cube(settings, para_mem=LORA)
    with pytest.raises(Corrupt, match="SHA-256"):
        target.load(tmp_path / "cube")
    assert target.get_all()["text_mem"] == []
