"""What MemOS 1.x wrote can be read, and what of it has no place here is told."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memos.errors import Corrupt
from memos.memories.textual.files import Dump, read_dump
from memos.memories.textual.item import TextualEdge, TextualMemoryItem
from memos.types import Category, EdgeType, MemoryStatus, MemoryType

ID = "8f9d1c9e-0b1a-4f5e-9a55-000000000001"


def read(tmp_path: Path, content: object) -> Dump:
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "textual_memory.json").write_text(text, encoding="utf-8")
    return read_dump(tmp_path)


def read_one(tmp_path: Path, **metadata: Any) -> TextualMemoryItem:
    return read(tmp_path, [{"id": ID, "memory": "I like tea.", "metadata": metadata}]).items[0]


def test_rows_of_a_vector_store_are_read(tmp_path: Path) -> None:
    payload = {"id": ID, "memory": "I like tea.", "metadata": {"type": "opinion"}}
    dump = read(tmp_path, [{"id": ID, "vector": [0.1, 0.2], "payload": payload}])
    assert [(item.id, item.memory) for item in dump.items] == [(ID, "I like tea.")]
    assert dump.items[0].metadata.type is Category.PREFERENCE
    assert dump.vectors == {}


def test_plain_items_are_read(tmp_path: Path) -> None:
    assert read_one(tmp_path).memory == "I like tea."


def test_a_tree_is_read_with_its_edges(tmp_path: Path) -> None:
    nodes = [{"id": "a", "memory": "A", "metadata": {"memory_type": "WorkingMemory"}}, {"id": "b", "memory": "B"}]
    edges = [
        {"source": "a", "target": "b", "type": "PARENT"},
        {"source": "a", "target": "b", "type": "RELATE_TO"},
        {"source": "a", "target": "b", "type": "AGGREGATE_TO"},
        {"source": "a", "target": "gone", "type": "PARENT"},
        {"source": "a", "target": "a", "type": "PARENT"},
    ]
    dump = read(tmp_path, {"nodes": nodes, "edges": edges})
    assert dump.items[0].metadata.memory_type is MemoryType.WORKING
    assert dump.edges == (
        TextualEdge(source="a", target="b", type=EdgeType.PARENT),
        TextualEdge(source="a", target="b", type=EdgeType.RELATES),
    )


def test_what_an_application_kept_with_a_memory_comes_along(tmp_path: Path) -> None:
    assert read_one(tmp_path, info={"room": "blue", "shelf": [1, None]}).metadata.info == {
        "room": "blue",
        "shelf": [1, None],
    }


@pytest.mark.parametrize("info", ["text", [1], {"number": float("nan")}])
def test_an_info_that_cannot_be_kept_is_left_out(tmp_path: Path, info: Any) -> None:
    assert read_one(tmp_path, info=info, key="drinks").metadata.info == {}


def test_metadata_with_a_place_here_is_kept(tmp_path: Path) -> None:
    found = read_one(
        tmp_path,
        user_id="ana",
        session_id="s1",
        status="archived",
        type="procedure",
        key="drinks",
        tags=["food", 7],
        entities=["tea"],
        confidence=85.0,
        memory_time="2025-03-01",
        created_at="2025-03-02T10:00:00",
        updated_at="2025-03-03T10:00:00+02:00",
        sources=[
            {"role": "user", "content": "I like tea.", "chat_time": "2025-03-02T09:00:00", "name": "Ana"},
            json.dumps({"role": "assistant", "content": "Green?", "message_id": "m7"}),
            "user: something",
        ],
    )
    known = found.metadata
    assert (known.user_id, known.session_id, known.key, known.tags) == ("ana", "s1", "drinks", ("food",))
    assert (known.status, known.type, known.entities) == (MemoryStatus.ARCHIVED, Category.INSTRUCTION, ("tea",))
    assert known.confidence == pytest.approx(0.85)
    assert known.valid_at == datetime(2025, 3, 1, tzinfo=UTC)
    assert known.created_at == datetime(2025, 3, 2, 10, tzinfo=UTC)
    assert known.updated_at == datetime(2025, 3, 3, 8, tzinfo=UTC)
    assert [(source.speaker, source.content, source.session_id) for source in found.sources] == [
        ("Ana", "I like tea.", "s1"),
        ("assistant", "Green?", "s1"),
    ]
    assert found.sources[1].message_id == "m7"
    assert found.sources[1].chat_time == known.created_at


@pytest.mark.parametrize(
    ("given", "kept"),
    [("fact", "fact"), ("event", "event"), ("topic", "fact"), ("opinion", "preference"), ("plan", "plan")],
)
def test_kinds_of_statements_become_ours(tmp_path: Path, given: str, kept: str) -> None:
    assert read_one(tmp_path, type=given).metadata.type == kept


@pytest.mark.parametrize(("given", "kept"), [(100, 1.0), (1, 1.0), (0.5, 0.5), (0, 0.0), (250, 1.0), ("high", 1.0)])
def test_confidence_is_a_fraction(tmp_path: Path, given: object, kept: float) -> None:
    assert read_one(tmp_path, confidence=given).metadata.confidence == kept


def test_what_is_left_out_is_counted_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "memos")
    entries = [
        {"id": "1", "memory": "A", "metadata": {"usage": ["x"], "visibility": "private", "memory_time": "last week"}},
        {"id": "2", "memory": "B", "metadata": {"usage": ["y"], "background": "", "sources": ["a text"]}},
        {"id": "3", "memory": " "},
        {"id": "4", "memory": "C", "metadata": {"status": "deleted"}},
    ]
    assert [item.id for item in read(tmp_path, entries).items] == ["1", "2"]
    told = caplog.messages[-1]
    assert told.startswith("read 2 memories of MemOS 1.x from ")
    for part in ("usage (2)", "visibility (1)", "memory_time (1)", "sources (1)", "without text (1)", "deleted memory"):
        assert part in told
    assert "background" not in told


def test_ids_that_are_none_here_get_new_ones_the_same_at_every_reading(tmp_path: Path) -> None:
    nodes = [
        {"id": 42, "memory": "A"},
        {"id": "x" * 500, "memory": "B"},
        {"id": "tab\t", "memory": "C"},
        {"memory": "D"},
        {"id": None, "memory": "E"},
    ]
    tree = {"nodes": nodes, "edges": [{"source": 42, "target": "tab\t", "type": "PARENT"}]}
    first, second = read(tmp_path, tree), read(tmp_path, tree)
    assert first == second
    assert [item.memory for item in first.items] == ["A", "B", "C", "D", "E"]
    assert all(len(item.id) == 36 for item in first.items)
    assert [(edge.source, edge.target) for edge in first.edges] == [(first.items[0].id, first.items[2].id)]


def test_of_two_memories_with_one_id_the_later_is_kept(tmp_path: Path) -> None:
    dump = read(tmp_path, [{"id": "1", "memory": "A"}, {"id": "1", "memory": "B"}])
    assert [item.memory for item in dump.items] == ["B"]


def test_text_that_no_store_accepts_is_cleaned(tmp_path: Path) -> None:
    dump = read(tmp_path, '[{"id": "1", "memory": "te\\u0000a \\ud800"}]')
    assert dump.items[0].memory == "tea \ufffd"


@pytest.mark.parametrize("content", ["{", "null", '{"nodes": 1}', "[1]", '{"nodes": [], "edges": [1]}', "[" * 100_000])
def test_what_has_none_of_the_forms_is_corrupt(tmp_path: Path, content: str) -> None:
    with pytest.raises(Corrupt, match=r"textual_memory\.json"):
        read(tmp_path, content)
