"""Items answer to attributes and to keys, as the published examples use them."""

import pytest

from memos.errors import InvalidRequest
from memos.memories.item import ItemPart
from memos.memories.textual.item import SourceItem, TextualMemoryItem, time_of
from memos.types import Role

SOURCE = SourceItem(message_id="m", session_id="s", role=Role.USER, speaker="Ana", content="Tea!", chat_time=time_of(0))
ITEM = TextualMemoryItem(id="i", memory="Ana drinks tea.", sources=(SOURCE,))


@pytest.mark.parametrize("part", [ITEM, ITEM.metadata, SOURCE], ids=lambda part: type(part).__name__)
def test_every_field_is_a_key_as_of_a_mapping(part: ItemPart) -> None:
    fields = list(type(part).model_fields)
    assert list(part.keys()) == fields
    assert dict(part) == {**part} == {name: getattr(part, name) for name in fields}
    assert all(name in part and part[name] == part.get(name) == getattr(part, name) for name in fields)


def test_an_absent_key_is_absent_in_every_way() -> None:
    assert "model_fields" not in ITEM
    assert 7 not in ITEM
    assert (ITEM.get("colour"), ITEM.get("colour", "red")) == (None, "red")
    with pytest.raises(KeyError, match="colour"):
        ITEM["colour"]


def test_keys_lead_through_nested_parts() -> None:
    assert ITEM["metadata"]["memory_type"] == "LongTermMemory"
    assert ITEM["sources"][0]["content"] == "Tea!"


def test_a_field_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="TextualMemoryItem field colour"):
        TextualMemoryItem(memory="x", colour="red")
