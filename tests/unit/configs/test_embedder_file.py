"""The file that says which embedder an installation has."""

import json
from pathlib import Path
from typing import Any

import pytest

from memos.configs.embedder import OllamaEmbedderConfig
from memos.configs.embedder_file import load_embedder_config
from memos.errors import InvalidConfig

OURS = {"backend": "ollama", "config": {"model_name_or_path": "nomic-embed-text", "api_base": "http://localhost:1"}}
MEM0 = {"provider": "ollama", "config": {"model": "nomic-embed-text", "ollama_base_url": "http://localhost:1"}}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("content", [OURS, MEM0, {"embedder": MEM0, "llm": {"provider": "openai"}}, {"embedder": OURS}])
@pytest.mark.parametrize("name", ["embedder.json", "embedder.yaml"])
def test_both_dialects_are_read_with_or_without_what_is_around_them(tmp_path: Path, name: str, content: Any) -> None:
    config = load_embedder_config(write(tmp_path / name, content)).config
    assert isinstance(config, OllamaEmbedderConfig)
    assert (config.model_name_or_path, config.api_base) == ("nomic-embed-text", "http://localhost:1")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"backend": "olama"}, "known: "),
        ({"provider": "olama"}, "known: "),
        ({"embedder": 5}, "must be a mapping"),
        ({"backend": "ollama", "config": {"colour": "red"}}, "colour"),
    ],
)
def test_what_is_no_embedder_is_refused_with_the_file(tmp_path: Path, content: Any, why: str) -> None:
    with pytest.raises(InvalidConfig, match=why) as refused:
        load_embedder_config(write(tmp_path / "e.json", content))
    assert "e.json" in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"none\.json"):
        load_embedder_config(tmp_path / "none.json")
