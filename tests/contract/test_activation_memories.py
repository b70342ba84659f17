"""What every memory does that holds items: one suite for KV states, a server's prompts and LoRA adapters."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from memos.configs.activation import KVCacheMemoryConfig, VLLMKVCacheMemoryConfig
from memos.configs.parametric import LoRAMemoryConfig
from memos.errors import Corrupt, InvalidRequest, NotFound, Unavailable
from memos.memories.activation.base import HeldMemory
from memos.memories.activation.kv import KVCacheMemory
from memos.memories.activation.vllm_kv import VLLMKVCacheMemory
from memos.memories.parametric.lora import LoRAMemory
from tests.support.adapters import write_adapter
from tests.support.prefix_server import caching_server
from tests.support.sum_engine import SumEngine

HERE = {"backend": "huggingface", "config": {"model_name_or_path": "smollm2-135m"}}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One implementation: memories of the same model, new items for them, and the manifest's name in a dump."""

    name: str
    folder: Path
    url: str
    manifest: str

    def open(self, name: str = "memory.old") -> HeldMemory[Any]:
        if self.name == "kv":
            config = KVCacheMemoryConfig.model_validate({"extractor_llm": HERE, "memory_filename": name})
            return KVCacheMemory(config, engine=SumEngine())
        if self.name == "lora":
            return LoRAMemory(LoRAMemoryConfig(memory_filename=name))
        server = {"backend": "openai", "config": {"model_name_or_path": "m", "api_base": self.url, "max_retries": 0}}
        config = VLLMKVCacheMemoryConfig.model_validate({"extractor_llm": server, "memory_filename": name})
        return VLLMKVCacheMemory(config)

    def item(self, memory: HeldMemory[Any], number: int) -> Any:
        if isinstance(memory, LoRAMemory):
            return memory.read_adapter(write_adapter(self.folder / f"adapter-{number}", seed=number))
        assert isinstance(memory, KVCacheMemory | VLLMKVCacheMemory)
        return memory.extract(f"fact number {number}")


@pytest.fixture(params=["kv", "vllm", "lora"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    suffix = "jsonl" if request.param == "vllm" else "json"
    with caching_server() as server:
        yield Kind(name=request.param, folder=tmp_path, url=server.url, manifest=f"memory.{suffix}")


@pytest.fixture
def memory(kind: Kind) -> Iterator[HeldMemory[Any]]:
    opened = kind.open()
    yield opened
    opened.close()


@pytest.fixture
def items(kind: Kind, memory: HeldMemory[Any]) -> list[Any]:
    return [kind.item(memory, number) for number in range(3)]


def content(item: Any) -> Any:
    """All that must survive a dump."""
    state = getattr(item, "state", None)
    tensors = [] if state is None else [tensor.tolist() for tensor in (*state.keys, *state.values)]
    files = [getattr(item, "config", None), getattr(item, "weights", None)]
    return item.model_dump(), tensors, files


class TestHolding:
    def test_added_items_are_there_in_the_order_of_adding(self, memory: HeldMemory[Any], items: list[Any]) -> None:
        assert memory.get_all() == []
        assert memory.add(items[:2]) == [item.id for item in items[:2]]
        assert memory.add(items[2]) == [items[2].id]
        assert memory.get_all() == items
        assert memory.get(items[1].id) is items[1]

    def test_adding_an_id_again_replaces_its_item(self, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items[:2])
        newer = items[2].with_id(items[0].id)
        memory.add([newer])
        assert memory.get_all() == [newer, items[1]]

    def test_what_is_no_item_is_refused_and_nothing_of_the_call_is_added(
        self, memory: HeldMemory[Any], items: list[Any]
    ) -> None:
        with pytest.raises(InvalidRequest, match=r"memories\[1\] must be"):
            memory.add([items[0], 7])
        assert memory.get_all() == []

    def test_get_by_ids_gives_those_that_exist_in_the_order_asked_for(
        self, memory: HeldMemory[Any], items: list[Any]
    ) -> None:
        memory.add(items)
        assert memory.get_by_ids([items[2].id, "unknown", items[0].id]) == [items[2], items[0]]

    def test_an_unknown_id_is_not_found(self, memory: HeldMemory[Any]) -> None:
        with pytest.raises(NotFound, match="'unknown'"):
            memory.get("unknown")

    def test_an_update_keeps_the_id(self, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items[:1])
        updated = memory.update(items[0].id, items[1])
        assert updated.id == items[0].id
        assert updated.memory == items[1].memory
        assert memory.get_all() == [updated]

    def test_an_update_of_an_unknown_id_is_not_found_and_adds_nothing(
        self, memory: HeldMemory[Any], items: list[Any]
    ) -> None:
        with pytest.raises(NotFound, match="'unknown'"):
            memory.update("unknown", items[0])
        assert memory.get_all() == []

    def test_deleting_says_how_many_there_were(self, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items)
        assert memory.delete([items[0].id, "unknown"]) == 1
        assert memory.delete(items[1].id) == 1
        assert memory.get_all() == items[2:]
        assert memory.delete_all() == 1
        assert memory.get_all() == []

    def test_a_dropped_memory_is_empty_and_can_be_used(self, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items)
        memory.drop()
        assert memory.get_all() == []
        memory.add(items[:1])
        assert memory.get_all() == items[:1]

    def test_an_item_answers_to_attributes_and_to_keys(self, items: list[Any]) -> None:
        item = items[0]
        assert item["memory"] == item.memory == item.get("memory")
        assert item["metadata"]["created_at"] == item.metadata.created_at
        assert item.get("absent", 3) == 3
        with pytest.raises(KeyError):
            item["absent"]
        assert "tensor" not in repr(item)
        assert len(repr(item)) < 1000

    def test_an_item_cannot_be_changed(self, items: list[Any]) -> None:
        with pytest.raises(ValueError, match="frozen"):
            items[0].memory = "another"

    def test_a_search_is_refused_with_the_reason(self, memory: HeldMemory[Any]) -> None:
        with pytest.raises(InvalidRequest, match=r"'tea' \(top_k=2\).*search the textual memory"):
            memory.search("tea", top_k=2)


class TestDumps:
    def test_a_dump_brings_back_everything(self, kind: Kind, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items)
        memory.dump(kind.folder / "new" / "dump")
        other = kind.open()
        assert other.load(kind.folder / "new" / "dump") == 3
        assert [content(item) for item in other.get_all()] == [content(item) for item in items]
        other.close()

    def test_a_directory_may_be_given_as_a_string(self, kind: Kind, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items)
        memory.dump(str(kind.folder / "dump"))
        memory.delete_all()
        assert memory.load(str(kind.folder / "dump")) == 3

    def test_loading_adds_to_what_is_there(self, kind: Kind, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items[:2])
        memory.dump(kind.folder / "dump")
        memory.delete_all()
        memory.add(items[2])
        assert memory.load(kind.folder / "dump") == 2
        assert [item.id for item in memory.get_all()] == [items[2].id, items[0].id, items[1].id]

    def test_a_dump_replaces_the_one_before_and_leaves_nothing_of_it(
        self, kind: Kind, memory: HeldMemory[Any], items: list[Any]
    ) -> None:
        memory.add(items)
        memory.dump(kind.folder / "dump")
        memory.delete([items[0].id, items[1].id])
        memory.dump(kind.folder / "dump")
        memory.dump(kind.folder / "fresh")
        assert files_under(kind.folder / "dump") == files_under(kind.folder / "fresh")
        memory.drop()
        assert memory.load(kind.folder / "dump") == 1

    def test_who_reads_the_old_manifest_still_reads_all_of_it(
        self, kind: Kind, memory: HeldMemory[Any], items: list[Any]
    ) -> None:
        memory.add(items)
        memory.dump(kind.folder / "dump")
        with (kind.folder / "dump" / kind.manifest).open("rb") as old:
            memory.delete(items[0].id)
            memory.dump(kind.folder / "dump")
            assert old.read() != (kind.folder / "dump" / kind.manifest).read_bytes()
            assert os.fstat(old.fileno()).st_nlink == 0

    def test_an_empty_memory_can_be_dumped(self, kind: Kind, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items)
        memory.dump(kind.folder / "dump")
        memory.delete_all()
        memory.dump(kind.folder / "dump")
        assert memory.load(kind.folder / "dump") == 0

    def test_the_files_have_the_name_of_the_configuration(self, kind: Kind, items: list[Any]) -> None:
        memory = kind.open("another.pickle")
        memory.add(items)
        memory.dump(kind.folder / "dump")
        assert {path.stem for path in (kind.folder / "dump").iterdir()} == {"another"}
        assert kind.open("another").load(kind.folder / "dump") == 3

    def test_a_directory_without_a_dump_is_not_found(self, kind: Kind, memory: HeldMemory[Any]) -> None:
        with pytest.raises(NotFound, match=kind.manifest):
            memory.load(kind.folder / "nowhere")

    def test_a_pickle_is_refused_and_not_opened(self, kind: Kind, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items)
        for name in ("memory.pickle", "memory.pkl"):
            folder = kind.folder / name.replace(".", "-")
            folder.mkdir()
            (folder / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
            with pytest.raises(InvalidRequest, match=rf"{name} is a pickle.*refused"):
                memory.load(folder)
            with pytest.raises(InvalidRequest, match="pickle"):
                memory.dump(folder)
            assert [path.name for path in folder.iterdir()] == [name]

    def test_any_changed_byte_is_found_and_nothing_is_loaded(
        self, kind: Kind, memory: HeldMemory[Any], items: list[Any]
    ) -> None:
        memory.add(items)
        memory.dump(kind.folder / "dump")
        for path in sorted(path for path in (kind.folder / "dump").rglob("*") if path.is_file()):
            before = path.read_bytes()
            for position in range(len(before) // 8, len(before), max(1, len(before) // 3)):
                changed = bytes([before[position] ^ 1])
                path.write_bytes(before[:position] + changed + before[position + 1 :])
                assert_refused(kind, kind.folder / "dump")
            path.write_bytes(before)
        assert kind.open().load(kind.folder / "dump") == 3

    def test_a_file_cut_short_or_gone_is_found(self, kind: Kind, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items)
        memory.dump(kind.folder / "dump")
        for path in [path for path in (kind.folder / "dump").rglob("*") if path.is_file() and path.stat().st_size]:
            before = path.read_bytes()
            path.write_bytes(before[: len(before) // 2])
            assert_refused(kind, kind.folder / "dump")
            if path.name != kind.manifest:
                path.unlink()
                assert_refused(kind, kind.folder / "dump")
            path.write_bytes(before)

    def test_another_version_is_refused(self, kind: Kind, memory: HeldMemory[Any], items: list[Any]) -> None:
        memory.add(items)
        memory.dump(kind.folder / "dump")
        path = kind.folder / "dump" / kind.manifest
        text = path.read_text(encoding="utf-8")
        assert text.count('"version": 1') + text.count('"version":1') == 1
        path.write_text(text.replace('"version": 1', '"version": 9').replace('"version":1', '"version":9'))
        with pytest.raises(InvalidRequest, match="version 9; this reads"):
            memory.load(kind.folder / "dump")

    def test_a_dump_that_cannot_take_its_place_says_so(
        self, kind: Kind, memory: HeldMemory[Any], items: list[Any]
    ) -> None:
        memory.add(items)
        (kind.folder / "dump" / kind.manifest / "in the way").mkdir(parents=True)
        with pytest.raises(Unavailable, match="disk is unavailable"):
            memory.dump(kind.folder / "dump")
        assert memory.get_all() == items

    def test_a_dump_into_a_file_says_that_the_disk_is_the_matter(self, kind: Kind, memory: HeldMemory[Any]) -> None:
        (kind.folder / "file").write_text("here")
        with pytest.raises(Unavailable, match=r"disk is unavailable.*file"):
            memory.dump(kind.folder / "file")

    def test_files_of_others_in_the_directory_stay(self, kind: Kind, memory: HeldMemory[Any], items: list[Any]) -> None:
        folder = kind.folder / "dump"
        (folder / "memory").mkdir(parents=True)
        for path in (folder / "textual_memory.json", folder / "memory" / "notes.txt"):
            path.write_text("mine", encoding="utf-8")
        memory.add(items)
        memory.dump(folder)
        memory.dump(folder)
        assert (folder / "textual_memory.json").read_text() == (folder / "memory" / "notes.txt").read_text() == "mine"


def assert_refused(kind: Kind, directory: Path) -> None:
    memory = kind.open()
    with pytest.raises((Corrupt, InvalidRequest)):
        memory.load(directory)
    assert memory.get_all() == []
    memory.close()


def files_under(directory: Path) -> dict[str, bytes]:
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {os.fspath(path.relative_to(directory)): path.read_bytes() for path in paths}
