"""Where the reader over a language model cuts a message that is longer than one call."""

import json
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_reader import MemReaderConfigFactory
from memos.errors import InvalidConfig
from memos.mem_reader.base import Conversation
from memos.mem_reader.simple_struct import SimpleStructMemReader
from memos.settings import Settings
from memos.wiring import open_reader
from tests.support.openai_server import answer, serving
from tests.unit.mem_reader.conversations import conversation, message

SENTENCES = [f"My locker number {number} is at the old harbour." for number in range(60)]
LONG = " ".join(SENTENCES)


def read(conversation_: Conversation, *replies: str, tmp_path: Path, **changes: Any) -> tuple[list[Any], list[Any]]:
    """What a reader found, opened as MOS and workers open it, and the texts of each call."""
    with serving() as server:
        server.replies = [answer(reply) for reply in replies]
        model = {"model_name_or_path": "m", "api_base": server.url, "max_retries": 0}
        config = {"llm": {"backend": "openai", "config": model}, "max_chars": 1000, **changes}
        chosen = MemReaderConfigFactory.model_validate({"backend": "simple_struct", "config": config})
        facts = open_reader(chosen, Settings(data_dir=tmp_path)).read([conversation_])[0]
        return facts, server.requests


def said(requests: list[Any]) -> list[list[tuple[int, str]]]:
    asked = [json.loads(request["messages"][1]["content"])["conversations"] for request in requests]
    return [[(item["number"], item["text"]) for group in groups for item in group] for groups in asked]


def by_sentences(**config: Any) -> dict[str, Any]:
    return {"backend": "sentence", "config": {"chunk_size": 64, "chunk_overlap": 0, **config}}


def test_without_a_chunker_a_sentence_may_be_cut(tmp_path: Path) -> None:
    _, requests = read(conversation(message(LONG)), '{"facts": []}', tmp_path=tmp_path)
    parts = [text for call in said(requests) for _, text in call]
    assert "".join(parts) == LONG
    assert not all(part.rstrip().endswith("harbour.") for part in parts)


def test_with_a_chunker_the_parts_are_whole_sentences_and_nothing_is_lost(tmp_path: Path) -> None:
    _, requests = read(conversation(message(LONG)), '{"facts": []}', tmp_path=tmp_path, chunker=by_sentences())
    parts = [text for call in said(requests) for _, text in call]
    assert len(parts) > 1
    assert all(part.endswith("harbour.") for part in parts)
    assert " ".join(parts) == LONG
    assert all(sum(len(text) for _, text in call) <= 1000 for call in said(requests))


def test_its_overlap_is_read_twice(tmp_path: Path) -> None:
    chunker = by_sentences(chunk_overlap=12)
    _, requests = read(conversation(message(LONG)), '{"facts": []}', tmp_path=tmp_path, chunker=chunker)
    parts = [text for call in said(requests) for _, text in call]
    assert all(sentence in " ".join(parts) for sentence in SENTENCES)
    assert sum(map(len, parts)) > len(LONG)


def test_a_message_that_fits_is_left_whole(tmp_path: Path) -> None:
    short = " ".join(SENTENCES[:15])
    _, requests = read(
        conversation(message(short)), '{"facts": []}', tmp_path=tmp_path, chunker=by_sentences(chunk_size=32)
    )
    assert said(requests) == [[(1, short)]]


def test_a_chunk_that_is_longer_than_a_call_is_cut_all_the_same(tmp_path: Path) -> None:
    chunker = by_sentences(chunk_size=10_000)
    _, requests = read(conversation(message(LONG)), '{"facts": []}', tmp_path=tmp_path, chunker=chunker)
    assert all(sum(len(text) for _, text in call) <= 1000 for call in said(requests))
    assert "".join(text for call in said(requests) for _, text in call) == LONG


def test_the_evidence_of_a_fact_is_the_message_that_its_part_came_from(tmp_path: Path) -> None:
    turns = conversation(message("Hello."), message(LONG), message("Good bye."))
    found = '{"facts": [{"text": "Ana has locker 59.", "evidence": [2]}]}'
    facts, requests = read(turns, '{"facts": []}', found, found, tmp_path=tmp_path, chunker=by_sentences())
    assert {number for call in said(requests) for number, _ in call} == {1, 2, 3}
    assert [(fact.text, fact.evidence) for fact in facts] == [("Ana has locker 59.", (1,))]


def test_a_token_counter_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="no-such-counter"):
        read(
            conversation(message(LONG)),
            "",
            tmp_path=tmp_path,
            chunker=by_sentences(tokenizer_or_token_counter="./no-such-counter"),
        )


def test_a_chunker_comes_through_a_jobs_options() -> None:
    model = {"backend": "openai", "config": {"model_name_or_path": "m", "api_base": "http://localhost/v1"}}
    config = {"backend": "simple_struct", "config": {"llm": model, "chunker": by_sentences()}}
    written = MemReaderConfigFactory.model_validate(config).model_dump(mode="json")
    again = MemReaderConfigFactory.model_validate(written)
    assert again == MemReaderConfigFactory.model_validate(config)
    assert isinstance(open_reader(again, Settings()), SimpleStructMemReader)
