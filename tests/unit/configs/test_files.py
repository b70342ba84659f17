"""Configurations as files: strict both ways, with a schema that says the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from memos.cli.config import describe
from memos.configs.base import BaseConfig
from memos.configs.catalog import CONFIGS
from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.llm import LLMConfigFactory
from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.mem_os import MOSConfig
from memos.configs.mem_reader import SimpleStructMemReaderConfig
from memos.configs.memory import MemoryConfigFactory, TreeTextMemoryConfig
from memos.configs.union import BackendConfig
from memos.errors import InvalidConfig
from memos.mem_scheduler.utils import parse_yaml

EXAMPLES = Path("examples/data/config")
FILES: dict[str, type[BaseConfig]] = {
    "simple_memos_config.json": MOSConfig,
    "simple_treekvcache_memos_config.json": MOSConfig,
    "mem_scheduler/memos_config_w_scheduler.yaml": MOSConfig,
    "mem_scheduler/mem_cube_config.yaml": GeneralMemCubeConfig,
    "simple_treekvcache_cube_config.json": GeneralMemCubeConfig,
    "tree_config.json": TreeTextMemoryConfig,
    "simple_struct_reader_config.json": SimpleStructMemReaderConfig,
}


def read(name: str, model: type[BaseConfig]) -> BaseConfig:
    return model.from_yaml_file(EXAMPLES / name) if name.endswith("yaml") else model.from_json_file(EXAMPLES / name)


@pytest.mark.parametrize("name", FILES)
def test_an_example_is_read_and_written_without_a_loss(name: str, tmp_path: Path) -> None:
    config = read(name, FILES[name])
    config.to_json_file(tmp_path / "again.json")
    assert FILES[name].from_json_file(tmp_path / "again.json") == config
    assert json.loads((tmp_path / "again.json").read_text())["model_schema"] == config.model_schema


@pytest.mark.parametrize("name", FILES)
def test_an_example_agrees_with_its_schema(name: str) -> None:
    values = parse_yaml(EXAMPLES / name)  # JSON is YAML
    validator = Draft202012Validator(describe(FILES[name]))
    assert not list(validator.iter_errors(values))
    assert list(validator.iter_errors({**values, "colour": "red"}))


@pytest.mark.parametrize("model", CONFIGS, ids=lambda model: model.__name__)
def test_every_schema_is_one(model: type[BaseConfig]) -> None:
    Draft202012Validator.check_schema(describe(model))


def test_a_schema_knows_which_fields_belong_to_which_backend() -> None:
    validator = Draft202012Validator(describe(MemoryConfigFactory))
    assert validator.is_valid({"backend": "naive_text", "config": {"cube_id": "c"}})
    assert not validator.is_valid({"backend": "naive_text", "config": {"graph_db": None}})
    assert not validator.is_valid({"backend": "qdrant", "config": {}})
    assert not validator.is_valid({"config": {}})


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_agrees_with_its_schema(name: str, tmp_path: Path) -> None:
    config = read(name, FILES[name])
    config.to_json_file(tmp_path / "again.json")
    values = json.loads((tmp_path / "again.json").read_text())
    validator = Draft202012Validator(describe(FILES[name]))
    assert not list(validator.iter_errors(values))
    assert list(validator.iter_errors({**values, "model_schema": "memos.configs.another.Config"}))


OTHER_NAMES: dict[str, tuple[type[BackendConfig], dict[str, Any]]] = {
    "azure": (LLMConfigFactory, {"model_name_or_path": "d", "azure_endpoint": "http://a", "default_headers": {}}),
    "ollama": (EmbedderConfigFactory, {"model": "m", "ollama_base_url": "http://a"}),
    "openai": (EmbedderConfigFactory, {"model": "m", "openai_base_url": "http://a"}),
    "universal_api": (EmbedderConfigFactory, {"model": "m"}),
    "vertexai": (EmbedderConfigFactory, {"model": "m", "google_project": "p", "output_dimensionality": 8}),
    "huggingface": (EmbedderConfigFactory, {"model": "m", "huggingface_base_url": "http://a"}),
}


@pytest.mark.parametrize("backend", OTHER_NAMES)
def test_a_schema_knows_every_name_of_a_field(backend: str) -> None:
    union, config = OTHER_NAMES[backend]
    validator = Draft202012Validator(describe(union))
    assert union.model_validate({"backend": backend, "config": config})
    assert validator.is_valid({"backend": backend, "config": config})
    assert not validator.is_valid({"backend": backend, "config": {**config, "colour": "red"}})


def test_a_schema_asks_for_one_of_a_needed_fields_names() -> None:
    validator = Draft202012Validator(describe(EmbedderConfigFactory))
    for name, is_enough in {"model": True, "model_name_or_path": True, "base_url": False}.items():
        assert validator.is_valid({"backend": "universal_api", "config": {name: "http://a"}}) is is_enough


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"cannot write .*none/mos\.json: No such file"):
        MOSConfig().to_json_file(tmp_path / "none" / "mos.json")


def test_a_file_may_say_which_class_it_is_for() -> None:
    name = "memos.configs.mem_os.MOSConfig"
    assert MOSConfig(model_schema=name, top_k=7).top_k == 7
    assert MOSConfig(model_schema="NOT_SET").model_schema == name
    with pytest.raises(InvalidConfig, match="TreeTextMemoryConfig"):
        TreeTextMemoryConfig(model_schema=name)


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "cannot be parsed"), ("[]", "mapping of fields, not list"), ('{"colour": 1}', "known fields: chat_model")],
)
def test_a_file_that_is_no_configuration_is_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "mos.json"
    path.write_text(text)
    for load in (MOSConfig.from_json_file, MOSConfig.from_yaml_file):
        with pytest.raises(InvalidConfig, match=why) as refused:
            load(path)
        assert str(path) in str(refused.value)


def test_a_broken_yaml_file_is_told_by_its_place_and_not_by_its_words(tmp_path: Path) -> None:
    path = tmp_path / "mos.yaml"
    path.write_text("chat_model:\n  api_key: sk-secret: x\n")
    with pytest.raises(InvalidConfig, match=r"line 2, column \d+") as refused:
        parse_yaml(path)
    assert "sk-secret" not in str(refused.value)


@pytest.mark.parametrize("text", ["1: 2", "chat_model: {2024-01-01: 3}", "a: [{null: 1}]"])
def test_a_yaml_key_that_is_no_text_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mos.yaml"
    path.write_text(text)
    with pytest.raises(InvalidConfig, match="no text; put it in quotes"):
        MOSConfig.from_yaml_file(path)


@pytest.mark.parametrize("load", [MOSConfig.from_json_file, MOSConfig.from_yaml_file])
def test_a_file_that_is_nested_too_deep_is_refused(tmp_path: Path, load: Callable[[Path], MOSConfig]) -> None:
    path = tmp_path / "mos"
    path.write_text("[" * 100_000)
    with pytest.raises(InvalidConfig, match="nested too deeply"):
        load(path)


def test_a_yaml_file_that_holds_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mos.yaml"
    path.write_text("a: &a\n  b: *a\n")
    with pytest.raises(InvalidConfig, match="nested too deeply"):
        parse_yaml(path)


def test_a_missing_yaml_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"cannot read .*none\.yaml"):
        parse_yaml(tmp_path / "none.yaml")
