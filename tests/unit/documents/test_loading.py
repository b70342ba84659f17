"""From a path to the jobs of its documents."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from memos.configs.chunker import ChunkerConfigFactory
from memos.documents.limits import DocumentLimits
from memos.documents.loading import load_batches
from memos.documents.messages import DocumentBatch
from memos.errors import AccessDenied, InvalidConfig, InvalidRequest
from memos.settings import Settings
from tests.unit.documents.making import make_docx, put


def contents(batches: Sequence[DocumentBatch]) -> list[str]:
    return [message["content"] for batch in batches for message in batch.messages]


def by_characters(**config: Any) -> ChunkerConfigFactory:
    counted = {"tokenizer_or_token_counter": "character", "chunk_size": 32, "chunk_overlap": 0, **config}
    return ChunkerConfigFactory(backend="sentence", config=counted)


def test_a_document_becomes_messages_that_name_it(tmp_path: Path) -> None:
    (batch,) = load_batches(put(tmp_path, "in/a.docx", make_docx()), root=tmp_path)
    (message,) = batch.messages
    assert message["name"].startswith("in/a.docx#char=0,")
    assert "Everybody has thirty days a year." in message["content"]


def test_a_directory_becomes_the_jobs_of_all_its_documents(tmp_path: Path) -> None:
    put(tmp_path, "in/a.md", "First.")
    put(tmp_path, "in/b.json", '{"second": true}')
    batches = list(load_batches("in", root=tmp_path))
    assert contents(batches) == ["First.", "- second: true"]
    assert len({batch.key for batch in batches}) == 2


def test_the_chunker_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "A first sentence. A second sentence.")
    assert len(contents(list(load_batches("a.txt", root=tmp_path)))) == 1
    assert len(contents(list(load_batches("a.txt", root=tmp_path, chunker=by_characters())))) == 2


def test_the_limits_are_those_that_were_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "Too long.")
    with pytest.raises(InvalidRequest, match="more than 3 characters"):
        list(load_batches("a.txt", root=tmp_path, limits=DocumentLimits(max_chars=3)))


def test_the_settings_say_where_a_model_is(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "Text.")
    put(tmp_path, "aliases.json", '{"mine": "nowhere"}')
    aliases = Settings(model_aliases=tmp_path / "aliases.json", data_dir=tmp_path)
    with pytest.raises(InvalidConfig, match="maps 'mine' to nowhere"):
        list(
            load_batches(
                "a.txt", root=tmp_path, chunker=by_characters(tokenizer_or_token_counter="mine"), settings=aliases
            )
        )


def test_only_the_root_is_read(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    put(tmp_path, "a.txt", "secret")
    with pytest.raises(AccessDenied):
        list(load_batches("../a.txt", root=tmp_path / "root"))
