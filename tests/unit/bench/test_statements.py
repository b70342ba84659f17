"""What stores are filled with."""

from itertools import islice

from memos.bench.statements import build_write, statements
from memos.ids import CubeId, SessionId, TenantId
from memos.types import Lane

LANE = Lane(tenant=TenantId("t"), cube=CubeId("c"), session=SessionId("s"))


def test_a_seed_gives_one_stream_and_another_seed_another() -> None:
    first, again, other = (list(islice(statements(seed), 200)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 200


def test_each_text_is_a_memory_with_its_message_and_a_time_of_its_own() -> None:
    write = build_write(LANE, ["a", "b"], first=3)
    assert [memory.text for memory in write.memories] == ["a", "b"]
    assert [memory.source_ids for memory in write.memories] == [(message.id,) for message in write.messages]
    third, fourth = (memory.said_at_ms for memory in write.memories)
    assert third < fourth < build_write(LANE, ["c"], first=5).memories[0].said_at_ms


def test_batches_of_a_cube_have_ids_of_their_own() -> None:
    written = [*build_write(LANE, ["a", "b"], first=0).memory_ids, *build_write(LANE, ["a"], first=2).memory_ids]
    assert len(set(written)) == 3
