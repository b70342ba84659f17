"""Configurations of models, and the factories over them."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.llm import LLMConfigFactory, OpenAILLMConfig
from memos.configs.mem_reader import MemReaderConfigFactory, SimpleStructMemReaderConfig
from memos.configs.secret import reveal
from memos.configs.union import BackendConfig
from memos.embedders.factory import BACKENDS as EMBEDDERS
from memos.embedders.factory import EmbedderFactory
from memos.errors import InvalidConfig
from memos.llms.factory import BACKENDS as LLMS
from memos.llms.factory import LLMFactory
from memos.llms.openai import OpenAILLM
from memos.mem_reader.factory import READERS, build_reader
from memos.mem_reader.rules import RulesReader
from memos.mem_reader.simple_struct import SimpleStructMemReader, SimpleStructReader
from memos.registry import Registry
from memos.settings import Settings

OPENAI = {"backend": "openai", "config": {"model_name_or_path": "m", "api_base": "http://127.0.0.1:9/v1"}}


def test_defaults_are_those_of_the_documents() -> None:
    config = OpenAILLMConfig(model_name_or_path="m")
    assert (config.temperature, config.max_tokens, config.top_p, config.top_k) == (0.8, 1024, 0.9, 50)
    assert config.remove_think_prefix is True


@pytest.mark.parametrize("union", [LLMConfigFactory, EmbedderConfigFactory, MemReaderConfigFactory])
def test_unknown_backend_lists_the_known_ones(union: type[BackendConfig]) -> None:
    with pytest.raises(InvalidConfig, match="unknown backend 'nope'; known: ") as caught:
        union.model_validate({"backend": "nope", "config": {}})
    assert all(name in str(caught.value) for name in union.known)


@pytest.mark.parametrize(
    "registry_and_union",
    [(LLMS, LLMConfigFactory), (EMBEDDERS, EmbedderConfigFactory), (READERS, MemReaderConfigFactory)],
)
def test_every_configurable_backend_can_be_made(registry_and_union: tuple[Registry, type[BackendConfig]]) -> None:
    registry, union = registry_and_union
    assert set(registry.names) == set(union.known)


def test_unknown_field_lists_the_known_ones() -> None:
    with pytest.raises(InvalidConfig, match=r"OpenAILLMConfig field modle: .*known fields: .*model_name_or_path"):
        LLMConfigFactory.model_validate({"backend": "openai", "config": {"model_name_or_path": "m", "modle": 1}})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 3),
        ("max_tokens", 0),
        ("top_p", 0),
        ("top_k", 0),
        ("api_base", "ftp://x"),
        ("model_name_or_path", ""),
    ],
)
def test_a_value_out_of_range_names_its_field(field: str, value: object) -> None:
    with pytest.raises(InvalidConfig, match=field):
        OpenAILLMConfig.model_validate({"model_name_or_path": "m", field: value})


def test_a_configuration_survives_a_file_except_for_its_secret(tmp_path: Path) -> None:
    plain = LLMConfigFactory.model_validate(
        {"backend": "openai", "config": {"model_name_or_path": "m", "api_key": "sk-1"}}
    )
    plain.to_json_file(tmp_path / "plain.json")
    assert "sk-1" not in (tmp_path / "plain.json").read_text(encoding="utf-8")
    with pytest.raises(InvalidConfig, match="mask of a secret"):
        LLMConfigFactory.from_json_file(tmp_path / "plain.json")


def test_a_reference_to_a_secret_is_written_as_it_is(tmp_path: Path) -> None:
    config = LLMConfigFactory.model_validate(
        {"backend": "openai", "config": {"model_name_or_path": "m", "api_key": "env:K"}}
    )
    config.to_json_file(tmp_path / "c.json")
    assert LLMConfigFactory.from_json_file(tmp_path / "c.json") == config


def test_a_reference_is_resolved_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = SecretStr("env:READ_TEST_KEY")
    with pytest.raises(InvalidConfig, match="READ_TEST_KEY is not set"):
        reveal(secret)
    monkeypatch.setenv("READ_TEST_KEY", "sk-2")
    assert reveal(secret) == "sk-2"


def test_a_missing_key_for_openai_itself_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(InvalidConfig, match="OPENAI_API_KEY is not set"):
        LLMFactory.from_config(
            LLMConfigFactory.model_validate({"backend": "openai", "config": {"model_name_or_path": "m"}})
        )


def test_factories_make_what_they_are_told() -> None:
    assert isinstance(LLMFactory.from_config(LLMConfigFactory.model_validate(OPENAI)), OpenAILLM)
    embedder = EmbedderFactory.from_config(
        EmbedderConfigFactory.model_validate(
            {"backend": "universal_api", "config": {"model_name_or_path": "e", "base_url": "http://127.0.0.1:9/v1"}}
        )
    )
    assert embedder.model == "e"
    reader = SimpleStructMemReader(SimpleStructMemReaderConfig.model_validate({"llm": OPENAI}))
    assert isinstance(reader, SimpleStructReader)
    assert reader.keeps_answers


def test_build_reader_follows_the_settings() -> None:
    assert isinstance(build_reader("rules", Settings()), RulesReader)
    settings = Settings(llm_base_url="http://127.0.0.1:9/v1", llm_model="m")
    assert isinstance(build_reader("simple_struct", settings), SimpleStructReader)


def test_simple_struct_without_a_model_says_what_to_set() -> None:
    with pytest.raises(InvalidConfig, match="MEMOS_LLM_BASE_URL and MEMOS_LLM_MODEL"):
        build_reader("simple_struct", Settings())


def test_an_unknown_reader_lists_the_known_ones() -> None:
    with pytest.raises(InvalidConfig, match="unknown reader 'magic'; known: document, rules, simple_struct"):
        build_reader("magic", Settings())


def test_a_backend_whose_package_is_missing_names_the_package() -> None:
    registry = Registry("thing", {"x": "no_such_package_here:Thing"})
    with pytest.raises(InvalidConfig, match="needs the package 'no_such_package_here'"):
        registry.load("x")


def test_configurations_and_factories_import_no_model_library() -> None:
    code = (
        "import sys, memos.llms.factory, memos.embedders.factory, memos.mem_reader.factory, memos.mem_reader.rules\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'openai', 'ollama'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
