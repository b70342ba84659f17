"""mem0's huggingface provider in this process; by URL it is in tests/contract/test_embedders.py."""

from pathlib import Path

import pytest

from memos.configs.embedder import EmbedderConfigFactory
from memos.embedders.factory import EmbedderFactory
from memos.embedders.huggingface import full_name
from memos.settings import Settings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("multi-qa-MiniLM-L6-cos-v1", "sentence-transformers/multi-qa-MiniLM-L6-cos-v1"),
        ("BAAI/bge-small-en-v1.5", "BAAI/bge-small-en-v1.5"),
        ("./here", "./here"),
        ("all-minilm-l6-v2", "all-minilm-l6-v2"),
        ("house-model", "house-model"),
    ],
)
def test_an_owner_is_added_where_the_library_leaves_it_out(name: str, expected: str, tmp_path: Path) -> None:
    aliases = tmp_path / "aliases.json"
    aliases.write_text('{"house-model": "all-minilm-l6-v2"}', encoding="utf-8")
    assert full_name(name, Settings(model_aliases=aliases)) == expected
    assert full_name("house-model", Settings()) == "sentence-transformers/house-model"


@pytest.mark.models
def test_without_a_url_the_model_runs_here(tmp_path: Path) -> None:
    aliases = tmp_path / "aliases.json"
    aliases.write_text('{"multi-qa-MiniLM-L6-cos-v1": "all-minilm-l6-v2"}', encoding="utf-8")
    config = EmbedderConfigFactory.model_validate(
        {"backend": "huggingface", "config": {"model_kwargs": {"device": "cpu"}}}
    )
    embedder = EmbedderFactory.from_config(config, settings=Settings(model_aliases=aliases))
    assert (embedder.model, embedder.dimension) == ("multi-qa-MiniLM-L6-cos-v1", 384)
