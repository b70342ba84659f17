"""What an application keeps with a memory survives whatever happens to the memory."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memos.configs.memory import NaiveTextMemoryConfig
from memos.errors import InvalidRequest
from memos.memories.textual.item import MAX_INFO_DEPTH, TextualMemoryItem, TextualMemoryMetadata
from memos.memories.textual.naive import NaiveTextMemory
from memos.settings import Settings

INFO: dict[str, Any] = {
    "text": 'Zoë \U0001f408 \x00 \\ "',
    "whole": 3,
    "half": 0.5,
    "yes": True,
    "nothing": None,
    "list": [1, "two", [3.0, {}]],
    "deep": {"a": {"b": [False]}},
    "": "",
}


@pytest.fixture
def memory() -> NaiveTextMemory:
    return NaiveTextMemory(NaiveTextMemoryConfig(cube_id="cube"), settings=Settings(tenant="acme"))


def given(**metadata: Any) -> dict[str, Any]:
    return {"id": "m", "memory": "tea", "metadata": metadata}


def test_it_comes_back_as_it_was_given(memory: NaiveTextMemory) -> None:
    memory.add(given(info=INFO, tags=["t"]))
    assert memory.get("m").metadata.info == INFO
    assert memory.get_all()[0].metadata["info"] == INFO
    assert memory.search("tea")[0].metadata.info == INFO
    memory.add({"id": "n", "memory": "milk"})
    assert memory.get("n").metadata.info == {}


def test_an_update_keeps_it_unless_it_names_it(memory: NaiveTextMemory) -> None:
    memory.add(given(info=INFO))
    assert memory.update("m", "milk").metadata.info == INFO
    assert memory.update("m", {"metadata": {"tags": ["t"]}}).metadata.info == INFO
    assert memory.update("m", {"metadata": {"info": {"new": 1}}}).metadata.info == {"new": 1}
    assert memory.get("m").metadata.info == {"new": 1}


def test_a_dump_holds_it(memory: NaiveTextMemory, tmp_path: Path) -> None:
    memory.add(given(info=INFO))
    memory.dump(tmp_path / "dump")
    memory.delete_all()
    memory.load(tmp_path / "dump")
    assert memory.get("m").metadata.info == INFO


@pytest.mark.parametrize(
    "wrong",
    [
        [1],
        {1: 2},
        {"a": object()},
        {"a": (1, 2)},
        {"a": {1, 2}},
        {"a": datetime.now(UTC)},
        {"a": float("nan")},
        {"a": [float("-inf")]},
        {"a": "\ud800"},
        {"\ud800": 1},
        {"a": {"b": b"bytes"}},
    ],
)
def test_what_is_no_json_is_refused(memory: NaiveTextMemory, wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="info"):
        memory.add(given(info=wrong))
    assert memory.get_all() == []


def test_its_depth_is_bounded() -> None:
    deep: Any = 1
    for _ in range(MAX_INFO_DEPTH):
        deep = {"a": deep}
    TextualMemoryMetadata(info=deep)
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest, match="nested deeper than 16"):
        TextualMemoryItem(memory="tea", metadata={"info": deep})
