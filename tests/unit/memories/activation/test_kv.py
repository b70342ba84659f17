"""KV states as items, on an engine without a model: what is computed, what is reused, what is refused."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from memos.clock import ManualClock
from memos.configs.activation import KVCacheMemoryConfig
from memos.errors import InvalidConfig, InvalidRequest, NotFound
from memos.kv.state import KVState
from memos.memories.activation.item import KVCacheItem
from memos.memories.activation.kv import KVCacheMemory
from memos.settings import Settings
from tests.support.sum_engine import SumEngine

HERE = {"backend": "huggingface", "config": {"model_name_or_path": "smollm2-135m"}}
CHAT = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi.", "name": "Ann"}]


def open_memory(engine: SumEngine, **config: Any) -> KVCacheMemory:
    checked = KVCacheMemoryConfig.model_validate({"extractor_llm": HERE, **config})
    return KVCacheMemory(checked, engine=engine, clock=ManualClock(1_750_000_000_000))


@pytest.fixture
def engine() -> SumEngine:
    return SumEngine()


@pytest.fixture
def memory(engine: SumEngine) -> KVCacheMemory:
    return open_memory(engine)


def text_of(item: KVCacheItem) -> str:
    return "".join(map(chr, item.token_ids))


def same(left: KVState, right: KVState) -> bool:
    pairs = zip((*left.keys, *left.values), (*right.keys, *right.values), strict=True)
    return left.token_ids == right.token_ids and all(torch.equal(one, other) for one, other in pairs)


def keys_of(cache: Any) -> list[torch.Tensor]:
    return [layer.keys for layer in cache.layers]


class TestExtract:
    def test_a_conversation_is_computed_without_the_opening_of_an_answer(self, memory: KVCacheMemory) -> None:
        item = memory.extract(CHAT)
        assert text_of(item) == "<user>Hello<assistant>Hi."
        assert item.metadata.source_type == "messages"
        assert [(message.role, message.content) for message in item.metadata.messages] == [
            ("user", "Hello"),
            ("assistant", "Hi."),
        ]
        assert memory.get_all() == []

    def test_a_text_becomes_the_system_message(self, memory: KVCacheMemory) -> None:
        item = memory.extract("I like football")
        assert text_of(item) == "<system>I like football"
        assert item.metadata.source_type == "text"

    def test_an_item_says_what_it_is_and_what_it_weighs(self, memory: KVCacheMemory) -> None:
        item = memory.extract(CHAT)
        assert item["memory"] == "KV state of 25 tokens: user: Hello assistant: Hi."
        known = item.metadata
        assert (known.model, known.dtype, known.token_count) == ("sums", "float32", 25)
        assert known.size_bytes == item.state.size_bytes == 25 * 2 * 2 * 2 * 4
        assert known.created_at == datetime.fromtimestamp(1_750_000_000, UTC)

    def test_a_long_source_is_shown_by_its_beginning_on_one_line(self, memory: KVCacheMemory) -> None:
        item = memory.extract("word\n" * 500)
        assert len(item.memory) < 120
        assert "\n" not in item.memory

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ([], "at least one"),
            (7, "a text or a list"),
            ([{"role": "user"}], r"messages\[0\]"),
            ([CHAT[0], "hello"], r"messages\[1\]"),
            ([{"role": "user", "content": 3}], r"messages\[0\]"),
        ],
    )
    def test_what_is_no_conversation_is_refused(self, memory: KVCacheMemory, given: Any, said: str) -> None:
        with pytest.raises(InvalidRequest, match=said):
            memory.extract(given)


class TestOpenCache:
    def test_it_is_a_copy_with_room(self, memory: KVCacheMemory) -> None:
        item = memory.extract(CHAT)
        before = [key.clone() for key in item.state.keys]
        tight, roomy = (keys_of(item.open_cache(room=room)) for room in (0, 64))
        sizes = [keys[0].untyped_storage().nbytes() for keys in (tight, roomy)]
        assert [size // (2 * 4) for size in sizes] == [25, 25 + 64]
        roomy[0].fill_(7)
        assert all(map(torch.equal, item.state.keys, before))

    def test_it_is_where_the_model_is(self, memory: KVCacheMemory) -> None:
        keys = keys_of(memory.extract(CHAT).open_cache(device="meta"))
        assert {tensor.device.type for tensor in keys} == {"meta"}


class TestGetCache:
    def test_tokens_are_joined_in_the_order_asked_for(self, memory: KVCacheMemory) -> None:
        one, two, three = (memory.extract(text) for text in ("one", "two", "three"))
        memory.add([one, two, three])
        joined = memory.get_cache([three.id, one.id, two.id])
        assert text_of(joined) == "<system>three<system>one<system>two"
        assert joined.metadata.source_type == "merged"
        assert joined.metadata.merged_from == (three.id, one.id, two.id)
        assert [message.content for message in joined.metadata.messages] == ["three", "one", "two"]

    def test_the_state_is_the_one_that_computing_everything_gives(self, memory: KVCacheMemory) -> None:
        items = [memory.extract("one"), memory.extract(CHAT)]
        memory.add(items)
        joined = memory.get_cache([item.id for item in items])
        assert same(joined.state, SumEngine().prefill(joined.token_ids))

    def test_only_what_follows_the_first_item_is_computed(self, memory: KVCacheMemory, engine: SumEngine) -> None:
        items = [memory.extract("the long first one"), memory.extract("b")]
        memory.add(items)
        engine.prefilled.clear()
        joined = memory.get_cache([item.id for item in items])
        assert engine.prefilled == [(joined.state.token_count, items[0].state.token_count)]

    def test_one_id_is_the_item_itself_and_computes_nothing(self, memory: KVCacheMemory, engine: SumEngine) -> None:
        item = memory.extract("one")
        memory.add(item)
        engine.prefilled.clear()
        assert memory.get_cache([item.id]) is item
        assert engine.prefilled == []

    def test_a_joined_item_can_be_kept_like_any_other(self, memory: KVCacheMemory, tmp_path: Path) -> None:
        items = [memory.extract("one"), memory.extract("two")]
        memory.add(items)
        joined = memory.get_cache([item.id for item in items])
        memory.add(joined)
        memory.dump(tmp_path)
        memory.drop()
        memory.load(tmp_path)
        assert same(memory.get(joined.id).state, joined.state)

    def test_unknown_ids_and_none_at_all_are_refused(self, memory: KVCacheMemory) -> None:
        memory.add(memory.extract("one"))
        with pytest.raises(NotFound, match="'unknown'"):
            memory.get_cache([memory.get_all()[0].id, "unknown"])
        with pytest.raises(InvalidRequest, match="at least one id"):
            memory.get_cache([])


class TestOtherModels:
    @pytest.mark.parametrize(
        "changed",
        [{"dtype": "bfloat16"}, {"weights_hash": "x"}, {"tokenizer_hash": "x"}, {"chat_template_hash": "x"}],
    )
    def test_their_states_are_refused_by_name_of_what_differs(
        self, memory: KVCacheMemory, tmp_path: Path, changed: Mapping[str, str]
    ) -> None:
        other = open_memory(SumEngine(**changed))
        item = other.extract("one")
        other.add(item)
        other.dump(tmp_path)
        (field,) = changed
        with pytest.raises(InvalidRequest, match=rf"memories\[0\].*{field} differs"):
            memory.add(item)
        with pytest.raises(InvalidRequest, match=rf"{re.escape(str(tmp_path))}.*{field} differs"):
            memory.load(tmp_path)
        assert memory.get_all() == []

    def test_the_model_is_found_by_the_aliases_of_the_settings(self, tmp_path: Path) -> None:
        aliases = tmp_path / "aliases.json"
        aliases.write_text('{"acme/chat": "nowhere"}')
        llm = {"backend": "huggingface_singleton", "config": {"model_name_or_path": "acme/chat"}}
        with pytest.raises(InvalidConfig, match="maps 'acme/chat' to nowhere"):
            KVCacheMemory(KVCacheMemoryConfig.model_validate({"extractor_llm": llm}), Settings(model_aliases=aliases))

    def test_a_server_is_no_place_for_kv_states_of_this_process(self) -> None:
        server = {"backend": "openai", "config": {"model_name_or_path": "m"}}
        with pytest.raises(InvalidConfig, match=r"'openai' cannot be used here; .*choose backend huggingface"):
            KVCacheMemoryConfig.model_validate({"extractor_llm": server})

    @pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden"])
    def test_a_dump_has_a_plain_name(self, name: str) -> None:
        with pytest.raises(InvalidConfig, match="memory_filename"):
            KVCacheMemoryConfig.model_validate({"extractor_llm": HERE, "memory_filename": name})
