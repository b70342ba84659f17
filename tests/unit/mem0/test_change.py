"""What update, delete, delete_all and reset change, and what the history tells of it."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from memos.clock import ManualClock
from memos.errors import InvalidRequest, NotFound, Unavailable
from memos.mem0.memory import Memory
from memos.mem0.rows import Stores
from memos.settings import Settings
from memos.vec_dbs.memory import MemoryIndex
from tests.support.text import WordEmbedder
from tests.unit.mem0.conftest import OpenMemory, kept, texts

ANA = {"user_id": "ana"}


def test_an_update_replaces_the_text_and_is_found_by_it(memory: Memory, clock: ManualClock) -> None:
    [one] = kept(memory, "green tea", metadata={"a": 1})
    before = memory.get(one)
    clock.advance_ms(5000)
    assert memory.update(one, "a boat") == {"message": "Memory updated successfully!"}
    after = memory.get(one)
    assert before is not None
    assert after is not None
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"memory", "hash", "updated_at"}
    assert texts(memory.search("boat", filters=ANA)) == ["a boat"]
    assert memory.search("green tea", filters=ANA) == {"results": []}


def test_an_update_keeps_the_metadata_that_it_does_not_name(memory: Memory) -> None:
    [one] = kept(memory, "green tea", metadata={"a": 1, "b": 2})
    memory.update(one, metadata={"b": 3, "c": {"d": []}})
    shown = memory.get(one)
    assert shown is not None
    assert (shown["memory"], shown["metadata"]) == ("green tea", {"a": 1, "b": 3, "c": {"d": []}})
    assert texts(memory.get_all(filters={**ANA, "b": 3})) == ["green tea"]
    assert texts(memory.search("tea", filters={**ANA, "b": 2})) == []


def test_whose_a_memory_is_no_update_changes(memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    [one] = kept(memory, "tea", metadata={"a": 1})
    memory.update(one, metadata={"user_id": "ana", "a": 2})
    assert caplog.text == ""
    memory.update(one, metadata={"user_id": "ben", "run_id": "r", "actor_id": "x"})
    assert caplog.text.count("is left out") == 3
    assert memory.get_all(filters={"user_id": "ben"}) == memory.get_all(filters={"run_id": "r"}) == {"results": []}
    assert texts(memory.get_all(filters=ANA)) == ["tea"]


def test_the_old_name_of_text_still_works(memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    [one] = kept(memory, "tea")
    memory.update(memory_id=one, data="milk")
    assert "text=" in caplog.text
    memory.update(memory_id=one, text="water", data="wine")
    assert texts(memory.get_all(filters=ANA)) == ["water"]


def test_an_end_can_be_set_and_taken_away(memory: Memory) -> None:
    [one] = kept(memory, "tea")
    memory.update(one, expiration_date="2020-01-01")
    assert memory.get_all(filters=ANA) == {"results": []}
    memory.update(one, expiration_date=None)
    assert texts(memory.get_all(filters=ANA)) == ["tea"]
    memory.update(one, metadata={"expiration_date": "2020-01-01"})
    assert memory.get_all(filters=ANA) == {"results": []}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "at least one of text, metadata and expiration_date"),
        ({"text": " "}, "text is empty"),
        ({"text": 7}, "text must be a string"),
        ({"metadata": "x"}, "metadata must be a mapping"),
        ({"metadata": {"created_at": "2020-01-01"}}, "choose another name"),
        ({"metadata": {"x": float("nan")}}, "no JSON number"),
        ({"expiration_date": "soon"}, "YYYY-MM-DD"),
    ],
)
def test_an_update_that_means_nothing_is_refused(memory: Memory, arguments: dict[str, Any], message: str) -> None:
    [one] = kept(memory, "tea")
    with pytest.raises(InvalidRequest, match=message) as caught:
        memory.update(one, **arguments)
    assert isinstance(caught.value, ValueError)
    assert [entry["event"] for entry in memory.history(one)] == ["ADD"]


def test_what_is_not_there_is_an_error_to_change_and_none_to_get(memory: Memory) -> None:
    for call in (lambda: memory.update("absent", "x"), lambda: memory.delete("absent")):
        with pytest.raises(NotFound, match="there is no memory 'absent'") as caught:
            call()
        assert isinstance(caught.value, ValueError)
    assert memory.get("absent") is None
    assert memory.history("absent") == []
    for method in (memory.get, memory.delete, memory.history):
        with pytest.raises(ValueError, match="must be a string"):
            method(7)


def test_the_history_tells_every_change_in_order(memory: Memory, clock: ManualClock) -> None:
    [one] = kept(memory, "tea", metadata={"a": 1})
    clock.advance_ms(1000)
    memory.update(one, "milk")
    clock.advance_ms(1000)
    memory.update(one, metadata={"a": 2})
    clock.advance_ms(1000)
    assert memory.delete(one) == {"message": "Memory deleted successfully!"}
    entries = memory.history(one)
    assert [(entry["event"], entry["old_memory"], entry["new_memory"], entry["is_deleted"]) for entry in entries] == [
        ("ADD", None, "tea", False),
        ("UPDATE", "tea", "milk", False),
        ("UPDATE", "milk", "milk", False),
        ("DELETE", "milk", None, True),
    ]
    assert {entry["created_at"] for entry in entries} == {"2025-06-15T15:06:40+00:00"}
    assert [entry["updated_at"][17:19] for entry in entries] == ["40", "41", "42", "43"]
    assert {(entry["memory_id"], entry["role"], entry["actor_id"]) for entry in entries} == {(one, "user", None)}
    assert len({entry["id"] for entry in entries}) == 4


def test_a_speaker_is_in_the_history(memory: Memory) -> None:
    added = memory.add({"role": "assistant", "content": "tea", "name": "Bot"}, agent_id="b", infer=False)
    [entry] = memory.history(added["results"][0]["id"])
    assert (entry["actor_id"], entry["role"]) == ("Bot", "assistant")


def test_delete_all_removes_what_belongs_to_all_that_are_named(memory: Memory) -> None:
    kept(memory, "a", user_id="ana", agent_id="cook")
    [both] = kept(memory, "b", user_id="ana", run_id="r")
    kept(memory, "c", user_id="ben", run_id="r")
    assert memory.delete_all(user_id="ana", run_id="r") == {"message": "Memories deleted successfully!"}
    assert sorted(texts(memory.get_all(filters={"user_id": "*"}))) == ["a", "c"]
    assert memory.history(both)[-1]["event"] == "DELETE"
    memory.delete_all(agent_id="cook")
    memory.delete_all(run_id=" r ")
    memory.delete_all(user_id="nobody")
    assert memory.get_all(filters={"user_id": "*"}) == {"results": []}


def test_delete_all_removes_many_and_the_expired(memory: Memory) -> None:
    said = [{"role": "user", "content": f"tea {number}"} for number in range(1100)]
    memory.add(said, user_id="ana", infer=False, expiration_date="2020-01-01")
    memory.delete_all(user_id="ana")
    assert memory.get_all(filters=ANA, show_expired=True) == {"results": []}


@pytest.mark.parametrize("given", [{}, {"user_id": None}, {"user_id": " "}, {"user_id": "*"}])
def test_delete_all_of_nobody_or_anybody_is_refused(memory: Memory, given: dict[str, Any]) -> None:
    kept(memory, "tea")
    with pytest.raises(ValueError, match=r"give a"):
        memory.delete_all(**given)
    assert texts(memory.get_all(filters=ANA)) == ["tea"]


def test_reset_leaves_nothing_and_the_object_usable(memory: Memory) -> None:
    [one] = kept(memory, "tea")
    memory.reset()
    assert memory.get(one) is None
    assert memory.history(one) == []
    assert len(kept(memory, "milk")) == 1


def test_the_history_is_in_the_file_that_is_named(open_memory: OpenMemory, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "history.db"
    first = open_memory(history_db_path=str(path))
    [one] = kept(first, "tea")
    with sqlite3.connect(path) as connection:
        assert connection.execute("select tenant, cube_id, event from memos_mem0_history").fetchall() == [
            ("acme", "mem0", "ADD")
        ]
    connection.close()
    assert open_memory().history(one) == []
    first.close()
    first.close()
    assert len(open_memory(history_db_path=str(path)).history(one)) == 1


def test_a_history_in_memory_is_refused(open_memory: OpenMemory) -> None:
    with pytest.raises(ValueError, match="must name a file"):
        open_memory(history_db_path=":memory:")


class Failing(MemoryIndex):
    """Refuses changes while ``away``."""

    away = False

    def upsert(self, *args: Any) -> None:
        if self.away:
            raise Unavailable("milvus", "gone")
        super().upsert(*args)

    def delete(self, *args: Any) -> None:
        if self.away:
            raise Unavailable("milvus", "gone")
        super().delete(*args)


def test_a_change_that_failed_is_not_in_the_history(tmp_path: Path) -> None:
    index, embedder = Failing(), WordEmbedder()
    index.ensure(dimension=embedder.dimension, model=embedder.model)
    with Memory(settings=Settings(data_dir=tmp_path), stores=Stores(index=index, embedder=embedder)) as memory:
        [one] = kept(memory, "tea")
        index.away = True
        for call in (
            lambda: memory.add("I like milk.", user_id="ana"),
            lambda: memory.update(one, "milk"),
            lambda: memory.delete(one),
            lambda: memory.delete_all(user_id="ana"),
        ):
            with pytest.raises(Unavailable):
                call()
        assert [entry["event"] for entry in memory.history(one)] == ["ADD"]
        assert texts(memory.get_all(filters=ANA)) == ["tea"]


def test_threads_that_add_the_same_at_once_add_it_once(memory: Memory) -> None:
    threads = [threading.Thread(target=memory.add, args=("I like tea.",), kwargs=ANA) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(memory.get_all(filters=ANA)["results"]) == 1
