"""Textual memories on disk: equal dumps give equal bytes, and what is read is what was written."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memos.errors import Corrupt, InvalidConfig, InvalidRequest, NotFound
from memos.memories.directory import replacing
from memos.memories.textual.files import FILES, ITEMS_FILE, VECTORS_FILE, Dump, read_dump, write_dump
from memos.memories.textual.item import SourceItem, TextualEdge, TextualMemoryItem, TextualMemoryMetadata
from memos.types import EdgeType, Role

NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)


def item(name: str, *, day: int = 1, text: str = "tea") -> TextualMemoryItem:
    created = datetime(2025, 3, day, tzinfo=UTC)
    return TextualMemoryItem(id=name, memory=text, metadata=TextualMemoryMetadata(created_at=created))


OLD, NEW, LATE = item("a", day=1), item("b", day=2), item("c", day=2)
EDGES = (
    TextualEdge(source="a", target="b", type=EdgeType.CAUSE),
    TextualEdge(source="a", target="b", type=EdgeType.PARENT),
)
FULL = Dump(items=(OLD, NEW), edges=EDGES, vectors={"a": [0.5, 0.25], "b": [0.1, -1.0]}, model="m")


def contents_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def rewrite(directory: Path, name: str, content: bytes) -> None:
    """Change a file of a dump together with its checksum, as somebody could who means harm."""
    kept = {**contents_of(directory), name: content}
    with replacing(directory) as fresh:
        for file, old in kept.items():
            (fresh / file).write_bytes(old)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    source = SourceItem(message_id="m", session_id="s", role=Role.USER, speaker="Ana", content="Tee?", chat_time=NOON)
    full = OLD.model_copy(update={"memory": "Größe\u2028zwei\nZeilen 🙂", "sources": (source,)})
    write_dump(tmp_path / "dump", replace(FULL, items=(full, NEW)), backend="tree_text")
    found = read_dump(tmp_path / "dump")
    assert found.items == (full, NEW)
    assert found.edges == EDGES
    assert found.model == "m"
    assert found.vectors["a"] == [0.5, 0.25]
    assert found.vectors["b"] == pytest.approx([0.1, -1.0])


def test_a_dump_that_was_read_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    write_dump(tmp_path / "first", FULL, backend="tree_text")
    write_dump(tmp_path / "second", read_dump(tmp_path / "first"), backend="tree_text")
    assert contents_of(tmp_path / "first").keys() == {*FILES, "manifest.json"}
    assert contents_of(tmp_path / "first") == contents_of(tmp_path / "second")


def test_the_order_in_which_items_come_plays_no_role(tmp_path: Path) -> None:
    write_dump(tmp_path / "first", Dump(items=(LATE, OLD, NEW), edges=EDGES), backend="naive_text")
    write_dump(tmp_path / "second", Dump(items=(NEW, LATE, OLD), edges=EDGES[::-1]), backend="naive_text")
    assert contents_of(tmp_path / "first") == contents_of(tmp_path / "second")
    assert [found.id for found in read_dump(tmp_path / "first").items] == ["a", "b", "c"]


def test_the_file_tells_its_schema_its_version_and_the_backend(tmp_path: Path) -> None:
    write_dump(tmp_path, Dump(items=(OLD,)), backend="naive_text")
    header, line = (tmp_path / ITEMS_FILE).read_text().splitlines()
    assert json.loads(header) == {"schema": "memos.textual", "version": 1, "backend": "naive_text", "count": 1}
    assert list(json.loads(line)) == sorted(json.loads(line))
    assert contents_of(tmp_path).keys() == {ITEMS_FILE, "manifest.json"}


def test_what_a_search_added_is_not_written(tmp_path: Path) -> None:
    scored = OLD.model_copy(update={"score": 0.5, "parts": {"text": 0.5}})
    write_dump(tmp_path / "scored", Dump(items=(scored,)), backend="naive_text")
    write_dump(tmp_path / "plain", Dump(items=(OLD,)), backend="naive_text")
    assert contents_of(tmp_path / "scored") == contents_of(tmp_path / "plain")


def test_an_empty_memory_has_a_dump(tmp_path: Path) -> None:
    write_dump(tmp_path, Dump(items=()), backend="naive_text")
    assert read_dump(tmp_path) == Dump(items=())


def test_vectors_are_of_all_items_and_of_one_length(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="'b' has none"):
        write_dump(tmp_path / "dump", replace(FULL, vectors={"a": [1.0, 0.0]}), backend="naive_text")
    with pytest.raises(InvalidRequest, match=r"\[1, 2\] numbers"):
        write_dump(tmp_path / "dump", replace(FULL, vectors={"a": [1.0, 0.0], "b": [1.0]}), backend="naive_text")
    assert not (tmp_path / "dump").exists()


def test_without_safetensors_vectors_are_not_left_out_silently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dump(tmp_path / "dump", FULL, backend="naive_text")
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for attempt in (lambda: write_dump(tmp_path / "other", FULL, backend="x"), lambda: read_dump(tmp_path / "dump")):
        with pytest.raises(InvalidConfig, match=r"memos\[local\]"):
            attempt()
    write_dump(tmp_path / "other", replace(FULL, vectors={}), backend="naive_text")


def test_a_whole_cube_is_not_replaced_by_its_textual_memory(tmp_path: Path) -> None:
    with replacing(tmp_path / "cube") as fresh:
        (fresh / "config.json").write_text("{}")
    with pytest.raises(InvalidRequest, match="dump the cube"):
        write_dump(tmp_path / "cube", FULL, backend="naive_text")


def test_a_directory_without_a_dump_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no dump of textual memory"):
        read_dump(tmp_path)
    with pytest.raises(NotFound, match="no directory"):
        read_dump(tmp_path / "missing")
    with replacing(tmp_path / "other") as fresh:
        (fresh / "config.json").write_text("{}")
    with pytest.raises(NotFound, match=r"no textual_memory\.jsonl"):
        read_dump(tmp_path / "other")


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    write_dump(tmp_path, FULL, backend="naive_text")
    for name in FILES:
        intact = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(intact[:-1] + b"?")
        with pytest.raises(Corrupt, match=name):
            read_dump(tmp_path)
        (tmp_path / name).write_bytes(intact)
    assert read_dump(tmp_path).items == FULL.items


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (ITEMS_FILE, b"", "line 1"),
        (ITEMS_FILE, b"[]\n", "line 1"),
        (ITEMS_FILE, b'{"schema": "memos.textual", "version": 1, "backend": "x", "count": 2}\n{}\n', "1 lines of 2"),
        (ITEMS_FILE, b'{"schema": "memos.textual", "version": 1, "backend": "x", "count": 1}\n{}\n', "line 2"),
        (
            ITEMS_FILE,
            b'{"schema": "memos.textual", "version": 1, "backend": "x", "count": 1}\n'
            b'{"memory": "x", "metadata": {"confidence": 7}}\n',
            "confidence",
        ),
        (VECTORS_FILE, b"no tensors", "holds no vectors"),
        (VECTORS_FILE, b"", "holds no vectors"),
    ],
)
def test_nonsense_with_a_right_checksum_is_corrupt(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    write_dump(tmp_path, FULL, backend="naive_text")
    rewrite(tmp_path, name, content)
    with pytest.raises(Corrupt, match=told):
        read_dump(tmp_path)


def test_vectors_of_other_items_are_corrupt(tmp_path: Path) -> None:
    write_dump(tmp_path / "two", FULL, backend="naive_text")
    one = replace(FULL, items=(OLD,), edges=())
    write_dump(tmp_path / "one", one, backend="naive_text")
    rewrite(tmp_path / "two", VECTORS_FILE, (tmp_path / "one" / VECTORS_FILE).read_bytes())
    with pytest.raises(Corrupt, match="for 2 items"):
        read_dump(tmp_path / "two")


def test_a_later_version_asks_for_a_newer_release(tmp_path: Path) -> None:
    write_dump(tmp_path, FULL, backend="naive_text")
    later = (tmp_path / ITEMS_FILE).read_bytes().replace(b'"version": 1', b'"version": 2', 1)
    rewrite(tmp_path, ITEMS_FILE, later)
    with pytest.raises(InvalidRequest, match=r"version 2; this reads 'memos\.textual' up to version 1"):
        read_dump(tmp_path)


def test_a_pickle_beside_the_memories_is_refused(tmp_path: Path) -> None:
    write_dump(tmp_path, FULL, backend="naive_text")
    (tmp_path / "activation_memory.pickle").write_bytes(b"\x80\x04.")
    with pytest.raises(InvalidRequest, match="a pickle can run code"):
        read_dump(tmp_path)
