"""A document as messages and as memories whose sources name it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.clock import ManualClock
from memos.configs.chunker import ChunkerConfigFactory
from memos.documents.chunk import Chunk
from memos.documents.convert import Document
from memos.documents.factory import ChunkerFactory
from memos.documents.messages import BATCH_CHARS, BATCH_MESSAGES, DocumentBatch, as_batches, as_messages
from memos.documents.origin import MAX_NAME_CHARS, Origin, find_origin
from memos.documents.reader import DocumentReader
from memos.mem_os.intake import Added, DirectIntake, Once
from memos.memories.textual.payload import parse_messages
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.types import MemoryType
from tests.support.text import LANE, USER, open_twins

TEXT = "# Handbook\n\n## Leave\n\nThirty days a year at Acme Ltd.\n\n## Pay\n\nOn the last day of a month."
CONFIG = ChunkerConfigFactory(backend="sentence", config={"chunk_size": 32, "chunk_overlap": 8})


def document(text: str = TEXT, *, name: str = "guides/handbook.md", sha256: str = "ab" * 32) -> Document:
    return Document(name=name, media_type="text/markdown", text=text, size_bytes=len(text), sha256=sha256)


def chunks(text: str = TEXT, config: ChunkerConfigFactory = CONFIG) -> list[Chunk]:
    return ChunkerFactory.from_config(config).chunk(text)


def chunk_of(size: int, ordinal: int) -> Chunk:
    return Chunk(ordinal=ordinal, start=0, end=size, text="x" * size, token_count=1, sentences=())


def test_each_chunk_is_a_message_that_names_its_document_and_place() -> None:
    messages = as_messages(document(), chunks())
    assert [message["content"] for message in messages] == [
        "# Handbook\n\n## Leave\n\nThirty days a year at Acme Ltd.",
        "Handbook\n\n## Pay\n\nOn the last day of a month.",
    ]
    origins = [find_origin(message["name"]) for message in messages]
    assert all(origin is not None and origin.name == "guides/handbook.md" for origin in origins)
    assert {message["role"] for message in messages} == {"tool"}


def test_the_span_leads_back_to_the_text() -> None:
    for message in as_messages(document(), chunks()):
        origin = find_origin(message["name"])
        assert origin is not None
        assert message["content"].endswith(TEXT[origin.start : origin.end])


@given(name=st.text(min_size=1, max_size=400), start=st.integers(0, 10**9), length=st.integers(0, 10**6))
def test_every_name_makes_a_message_that_is_accepted_and_keeps_its_span(name: str, start: int, length: int) -> None:
    speaker = str(Origin(name=name, start=start, end=start + length))
    (parsed,) = parse_messages([{"role": "tool", "name": speaker, "content": "x"}], now_ms=0)
    origin = find_origin(parsed["speaker"])
    assert origin is not None
    assert (origin.start, origin.end) == (start, start + length)
    assert len(origin.name) <= MAX_NAME_CHARS


def test_a_long_name_keeps_its_end() -> None:
    origin = find_origin(str(Origin(name=f"{'folder/' * 50}report.pdf", start=0, end=1)))
    assert origin is not None
    assert origin.name.startswith("…")
    assert origin.name.endswith("/report.pdf")


@pytest.mark.parametrize("speaker", ["Ana", "", "a#char=1", "a#char=1,2 ", "#char=1,2", "a#char=-1,2"])
def test_another_speaker_is_no_origin(speaker: str) -> None:
    assert find_origin(speaker) is None


def test_a_document_is_handed_over_in_jobs_of_bounded_size() -> None:
    small = [chunk_of(10, number) for number in range(BATCH_MESSAGES * 2 + 1)]
    large = [chunk_of(BATCH_CHARS // 3, number) for number in range(7)]
    assert [len(batch.messages) for batch in as_batches(document(), small, CONFIG)] == [BATCH_MESSAGES] * 2 + [1]
    assert [len(batch.messages) for batch in as_batches(document(), large, CONFIG)] == [3, 3, 1]
    assert as_batches(document(), [], CONFIG) == []


def test_batches_together_are_the_messages_in_order() -> None:
    many = [chunk_of(number + 1, number) for number in range(200)]
    together = [message for batch in as_batches(document(), many, CONFIG) for message in batch.messages]
    assert together == as_messages(document(), many)


def keys(given: Document, config: ChunkerConfigFactory = CONFIG) -> list[str]:
    many = [chunk_of(10, number) for number in range(100)]
    return [batch.key for batch in as_batches(given, many, config)]


def test_a_key_names_the_bytes_and_how_they_are_cut_and_nothing_else() -> None:
    first = keys(document())
    assert len(set(first)) == 2
    assert keys(document(name="elsewhere.md")) == first
    other = ChunkerConfigFactory(backend="sentence", config={"chunk_size": 32, "chunk_overlap": 9})
    assert not {*first} & {*keys(document(sha256="cd" * 32)), *keys(document(), other)}
    assert all(len(key) <= 256 and key.isprintable() for key in first)


def add(stores: TextStores, batch: DocumentBatch) -> Added:
    intake = DirectIntake(writer=TextWriter(stores, ManualClock()), reader=DocumentReader(), after_add=lambda _: None)
    return intake.add(LANE, USER, parse_messages(batch.messages, now_ms=1000), Once(key=batch.key))


def memories_of(stores: TextStores) -> list[Any]:
    return list(stores.graph.list_memories(LANE.tenant, LANE.cube, limit=100))


def test_a_chunk_is_found_as_a_memory_whose_source_is_the_chunk() -> None:
    stores = open_twins()
    (batch,) = as_batches(document(), chunks(), CONFIG)
    added = add(stores, batch)
    memory = stores.graph.find_memories(LANE.tenant, LANE.cube, added.memory_ids)[added.memory_ids[0]]
    (source,) = stores.graph.find_sources(LANE.tenant, LANE.cube, [memory.id])[memory.id]
    assert memory.text == source.text == batch.messages[0]["content"]
    assert (memory.speaker, memory.memory_type) == ("guides/handbook.md", MemoryType.OUTER)
    assert "Acme Ltd" in memory.entities
    origin = find_origin(source.speaker)
    assert origin == Origin(name="guides/handbook.md", start=chunks()[0].start, end=chunks()[0].end)


def test_the_same_document_is_remembered_once() -> None:
    stores = open_twins()
    (first,) = as_batches(document(), chunks(), CONFIG)
    (again,) = as_batches(document(name="copy.md"), chunks(), CONFIG)
    assert add(stores, first).memory_ids == add(stores, again).memory_ids
    assert len(memories_of(stores)) == len(first.messages)


def test_what_says_nothing_becomes_no_memory() -> None:
    stores = open_twins()
    batch = DocumentBatch(
        key="k", messages=({"role": "tool", "content": "--- * ---"}, {"role": "tool", "content": "42"})
    )
    assert len(add(stores, batch).memory_ids) == 1
    (memory,) = memories_of(stores)
    assert (memory.text, memory.speaker) == ("42", "tool")


def test_no_model_is_asked_so_there_is_no_answer_to_keep() -> None:
    assert DocumentReader().keeps_answers is False
