"""What is left of a memory when a user's messages are forgotten."""

from dataclasses import replace

from memos.ids import CubeId, MemoryId, MessageId, SessionId, UserId
from memos.organize.forget import find_baseless, find_bereft, find_summaries, loosen
from memos.types import Edge, EdgeType, Memory, Role, Source

ANN, BEN, CID = UserId("ann"), UserId("ben"), UserId("cid")
SAID = frozenset({MessageId("a1"), MessageId("a2")})


def a_memory(name: str, user: UserId, *sources: str) -> Memory:
    where = {"cube": CubeId("c"), "session": SessionId("s")}
    return Memory(id=MemoryId(name), user=user, text=name, source_ids=tuple(map(MessageId, sources)), **where)


def sources_of(memory: Memory) -> tuple[Source, ...]:
    said = {"session": SessionId("s"), "role": Role.USER, "speaker": "x", "text": "x", "said_at_ms": 0}
    return tuple(Source(message_id=source, **said) for source in memory.source_ids)


def test_nothing_is_left_of_what_rests_on_the_users_words_alone_or_on_none() -> None:
    memories = [
        a_memory("alone", ANN, "a1", "a2"),
        a_memory("read-by-ben", BEN, "a1"),
        a_memory("both", ANN, "a1", "b1"),
        a_memory("others", BEN, "b1"),
        a_memory("written", ANN),
        a_memory("written-by-ben", BEN),
    ]
    sources = {memory.id: sources_of(memory) for memory in memories if memory.source_ids}
    assert find_baseless(memories, sources, said=SAID, user=ANN) == ["alone", "read-by-ben", "written"]


def test_what_sums_up_something_gone_is_found_once_and_nothing_else_is() -> None:
    def edge(source: str, target: str, kind: EdgeType = EdgeType.PARENT) -> Edge:
        return Edge(source=MemoryId(source), target=MemoryId(target), type=kind)

    edges = [edge("sum", "x"), edge("sum", "y"), edge("x", "below"), edge("y", "x"), edge("z", "x", EdgeType.RELATES)]
    assert find_summaries(edges, {MemoryId("x"), MemoryId("y")}) == ["sum"]


def test_what_loses_its_summary_and_stays_is_found_once() -> None:
    ends = [("sum", "left"), ("sum", "gone"), ("older", "left"), ("gone", "left"), ("kept", "other")]
    edges = [Edge(source=MemoryId(one), target=MemoryId(other), type=EdgeType.PARENT) for one, other in ends]
    edges.append(Edge(source=MemoryId("sum"), target=MemoryId("related"), type=EdgeType.RELATES))
    assert find_bereft(edges, {MemoryId("sum"), MemoryId("gone"), MemoryId("older")}) == ["left"]


def test_what_is_loosened_keeps_its_user_unless_that_is_who_is_forgotten() -> None:
    memory = a_memory("m", ANN, "b1", "a1", "c1")
    changed = loosen(memory, SAID, [BEN, CID], user=ANN, now_ms=7)
    assert changed == replace(memory, user=BEN, source_ids=("b1", "c1"), version=2, updated_at_ms=7)
    assert loosen(replace(memory, user=CID), SAID, [BEN, CID], user=ANN, now_ms=7).user == CID
    assert loosen(memory, SAID, [], user=ANN, now_ms=7).user == ANN
