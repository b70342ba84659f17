"""What every textual memory does: one suite for all of them, whatever they are kept in."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from memos.clock import ManualClock
from memos.errors import Corrupt, InvalidRequest, NotFound
from memos.memories.textual.base import BaseTextMemory
from memos.memories.textual.item import SourceItem, TextualMemoryItem, TextualMemoryMetadata, time_of
from memos.settings import Settings
from memos.types import Category, MemoryStatus, MemoryType, Role
from tests.support.textual_memories import BUILDERS, Make, Open

NOON = datetime(2024, 3, 14, 12, tzinfo=UTC)


@pytest.fixture(scope="module", params=BUILDERS, ids=lambda build: build.__name__)
def make(request: pytest.FixtureRequest) -> Make:
    return request.param(request)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_memory(make: Make, clock: ManualClock, tenant: str) -> Iterator[Open]:
    opened: list[BaseTextMemory] = []

    def open_one(cube: str = "cube", *, tenant: str | None = tenant) -> BaseTextMemory:
        opened.append(make(Settings(tenant=tenant or "default"), cube, clock))
        return opened[-1]

    yield open_one
    for memory in opened:
        memory.drop()
        memory.close()


@pytest.fixture
def memory(open_memory: Open) -> BaseTextMemory:
    return open_memory()


def texts(items: Sequence[TextualMemoryItem]) -> list[str]:
    return [item.memory for item in items]


def names(items: Sequence[TextualMemoryItem]) -> list[str]:
    return [item.id for item in items]


def an_item(name: str, text: str = "some text", **metadata: Any) -> TextualMemoryItem:
    return TextualMemoryItem(id=name, memory=text, metadata=TextualMemoryMetadata(**metadata))


def content_of(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


WRONG_MEMORIES = [
    5,
    ["good", 5],
    ["good", ""],
    ["good", " \n"],
    ["good", "nul \x00"],
    ["good", "x" * 1_000_001],
    ["good", {"memory": ""}],
    ["good", {"text": "no such field"}],
    ["good", {"memory": "m", "metadata": {"confidence": 2}}],
    ["good", {"memory": "m", "metadata": {"type": "poem"}}],
    ["good", {"memory": "m", "id": ""}],
    ["good", {"memory": "m", "id": "i" * 129}],
]
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda content: content[:-7],
    "one byte changed": lambda content: content[:-9] + b"?" + content[-8:],
    "emptied": lambda content: b"",
}


class TestAdding:
    def test_ids_are_those_given_or_new_ones_in_order(self, memory: BaseTextMemory) -> None:
        given = ["a text", {"id": "named", "memory": "a mapping"}, an_item("m", "an item")]
        first, *others = memory.add(given)
        assert UUID(first).version == 4
        assert others == ["named", "m"]
        assert texts(memory.get_by_ids([first, "named", "m"])) == ["a text", "a mapping", "an item"]

    @pytest.mark.parametrize("alone", ["tea", {"memory": "tea"}, an_item("m", "tea")], ids=["text", "mapping", "item"])
    def test_one_may_be_given_without_a_list(self, memory: BaseTextMemory, alone: Any) -> None:
        [added] = memory.add(alone)
        assert memory.get(added).memory == "tea"

    def test_adding_nothing_is_nothing(self, memory: BaseTextMemory) -> None:
        assert memory.add([]) == memory.get_all() == []

    @pytest.mark.parametrize("wrong", WRONG_MEMORIES, ids=lambda wrong: f"{str(wrong)[-30:]}")
    def test_what_is_wrong_is_refused_and_nothing_of_it_stored(self, memory: BaseTextMemory, wrong: Any) -> None:
        with pytest.raises(InvalidRequest):
            memory.add(wrong)
        assert memory.get_all() == []

    def test_everything_that_is_known_of_an_item_is_kept(self, memory: BaseTextMemory) -> None:
        source = SourceItem(
            message_id="msg 1", session_id="s1", role=Role.USER, speaker="Zoë", content="I play it!", chat_time=NOON
        )
        metadata = TextualMemoryMetadata(
            user_id="zoë",
            session_id="s1",
            memory_type=MemoryType.USER,
            type=Category.PREFERENCE,
            speaker="Zoë",
            key="saxophone",
            tags=("music", "北京"),
            entities=("Zoë \U0001f3b7",),
            confidence=0.75,
            said_at=NOON,
            valid_at=NOON + timedelta(days=1),
            invalid_at=NOON + timedelta(days=2),
            created_at=NOON + timedelta(minutes=1),
            updated_at=NOON + timedelta(minutes=2),
            version=7,
            info={"room": 'a "quoted" name', "deep": {"list": [1, 2.5, None, "猫"]}},
        )
        item = TextualMemoryItem(id="m", memory="Zoë plays\nthe \U0001f3b7", metadata=metadata, sources=(source,))
        memory.add(item)
        for kept in (memory.get("m"), memory.get_all()[0], memory.search("plays")[0]):
            assert (kept.id, kept.memory, kept.sources) == ("m", item.memory, (source,))
            given = metadata.model_fields_set
            assert kept.metadata.model_dump(include=given) == metadata.model_dump(include=given)

    def test_times_that_an_item_lacks_are_those_of_the_clock(self, memory: BaseTextMemory, clock: ManualClock) -> None:
        [added] = memory.add("tea")
        known = memory.get(added).metadata
        assert known.created_at == known.updated_at == known.said_at == time_of(clock.now_ms())
        assert (known.valid_at, known.invalid_at, known.version) == (None, None, 1)

    def test_times_are_kept_to_the_millisecond_in_utc(self, memory: BaseTextMemory) -> None:
        east = datetime(2024, 3, 14, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
        memory.add([an_item("aware", created_at=east), an_item("naive", created_at=NOON.replace(tzinfo=None))])
        aware, naive = (item.metadata.created_at or NOON.min for item in memory.get_by_ids(["aware", "naive"]))
        assert aware == NOON + timedelta(milliseconds=123)
        assert naive == NOON
        assert aware.utcoffset() == naive.utcoffset() == timedelta(0)

    def test_an_id_that_is_there_is_replaced(self, memory: BaseTextMemory, clock: ManualClock) -> None:
        memory.add(an_item("m", "Ann drinks coffee", user_id="ann", tags=["old"]))
        created_at = time_of(clock.now_ms())
        clock.advance_ms(1000)
        assert memory.add(an_item("m", "Ann drinks tea", tags=["new"])) == ["m"]
        [item] = memory.get_all()
        assert (item.memory, item.metadata.tags, item.metadata.version) == ("Ann drinks tea", ("new",), 2)
        assert (item.metadata.created_at, item.metadata.user_id) == (created_at, "ann")
        assert item.metadata.updated_at == time_of(clock.now_ms())
        assert [found.memory for found in memory.search("coffee tea")] == ["Ann drinks tea"]

    def test_of_two_items_with_one_id_the_later_is_kept(self, memory: BaseTextMemory) -> None:
        assert memory.add([an_item("m", "first"), an_item("m", "second")]) == ["m", "m"]
        assert texts(memory.get_all()) == ["second"]


class TestReading:
    def test_an_absent_id_is_not_found(self, memory: BaseTextMemory) -> None:
        with pytest.raises(NotFound, match="'absent'"):
            memory.get("absent")

    def test_ids_are_read_in_the_order_given_and_absent_ones_left_out(self, memory: BaseTextMemory) -> None:
        memory.add([an_item(name) for name in ("a", "b", "c")])
        assert names(memory.get_by_ids(["c", "absent", "a"])) == ["c", "a"]
        assert memory.get_by_ids([]) == []

    def test_all_are_read_the_oldest_first_and_by_id_where_times_agree(self, memory: BaseTextMemory) -> None:
        memory.add([an_item("z", created_at=NOON), an_item("young"), an_item("b"), an_item("a", created_at=NOON)])
        assert names(memory.get_all()) == ["a", "z", "b", "young"]

    def test_archived_items_are_read_by_id_alone(self, memory: BaseTextMemory) -> None:
        memory.add([an_item("old", "tea", status=MemoryStatus.ARCHIVED), an_item("m", "tea")])
        assert names(memory.get_all()) == names(memory.search("tea")) == ["m"]
        assert memory.get("old").metadata.status is MemoryStatus.ARCHIVED

    def test_items_answer_to_keys(self, memory: BaseTextMemory) -> None:
        memory.add({"id": "m", "memory": "tea", "metadata": {"tags": ["hot"]}})
        assert memory.get("m")["metadata"]["tags"] == ("hot",)

    def test_unicode_comes_back_as_it_went_in(self, memory: BaseTextMemory) -> None:
        for text in (
            "我喜欢在北京编程",
            "\U0001f408\u200d\u2b1b",
            "e\u0301 is not \u00e9",
            "tab\tand\r\nlines",
            '"\\u0041',
        ):
            [added] = memory.add(text)
            assert memory.get(added).memory == text


class TestUpdating:
    def test_a_text_replaces_the_text(self, memory: BaseTextMemory, clock: ManualClock) -> None:
        memory.add(an_item("m", "Ann drinks coffee", tags=["drink"], user_id="ann"))
        before = memory.get("m")
        clock.advance_ms(1000)
        after = memory.update("m", "Ann drinks tea")
        assert after == memory.get("m")
        assert (after.memory, after.metadata.tags, after.metadata.version) == ("Ann drinks tea", ("drink",), 2)
        assert (after.metadata.created_at, after.metadata.user_id) == (before.metadata.created_at, "ann")
        assert after.metadata.updated_at == time_of(clock.now_ms())

    def test_a_mapping_replaces_the_fields_that_it_names(self, memory: BaseTextMemory) -> None:
        memory.add(an_item("m", "tea", tags=["drink"], key="tea"))
        after = memory.update("m", {"metadata": {"tags": ["hot"]}})
        assert (after.memory, after.metadata.tags, after.metadata.key) == ("tea", ("hot",), "tea")
        assert memory.get("m") == after

    def test_an_item_replaces_everything_but_the_id_and_where_it_came_from(self, memory: BaseTextMemory) -> None:
        source = SourceItem(message_id="1", session_id="s", role=Role.USER, speaker="a", content="c", chat_time=NOON)
        old = an_item("m", "tea", tags=["drink"], user_id="ann", session_id="s", created_at=NOON)
        memory.add(old.model_copy(update={"sources": (source,)}))
        after = memory.update("m", an_item("other", "milk", key="milk", user_id="bob", created_at=NOON.replace(year=9)))
        assert (after.id, after.memory, after.metadata.tags, after.metadata.key) == ("m", "milk", (), "milk")
        assert (after.metadata.user_id, after.metadata.created_at, after.sources) == ("ann", NOON, (source,))
        assert names(memory.get_all()) == ["m"]

    def test_each_update_is_the_next_version_whatever_it_says(self, memory: BaseTextMemory) -> None:
        memory.add(an_item("m"))
        assert [memory.update("m", {"metadata": {"version": 99}}).metadata.version for _ in range(3)] == [2, 3, 4]

    def test_the_new_text_is_found_and_the_old_one_is_not(self, memory: BaseTextMemory) -> None:
        memory.add([an_item("m", "Ann plays the saxophone"), an_item("n", "Bob owns a boat")])
        memory.update("m", "Ann sings")
        assert "Ann sings" in texts(memory.search("sings", 1))
        assert "Ann plays the saxophone" not in texts(memory.search("saxophone"))

    def test_archiving_takes_an_item_out_of_search(self, memory: BaseTextMemory) -> None:
        memory.add(an_item("m", "tea"))
        memory.update("m", {"metadata": {"status": "archived"}})
        assert memory.search("tea") == memory.get_all() == []

    def test_an_absent_id_is_not_found(self, memory: BaseTextMemory) -> None:
        with pytest.raises(NotFound, match="'absent'"):
            memory.update("absent", "tea")
        assert memory.get_all() == []

    @pytest.mark.parametrize("wrong", ["", " ", "nul \x00", 5, {"wrong": 1}, {"metadata": 5}, {"memory": ""}])
    def test_what_is_wrong_changes_nothing(self, memory: BaseTextMemory, wrong: Any) -> None:
        memory.add(an_item("m", "tea"))
        before = memory.get("m")
        with pytest.raises(InvalidRequest):
            memory.update("m", wrong)
        assert memory.get("m") == before


class TestDeleting:
    def test_deleted_items_are_gone_and_counted(self, memory: BaseTextMemory) -> None:
        memory.add([an_item(name, "tea") for name in ("a", "b", "c")])
        assert memory.delete(["a", "absent", "a", "c"]) == 2
        assert names(memory.get_all()) == names(memory.search("tea")) == ["b"]
        assert memory.delete(["a"]) == memory.delete([]) == 0

    def test_one_id_may_be_given_without_a_list(self, memory: BaseTextMemory) -> None:
        memory.add([an_item("ab", "tea"), an_item("a", "tea")])
        assert names(memory.get_by_ids("ab")) == ["ab"]
        assert memory.delete("ab") == 1
        assert names(memory.get_all()) == ["a"]

    def test_all_are_deleted_the_archived_ones_too(self, memory: BaseTextMemory) -> None:
        memory.add([an_item("a", "tea"), an_item("b", "tea", status=MemoryStatus.ARCHIVED)])
        assert memory.delete_all() == 2
        assert memory.get_by_ids(["a", "b"]) == memory.search("tea") == memory.get_all() == []
        assert memory.delete_all() == 0

    def test_an_id_may_be_used_again(self, memory: BaseTextMemory) -> None:
        memory.add(an_item("m", "tea"))
        memory.delete(["m"])
        memory.add(an_item("m", "milk"))
        assert (memory.get("m").memory, memory.get("m").metadata.version) == ("milk", 1)

    def test_after_a_drop_it_can_be_used_again(self, memory: BaseTextMemory) -> None:
        memory.add(an_item("m", "tea"))
        memory.drop()
        memory.drop()
        assert memory.get_all() == memory.search("tea") == []
        memory.add(an_item("m", "milk"))
        assert texts(memory.search("milk")) == ["milk"]


class TestSearching:
    def test_the_best_come_first_each_with_its_score(self, memory: BaseTextMemory) -> None:
        memory.add([f"Ann drinks tea number{number}" for number in range(8)])
        memory.add("Ann plays the saxophone")
        found = memory.search("Does Ann play the saxophone?", 4)
        assert found[0].memory == "Ann plays the saxophone"
        scores = [item.score or 0.0 for item in found]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > scores[1]
        assert [sum((item.parts or {}).values()) for item in found] == pytest.approx(scores)

    def test_the_text_and_the_time_are_parts_of_the_score(self, memory: BaseTextMemory) -> None:
        memory.add(["green tea", "black tea and milk"])
        assert {"text", "recency"} <= set(memory.search("black tea")[0].parts or {})

    def test_of_equals_the_later_comes_first(self, memory: BaseTextMemory) -> None:
        memory.add(
            [
                an_item("a", "Ann lives here", said_at=NOON),
                an_item("z", "Ann lives here", said_at=NOON.replace(hour=13)),
            ]
        )
        assert names(memory.search("Where does Ann live?")) == ["z", "a"]

    def test_only_the_memory_types_asked_for_are_found(self, memory: BaseTextMemory) -> None:
        memory.add([an_item(kind.value, "green tea", memory_type=kind) for kind in MemoryType])
        assert names(memory.search("tea", memory_types=[MemoryType.WORKING])) == ["WorkingMemory"]
        both = memory.search("tea", memory_types=[MemoryType.USER, MemoryType.OUTER])
        assert sorted(names(both)) == ["OuterMemory", "UserMemory"]
        assert len(memory.search("tea", memory_types=())) == len(MemoryType)
        by_name: Any = ["WorkingMemory"]
        assert names(memory.search("tea", memory_types=by_name)) == ["WorkingMemory"]

    @pytest.mark.parametrize("wrong", ["Diary", ["Diary"], 5])
    def test_what_is_no_list_of_memory_types_is_refused(self, memory: BaseTextMemory, wrong: Any) -> None:
        with pytest.raises(InvalidRequest, match="memory_types must be a list of"):
            memory.search("tea", memory_types=wrong)

    def test_no_more_than_asked_for_and_five_by_default(self, memory: BaseTextMemory) -> None:
        memory.add([f"tea number{number}" for number in range(8)])
        assert [len(memory.search("tea", top_k)) for top_k in (1, 3, 8, 1000)] == [1, 3, 8, 8]
        assert len(memory.search("tea")) == 5

    @pytest.mark.parametrize("top_k", [0, -1, 1001, 2.5, "3", None, True])
    def test_a_number_that_cannot_be_is_refused(self, memory: BaseTextMemory, top_k: Any) -> None:
        memory.add("tea")
        with pytest.raises(InvalidRequest, match="top_k"):
            memory.search("tea", top_k)

    @pytest.mark.parametrize("query", ["", "  \n", "nul \x00", "\ud800", None, 5])
    def test_an_empty_or_impossible_query_is_refused(self, memory: BaseTextMemory, query: Any) -> None:
        memory.add("tea")
        with pytest.raises(InvalidRequest, match="query"):
            memory.search(query)

    def test_an_empty_memory_answers_with_nothing(self, memory: BaseTextMemory) -> None:
        assert memory.search("tea") == []

    @pytest.mark.parametrize("query", ["?!", '"] or 1 == 1 or cube in ["', "x" * 5000])
    def test_a_query_is_only_words(self, memory: BaseTextMemory, query: str) -> None:
        memory.add("green tea")
        assert len(memory.search(query)) <= 1

    def test_other_forms_and_other_scripts_are_found(self, memory: BaseTextMemory) -> None:
        memory.add(["Caroline was hiking near a café", "我喜欢在北京编程", "Bob owns a boat"])
        assert "Caroline was hiking near a café" in texts(memory.search("hikes"))
        assert "Caroline was hiking near a café" in texts(memory.search("CAFE"))
        assert "我喜欢在北京编程" in texts(memory.search("北京"))

    def test_what_was_added_is_found_by_the_very_next_search(self, memory: BaseTextMemory) -> None:
        for number in range(5):
            memory.add(f"the word{number}")
            assert memory.search(f"word{number}", 1)[0].memory == f"the word{number}"


class TestExtracting:
    def test_what_people_state_becomes_items_with_their_sources_and_is_not_stored(
        self, memory: BaseTextMemory, clock: ManualClock
    ) -> None:
        messages = [
            {"role": "user", "content": "I moved to Lisbon.", "name": "Ana", "chat_time": "2024-03-14T12:00:00Z"},
            {"role": "assistant", "content": "How nice!"},
        ]
        [item] = memory.extract(messages)
        assert "Lisbon" in item.memory
        assert (item.metadata.said_at, item.metadata.created_at) == (NOON, time_of(clock.now_ms()))
        assert [source.content for source in item.sources] == ["I moved to Lisbon."]
        assert memory.get_all() == []

    def test_what_was_extracted_can_be_added(self, memory: BaseTextMemory) -> None:
        [item] = memory.extract([{"role": "user", "content": "I moved to Lisbon."}])
        memory.add([item])
        [found] = memory.search("Lisbon")
        assert found.id == item.id
        assert [source.content for source in found.sources] == ["I moved to Lisbon."]

    @pytest.mark.parametrize("wrong", [[], [{"role": "user"}], "I moved", [{"role": "king", "content": "x"}]])
    def test_messages_that_are_none_are_refused(self, memory: BaseTextMemory, wrong: Any) -> None:
        with pytest.raises(InvalidRequest):
            memory.extract(wrong)


class TestDumping:
    def test_what_was_dumped_is_loaded_with_ids_versions_and_times(self, open_memory: Open, tmp_path: Path) -> None:
        one, two = open_memory("one"), open_memory("two")
        fill(one)
        one.dump(tmp_path / "dump")
        assert two.load(tmp_path / "dump") == 3
        assert two.get_all() == one.get_all()
        assert names(two.search("saxophone", 1)) == ["m"]

    def test_a_dump_of_what_was_loaded_is_the_same_to_the_byte(self, open_memory: Open, tmp_path: Path) -> None:
        one, two = open_memory("one"), open_memory("two")
        fill(one)
        one.dump(tmp_path / "first")
        two.load(tmp_path / "first")
        two.dump(tmp_path / "second")
        assert content_of(tmp_path / "first") == content_of(tmp_path / "second")

    def test_a_dump_of_nothing_is_a_dump(self, open_memory: Open, tmp_path: Path) -> None:
        open_memory("one").dump(tmp_path / "dump")
        two = open_memory("two")
        assert two.load(tmp_path / "dump") == 0
        assert two.get_all() == []

    def test_a_second_dump_replaces_the_first(self, memory: BaseTextMemory, tmp_path: Path) -> None:
        fill(memory)
        memory.dump(tmp_path / "dump")
        memory.delete(["m"])
        memory.dump(tmp_path / "dump")
        memory.delete_all()
        assert memory.load(tmp_path / "dump") == 2
        assert "m" not in names(memory.get_all())

    def test_loading_replaces_the_same_ids_and_leaves_the_others(self, memory: BaseTextMemory, tmp_path: Path) -> None:
        fill(memory)
        memory.dump(tmp_path / "dump")
        dumped = memory.get("m")
        memory.update("m", "changed since")
        memory.add(an_item("later"))
        assert memory.load(tmp_path / "dump") == 3
        assert memory.get("m") == dumped
        assert len(memory.get_all()) == 4

    def test_a_missing_dump_is_not_found(self, memory: BaseTextMemory, tmp_path: Path) -> None:
        memory.add(an_item("m"))
        with pytest.raises(NotFound):
            memory.load(tmp_path / "absent")
        assert names(memory.get_all()) == ["m"]

    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
    def test_a_damaged_dump_changes_nothing(
        self, memory: BaseTextMemory, tmp_path: Path, damage: Callable[[bytes], bytes]
    ) -> None:
        fill(memory)
        memory.dump(tmp_path / "dump")
        memory.update("m", "changed since")
        before = memory.get_all()
        for path in [path for path in (tmp_path / "dump").iterdir() if path.name.startswith("textual_")]:
            whole = path.read_bytes()
            path.write_bytes(damage(whole))
            with pytest.raises(Corrupt):
                memory.load(tmp_path / "dump")
            path.write_bytes(whole)
            assert memory.get_all() == before


class TestWalls:
    @pytest.mark.parametrize("owners", ["two cubes", "two tenants"])
    def test_no_method_reaches_what_belongs_to_another(self, open_memory: Open, tmp_path: Path, owners: str) -> None:
        mine, theirs = open_memory(), self.another(open_memory, owners)
        mine.add(an_item("m", "Ann drinks tea"))
        before = mine.get_all()
        self.reach(theirs, tmp_path)
        theirs.add([an_item("m", "Bob drinks tea"), an_item("n", "Bob drinks tea")])
        assert texts(mine.search("drinks tea")) == ["Ann drinks tea"]
        theirs.update("m", "Bob drinks coffee")
        assert theirs.delete_all() == 2
        theirs.drop()
        assert mine.get_all() == mine.get_by_ids(["m", "n"]) == before

    def another(self, open_memory: Open, owners: str) -> BaseTextMemory:
        return open_memory("another") if owners == "two cubes" else open_memory(tenant=f"t-{uuid4().hex}")

    def reach(self, theirs: BaseTextMemory, tmp_path: Path) -> None:
        assert theirs.get_all() == theirs.get_by_ids(["m"]) == theirs.search("tea") == []
        for call in (lambda: theirs.get("m"), lambda: theirs.update("m", "stolen")):
            with pytest.raises(NotFound):
                call()
        assert theirs.delete(["m"]) == theirs.delete_all() == 0
        theirs.dump(tmp_path / "dump")
        assert theirs.load(tmp_path / "dump") == 0

    @pytest.mark.parametrize("cube", ['c"] or cube != "', "猫" * 128, "a'--"])
    def test_the_name_of_a_cube_is_only_a_name(self, open_memory: Open, cube: str) -> None:
        odd, plain = open_memory(cube), open_memory()
        plain.add(an_item("m", "tea"))
        odd.add(an_item('m"] or 1', "tea"))
        assert names(odd.search("tea")) == names(odd.get_all()) == ['m"] or 1']
        assert odd.delete_all() == 1
        assert names(plain.get_all()) == ["m"]


class TestLoad:
    def test_a_thousand_items_are_added_found_dumped_and_deleted(self, open_memory: Open, tmp_path: Path) -> None:
        memory, copy = open_memory(), open_memory("copy")
        items = [an_item(f"m{number:04}", f"Fact number{number} of Ann") for number in range(1000)]
        assert memory.add(items) == names(items)
        assert names(memory.get_all()) == names(items)
        assert memory.search("Fact number777 of Ann", 1)[0].id == "m0777"
        assert names(memory.get_by_ids(["m0999", "m0000"])) == ["m0999", "m0000"]
        memory.dump(tmp_path / "dump")
        assert copy.load(tmp_path / "dump") == 1000
        assert copy.get_all() == memory.get_all()
        assert memory.delete_all() == 1000

    def test_threads_may_change_one_item_and_lose_nothing(self, memory: BaseTextMemory) -> None:
        memory.add(an_item("m", "zero"))

        def work(thread: int) -> None:
            for number in range(4):
                memory.update("m", f"thread{thread} number{number}")
                memory.add(an_item(f"{thread}-{number}", "tea"))
                assert memory.search("tea")

        at_once(work, threads=4)
        assert memory.get("m").metadata.version == 1 + 16
        assert len(memory.get_all()) == 1 + 16

    def test_threads_may_add_one_id_at_once(self, memory: BaseTextMemory) -> None:
        at_once(lambda thread: memory.add(an_item("m", f"thread{thread}")), threads=4)
        [item] = memory.get_all()
        assert item.metadata.version == 4
        assert texts(memory.search(item.memory)) == [item.memory]


def fill(memory: BaseTextMemory) -> None:
    """Three items: one changed once, one with sources, one in another script."""
    source = SourceItem(message_id="1", session_id="s", role=Role.USER, speaker="Ann", content="Tea!", chat_time=NOON)
    in_session = TextualMemoryMetadata(session_id="s")
    memory.add([an_item("m", "Ann sings", tags=["b", "a"]), an_item("z", "我喜欢在北京编程", created_at=NOON)])
    memory.add(TextualMemoryItem(id="s", memory="Ann drinks tea", metadata=in_session, sources=(source,)))
    memory.update("m", "Ann plays the saxophone")


def at_once(work: Callable[[int], object], *, threads: int) -> None:
    """Run ``work`` in threads that start together; re-raises what any of them raised."""
    ready = threading.Barrier(threads)

    def run(thread: int) -> None:
        ready.wait()
        work(thread)

    with ThreadPoolExecutor(threads) as pool:
        for outcome in [pool.submit(run, thread) for thread in range(threads)]:
            outcome.result()
