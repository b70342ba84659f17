"""Which adapter answers for a cube, what a search shows of it, and what the switch needs. No chat model is loaded."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.mem_os import MOSConfig
from memos.errors import InvalidConfig
from memos.mem_cube.general import GeneralMemCube
from memos.mem_os.adapters import newest_adapter
from memos.mem_os.main import MOS
from memos.memories.parametric.item import LoRAItem, LoRAMetadata
from tests.support.adapters import write_adapter
from tests.unit.mem_os.conftest import OpenMOS, on_twins

pytestmark = pytest.mark.models

NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
NO_MODEL = {"backend": "huggingface", "config": {"model_name_or_path": "/no/such/model"}}
REMOTE = {"backend": "openai", "config": {"model_name_or_path": "m"}}
CUBE: dict[str, Any] = {
    "cube_id": "garden",
    "text_mem": {"backend": "naive_text", "config": {}},
    "para_mem": {"backend": "lora", "config": {}},
}


def adapter(name: str, made_at: datetime) -> LoRAItem:
    metadata = LoRAMetadata(
        base_model="m", rank=1, alpha=1, target_modules=("q",), modules=1, size_bytes=1, created_at=made_at
    )
    return LoRAItem(id=name, memory="an adapter", metadata=metadata, config=b"", weights=b"")


def open_garden(mos: MOS, tmp_path: Path) -> list[str]:
    """Registers a cube with two adapters; their ids, the newer one last."""
    GeneralMemCube(GeneralMemCubeConfig(**CUBE)).dump(tmp_path / "garden")
    mos.register_mem_cube(tmp_path / "garden")
    held = mos.mem_cubes["garden"].para_mem
    assert held is not None
    return held.add([write_adapter(tmp_path / str(seed), seed=seed) for seed in range(2)])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_adapter_that_was_made_last_is_the_newest_wherever_it_stands(order: tuple[int, ...]) -> None:
    made = [adapter(str(number), NOON + timedelta(minutes=number)) for number in order]
    newest = newest_adapter([*made, {"id": "something else"}])
    assert newest is not None
    assert newest.id == "2"


def test_of_two_of_one_moment_the_one_that_was_added_last_is_the_newest() -> None:
    newest = newest_adapter([adapter("a", NOON), adapter("b", NOON)])
    assert newest is not None
    assert (newest.id, newest_adapter([])) == ("b", None)


def test_a_search_shows_the_adapter_that_would_answer_for_each_cube(open_mos: OpenMOS, tmp_path: Path) -> None:
    mos = open_mos(chat_model=NO_MODEL, enable_parametric_memory=True)
    newest = open_garden(mos, tmp_path)[-1]
    shelves = {shelf["cube_id"]: shelf["memories"] for shelf in mos.search("tea")["para_mem"]}
    assert {cube: [item.id for item in items] for cube, items in shelves.items()} == {"notes": [], "garden": [newest]}
    assert [shelf["cube_id"] for shelf in mos.search("tea", mem_cube_ids=["garden"])["para_mem"]] == ["garden"]


def test_the_adapters_of_an_object_of_the_applications_own_are_shown_too(open_mos: OpenMOS, tmp_path: Path) -> None:
    mos = open_mos(chat_model=NO_MODEL, enable_parametric_memory=True)
    own = GeneralMemCube(GeneralMemCubeConfig(**CUBE))
    mos.register_mem_cube(own)
    assert own.para_mem is not None
    held = own.para_mem.add(write_adapter(tmp_path / "adapter"))
    (shelf,) = mos.search("tea", mem_cube_ids=["garden"])["para_mem"]
    assert [item.id for item in shelf["memories"]] == held


def test_a_search_shows_none_of_it_while_it_is_switched_off(open_mos: OpenMOS, tmp_path: Path) -> None:
    mos = open_mos()
    open_garden(mos, tmp_path)
    found = mos.search("tea")
    assert (found["para_mem"], found["act_mem"], found["degraded"]) == ([], [], [])
    assert len(mos.get_all("garden")["para_mem"][0]["memories"]) == 2


def test_a_search_shows_the_states_of_get_all_with_activation_memory_on(open_mos: OpenMOS, tmp_path: Path) -> None:
    local = {"backend": "huggingface", "config": {"model_name_or_path": "smollm2-135m", "device": "cpu"}}
    mos = open_mos(on_twins(tmp_path), chat_model=local, enable_activation_memory=True)
    mos.add(memory_content="I drink green tea.")
    shelf = mos.search("tea")["act_mem"]
    assert shelf == mos.get_all()["act_mem"]
    assert len(shelf[0]["memories"]) == 1


def test_a_shelf_that_cannot_be_read_is_named_and_the_text_is_found(open_mos: OpenMOS, tmp_path: Path) -> None:
    local = {"backend": "huggingface", "config": {"model_name_or_path": "smollm2-135m", "device": "cpu"}}
    mos = open_mos(on_twins(tmp_path), chat_model=local, enable_activation_memory=True)
    mos.add(memory_content="I drink green tea.")
    (manifest,) = (tmp_path / "kv").rglob("*.json")
    manifest.unlink()
    manifest.mkdir()
    found = mos.search("tea")
    assert len(found["text_mem"][0]["memories"]) == 1
    assert (found["act_mem"], [reason.partition(":")[0] for reason in found["degraded"]]) == ([], ["act_mem"])


def test_it_needs_a_model_of_this_process(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="enable_parametric_memory needs a chat_model of backend 'huggingface'"):
        MOS(MOSConfig(chat_model=REMOTE, enable_parametric_memory=True), settings=on_twins(tmp_path))  # type: ignore[arg-type]


def test_it_needs_peft_and_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InvalidConfig, match=r"enable_parametric_memory needs peft.*pip install 'memos\[peft\]'"):
        MOS(MOSConfig(enable_parametric_memory=True), settings=on_twins(tmp_path))
    MOS(MOSConfig(), settings=on_twins(tmp_path)).close()
