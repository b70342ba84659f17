"""Configuration files as the doctor reads them: whatever they hold, the providers are found or the fault is said."""

from pathlib import Path
from typing import Any

import pytest

from memos.configs.base import BaseConfig
from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.llm import LLMConfigFactory
from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.mem_os import MOSConfig
from memos.configs.mem_reader import MemReaderConfigFactory, SimpleStructMemReaderConfig
from memos.configs.memory import MemoryConfigFactory, TreeTextMemoryConfig
from memos.configs.reranker import RerankerConfigFactory
from memos.local.checks import Check
from memos.local.providers.check import check_providers
from memos.local.providers.config_file import load_mentions
from memos.local.providers.masking import MASK, find_likely_secrets, find_secrets, mask
from memos.local.providers.mentions import find_mentions
from memos.local.providers.recognise import recognise
from memos.mem0.config import MemoryConfig
from memos.settings import Settings

EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "data" / "config").rglob("*.*"))
LLM: dict[str, Any] = {"backend": "vllm", "config": {"model_name_or_path": "m"}}
EMBEDDER: dict[str, Any] = {"backend": "lmstudio", "config": {}}
TREE: dict[str, Any] = {"backend": "tree_text", "config": {"embedder": EMBEDDER, "extractor_llm": LLM}}

KINDS: dict[str, tuple[dict[str, Any], type[BaseConfig], list[str]]] = {
    "MOS": (
        {"chat_model": LLM, "mem_reader": {"backend": "simple_struct", "config": {"llm": LLM}}},
        MOSConfig,
        ["chat_model", "mem_reader.config.llm"],
    ),
    "cube": (
        {"cube_id": "c", "text_mem": TREE, "act_mem": {"backend": "vllm_kv_cache", "config": {"extractor_llm": LLM}}},
        GeneralMemCubeConfig,
        ["act_mem.config.extractor_llm", "text_mem.config.embedder", "text_mem.config.extractor_llm"],
    ),
    "memory": (TREE, MemoryConfigFactory, ["config.embedder", "config.extractor_llm"]),
    "llm": (LLM, LLMConfigFactory, [""]),
    "embedder": (EMBEDDER, EmbedderConfigFactory, [""]),
    "reader": ({"llm": LLM, "max_chars": 2000}, SimpleStructMemReaderConfig, ["llm"]),
    "any reader": ({"backend": "simple_struct", "config": {"llm": LLM}}, MemReaderConfigFactory, ["config.llm"]),
    "reranker": (
        {"backend": "cosine_local", "config": {"embedder": EMBEDDER}},
        RerankerConfigFactory,
        ["config.embedder"],
    ),
    "a provider of both kinds, by a field of one": (
        {"backend": "ollama", "config": {"model": "e", "keep_alive": "5m"}},
        EmbedderConfigFactory,
        [""],
    ),
    "a tree's embedder": (
        {"graph_db": {"backend": "memory"}, "embedder": EMBEDDER},
        TreeTextMemoryConfig,
        ["embedder"],
    ),
    "mem0": (
        {"llm": {"provider": "ollama", "config": {"model": "qwen3"}}, "embedder": {"config": {"api_key": "k"}}},
        MemoryConfig,
        ["embedder", "llm"],
    ),
    "mem0 with a reranker of ours": (
        {
            "vector_store": {"provider": "milvus"},
            "reranker": {"provider": "memos", "config": {"backend": "cosine_local", "config": {"embedder": EMBEDDER}}},
        },
        MemoryConfig,
        ["reranker.config.config.embedder"],
    ),
    "nothing of the kind": ({"backend": "milvus", "config": {}}, BaseConfig, []),
}


@pytest.mark.parametrize(("values", "kind", "places"), KINDS.values(), ids=KINDS)
def test_a_configuration_is_recognised_and_its_providers_are_found(
    values: dict[str, Any], kind: type[BaseConfig], places: list[str]
) -> None:
    found = recognise(values)
    assert isinstance(found, kind)
    assert sorted(mention.place for mention in find_mentions(found)) == places


def test_the_class_that_a_file_names_is_the_one_that_it_is_read_as() -> None:
    either = {"backend": "ollama", "config": {"model_name_or_path": "e"}}
    schema = "memos.configs.embedder.EmbedderConfigFactory"
    assert isinstance(recognise(either), LLMConfigFactory)
    assert isinstance(recognise({**either, "model_schema": schema}), EmbedderConfigFactory)
    assert isinstance(recognise({**either, "model_schema": "NOT_SET"}), LLMConfigFactory)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_published_examples_are_recognised(path: Path) -> None:
    assert load_mentions(path)


FAULTS: dict[str, tuple[str, str, list[str]]] = {
    "no JSON": ("x.json", "{", ["x.json cannot be parsed"]),
    "no YAML": ("x.yaml", 'a:\n  api_key: "sk-hidden\n  b: }', ["x.yaml cannot be parsed", "line 3"]),
    "a list": ("x.json", "[]", ["must hold a mapping"]),
    "too deep": ("x.json", "[" * 100_000, ["nested too deeply"]),
    "too deep for a configuration": ("x.json", '{"a":' * 60 + "1" + "}" * 60, ["nested too deeply"]),
    "in itself": ("x.yaml", "a: &a\n  b: *a\n", ["nested too deeply"]),
    "a number for a name": ("x.yaml", "chat_model:\n  1: 2\n", ["the field 1", "quotes"]),
    "nothing": ("x.json", "{}", ["(none)", "MOSConfig"]),
    "nothing known": ("x.json", '{"colour": "red"}', ["fields colour", "MOSConfig"]),
    "an unknown field": ("x.json", '{"chat_model": null, "colour": 1}', ["colour", "known fields"]),
    "an unknown backend": ("x.json", '{"backend": "gpt"}', ["'gpt'", "openai", "sentence_transformer"]),
    "a backend that is a list": ("x.json", '{"backend": ["openai"]}', ["unknown backend"]),
    "an unknown backend inside": ("x.json", '{"chat_model": {"backend": "gpt"}}', ["'gpt'", "known: "]),
    "an unknown class": ("x.json", '{"model_schema": "memos.Nope"}', ["memos.Nope", "MOSConfig"]),
    "an unknown provider of mem0": ("x.json", '{"embedder": {"provider": "gpt"}}', ["'gpt'", "known: openai"]),
    "wrong as either": (
        "x.json",
        '{"backend": "openai", "config": {"model_name_or_path": ""}}',
        ["as LLMConfigFactory", "as EmbedderConfigFactory"],
    ),
    "a key in the wrong field": (
        "x.json",
        '{"chat_model": {"backend": "openai", "config": {"model_name_or_path": "m", "apiKey": "sk-hidden"}}}',
        ["apiKey", "known fields"],
    ),
    "a header that is no text": (
        "x.json",
        '{"chat_model": {"backend": "openai", "config": {"model_name_or_path": "m", "headers": ["sk-hidden"]}}}',
        ["headers"],
    ),
}


@pytest.mark.parametrize(("name", "text", "words"), FAULTS.values(), ids=FAULTS)
def test_a_file_that_cannot_be_used_is_a_failed_check_that_shows_no_secret(
    tmp_path: Path, name: str, text: str, words: list[str]
) -> None:
    (tmp_path / name).write_text(text)
    found = check_file(tmp_path / name)
    assert (found.name, found.ok, found.is_warning) == (f"config {name}", False, False)
    assert [word for word in words if word not in found.detail] == []
    assert found.advice
    assert "hidden" not in found.detail


@pytest.mark.parametrize("path", ["nowhere.json", "nowhere.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_failed_check(tmp_path: Path, path: str) -> None:
    found = check_file(tmp_path / path)
    assert not found.ok
    assert "cannot read" in found.detail


def test_bytes_that_are_no_text_are_a_failed_check(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    assert "cannot be parsed" in check_file(tmp_path / "x.yaml").detail


def test_what_can_be_used_is_used_beside_what_cannot(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("backend: huggingface\nconfig:\n  model_name_or_path: smollm2-135m\n")
    found = list(check_providers(Settings(data_dir=tmp_path), [tmp_path / "bad.json", tmp_path / "good.yaml"]))
    assert [(each.name, each.ok) for each in found] == [
        ("config bad.json", False),
        ("config good.yaml", True),
        ("llm huggingface", True),
    ]


def test_a_text_loses_secrets_and_logins_and_nothing_else() -> None:
    text = "http://ana:p@ss@h/v1 said sk-1234567 is not sk-1234, ok?"
    assert mask(text, ["sk-1234", "sk-1234567", "ok", ""]) == f"http://{MASK}@h/v1 said {MASK} is not {MASK}, ok?"


def test_secrets_are_found_wherever_a_configuration_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "from-a-variable")
    config = {"model_name_or_path": "m", "api_key": "env:TEST_KEY", "headers": {"X": "from-a-header"}}
    found = find_secrets(LLMConfigFactory.model_validate({"backend": "openai", "config": config}))
    assert set(found) == {"from-a-variable", "from-a-header"}
    raw = {"apiKey": "1", "headers": {"X": ["2"]}, "model": "m", "token": "env:NAME", "list": [{"password": "3"}]}
    assert sorted(find_likely_secrets(raw)) == ["1", "2", "3"]


def check_file(path: Path) -> Check:
    (only,) = check_providers(Settings(data_dir=path.parent), [path])
    return only
