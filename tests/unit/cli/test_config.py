"""`memos config schema`: the JSON Schema of every configuration."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from memos.cli.main import app
from memos.configs.catalog import CONFIGS
from tests.support.command import assert_mistake, run_memos


def schema(*name: str) -> dict[str, Any]:
    shown = CliRunner().invoke(app, ["config", "schema", *name])
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.output)


def test_a_name_shows_one_schema_and_no_name_all_of_them() -> None:
    everything = schema()
    assert list(everything) == [config.__name__ for config in CONFIGS]
    assert schema("LLMConfigFactory") == everything["LLMConfigFactory"]


@pytest.mark.parametrize(
    ("name", "values", "is_valid"),
    [
        ("MOSConfig", {"top_k": 7, "chat_model": {"backend": "ollama", "config": {"model_name_or_path": "m"}}}, True),
        ("MOSConfig", {"top_k": 0}, False),
        ("MOSConfig", {"chat_model": {"backend": "gpt", "config": {}}}, False),
        ("GeneralMemCubeConfig", {"text_mem": {"backend": "naive_text", "config": {}}}, True),
        ("GeneralMemCubeConfig", {"text_mem": {"backend": "naive_text", "config": {"graph_db": None}}}, False),
    ],
)
def test_a_schema_tells_a_file_that_is_read_from_one_that_is_not(
    name: str, values: dict[str, Any], is_valid: bool
) -> None:
    assert Draft202012Validator(schema(name)).is_valid(values) is is_valid


def test_an_unknown_name_lists_the_known_ones() -> None:
    assert_mistake(run_memos("config", "schema", "MosConfig"), "MosConfig", "MOSConfig", "TreeTextMemoryConfig")
