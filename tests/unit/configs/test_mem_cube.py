"""A cube's configuration: each memory of its kind, and one name for all of it."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.memory import NaiveTextMemoryConfig
from memos.errors import InvalidConfig


def cube_of(config: GeneralMemCubeConfig) -> str:
    assert config.text_mem is not None
    assert isinstance(config.text_mem.config, NaiveTextMemoryConfig)
    return config.text_mem.config.cube_id


def build(**fields: Any) -> GeneralMemCubeConfig:
    return GeneralMemCubeConfig(**fields)


def test_a_cube_without_a_name_gets_a_new_one() -> None:
    first, second = GeneralMemCubeConfig(), GeneralMemCubeConfig()
    assert uuid.UUID(first.cube_id) != uuid.UUID(second.cube_id)
    assert first.user_id == "root"
    assert (first.text_mem, first.act_mem, first.para_mem) == (None, None, None)


def test_the_textual_memory_is_that_of_the_cube() -> None:
    named = build(cube_id="notes", text_mem={"backend": "naive_text"})
    assert cube_of(named) == "notes"
    unnamed = build(text_mem={"backend": "naive_text", "config": {}})
    assert cube_of(unnamed) == unnamed.cube_id


def test_a_textual_memory_that_names_another_cube_keeps_it() -> None:
    config = build(cube_id="notes", text_mem={"backend": "naive_text", "config": {"cube_id": "shared"}})
    assert cube_of(config) == "shared"
    assert cube_of(config.with_cube_id("renamed")) == "shared"


def test_a_renamed_cube_takes_its_textual_memory_along() -> None:
    renamed = build(cube_id="notes", user_id="ana", text_mem={"backend": "naive_text"}).with_cube_id("diary")
    assert (renamed.cube_id, renamed.user_id, cube_of(renamed)) == ("diary", "ana", "diary")


def test_a_configuration_that_was_written_is_read_as_the_same(tmp_path: Path) -> None:
    config = build(text_mem={"backend": "naive_text"}, user_id="ana")
    config.to_json_file(tmp_path / "config.json")
    assert GeneralMemCubeConfig.from_json_file(tmp_path / "config.json") == config


@pytest.mark.parametrize("none", [None, "uninitialized", {"backend": "uninitialized"}])
def test_a_memory_may_be_uninitialized(none: object) -> None:
    config = build(text_mem=none, act_mem=none, para_mem=none)
    assert (config.text_mem, config.act_mem, config.para_mem) == (None, None, None)


@pytest.mark.parametrize(
    ("part", "backend"),
    [("act_mem", "naive_text"), ("para_mem", "naive_text"), ("text_mem", "lora"), ("act_mem", "lora")],
)
def test_a_memory_of_another_kind_is_refused(part: str, backend: str) -> None:
    with pytest.raises(InvalidConfig, match=f"{part} cannot be '{backend}'; known: "):
        build(**{part: {"backend": backend}})


@pytest.mark.parametrize(
    ("part", "backend"),
    [("text_mem", "general_text"), ("text_mem", "tree_text"), ("act_mem", "kv_cache"), ("para_mem", "lora")],
)
def test_a_memory_of_its_kind_is_taken(part: str, backend: str) -> None:
    llm = {"backend": "huggingface", "config": {"model_name_or_path": "smollm2-135m"}}
    config = {"extractor_llm": llm} if backend == "kv_cache" else {}
    assert getattr(build(**{part: {"backend": backend, "config": config}}), part).backend == backend


@pytest.mark.parametrize("field", ["user_id", "cube_id"])
@pytest.mark.parametrize("name", ["", " notes", "a\x1fb", "x" * 129, 7, None])
def test_a_name_that_is_none_is_refused(field: str, name: object) -> None:
    with pytest.raises(InvalidConfig, match=f"GeneralMemCubeConfig field {field}"):
        build(**{field: name})


def test_an_unknown_backend_and_an_unknown_field_are_refused() -> None:
    with pytest.raises(InvalidConfig, match="unknown backend 'qdrant'"):
        build(text_mem={"backend": "qdrant"})
    with pytest.raises(
        InvalidConfig, match="known fields: act_mem, cube_id, para_mem, reading, retention, text_mem, user_id"
    ):
        build(cube="x")
