"""Configurations as files: strict both ways, with a schema that says the same."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from memos.cli.config import describe
from memos.configs.base import BaseConfig
from memos.configs.catalog import CONFIGS
from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.mem_os import MOSConfig
from memos.configs.mem_reader import SimpleStructMemReaderConfig
from memos.configs.memory import MemoryConfigFactory, TreeTextMemoryConfig
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


def test_a_missing_yaml_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"cannot read .*none\.yaml"):
        parse_yaml(tmp_path / "none.yaml")
