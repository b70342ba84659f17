"""What every graph store does when a user is forgotten: the twin in RAM and a real server over Bolt."""

from dataclasses import replace

from memos.graph_dbs.base import GraphStore, JobWrite, SaidCounts
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.types import Memory, Message, Role

CUBE, SESSION = CubeId("cube"), SessionId("session")
ANN, BEN = UserId("ann"), UserId("ben")
T0 = 1_750_000_000_000
NOTHING = SaidCounts(messages=0, jobs=0)


def say(graph: GraphStore, tenant: TenantId, user: UserId, name: str, *rests_on: str) -> None:
    """One job: a message, and a memory of the same name that rests on it and on earlier ones."""
    message = Message(id=MessageId(name), role=Role.USER, text=name, speaker=user, said_at_ms=T0)
    sources = (message.id, *map(MessageId, rests_on))
    memory = Memory(
        id=MemoryId(name), cube=CUBE, user=user, session=SESSION, text=name, indexed_version=1, source_ids=sources
    )
    write = JobWrite(job=JobId(name), user=user, messages=(message,), memories=(memory,))
    graph.apply_jobs(tenant, CUBE, SESSION, [write], fence=None)


def all_of(graph: GraphStore, tenant: TenantId) -> dict[str, Memory]:
    return {memory.id: memory for memory in graph.list_memories(tenant, CUBE, status=None)}


def test_a_users_messages_and_jobs_go_once(graph: GraphStore, tenant: TenantId) -> None:
    for user, name in ((ANN, "a1"), (BEN, "b1"), (ANN, "a2")):
        say(graph, tenant, user, name)
    assert sorted(graph.list_said(tenant, CUBE, ANN)) == ["a1", "a2"]
    assert graph.forget_said(tenant, CUBE, ANN, now_ms=T0 + 1) == SaidCounts(messages=2, jobs=2)
    assert graph.list_said(tenant, CUBE, ANN) == []
    assert graph.forget_said(tenant, CUBE, ANN, now_ms=T0 + 1) == NOTHING
    assert [message.id for _, message in graph.list_messages(tenant, CUBE, SESSION, limit=9)] == ["b1"]
    assert list(graph.find_applied(tenant, CUBE, [JobId("a1"), JobId("b1")])) == ["b1"]


def test_a_memory_that_rests_on_others_messages_as_well_becomes_theirs(graph: GraphStore, tenant: TenantId) -> None:
    say(graph, tenant, BEN, "b1")
    say(graph, tenant, ANN, "a1", "b1")
    graph.forget_said(tenant, CUBE, ANN, now_ms=T0 + 1)
    left = all_of(graph, tenant)["a1"]
    assert (left.user, left.source_ids, left.version, left.updated_at_ms) == (BEN, ("b1",), 2, T0 + 1)
    assert [source.text for source in graph.find_sources(tenant, CUBE, [left.id])[left.id]] == ["b1"]
    assert left in graph.list_lagging(tenant, CUBE, limit=9)


def test_a_memory_of_somebody_else_stays_its_own_and_loses_the_source(graph: GraphStore, tenant: TenantId) -> None:
    say(graph, tenant, ANN, "a1")
    say(graph, tenant, UserId("cid"), "c1")
    say(graph, tenant, BEN, "b1", "a1")
    graph.forget_said(tenant, CUBE, ANN, now_ms=T0 + 1)
    left = all_of(graph, tenant)["b1"]
    assert (left.user, left.source_ids) == (BEN, ("b1",))


def test_what_follows_a_forgotten_message_is_indexed_anew_without_it(graph: GraphStore, tenant: TenantId) -> None:
    for user, name in ((ANN, "a1"), (BEN, "b1"), (BEN, "b2")):
        say(graph, tenant, user, name)
    before = all_of(graph, tenant)
    assert [source.text for source in graph.find_contexts(tenant, CUBE, [MemoryId("b1")])[MemoryId("b1")]] == [
        "a1",
        "b1",
    ]
    graph.forget_said(tenant, CUBE, ANN, now_ms=T0 + 1)
    assert [source.text for source in graph.find_contexts(tenant, CUBE, [MemoryId("b1")])[MemoryId("b1")]] == ["b1"]
    after = all_of(graph, tenant)
    assert after["b1"] == replace(before["b1"], version=2, updated_at_ms=T0 + 1)
    assert after["b2"] == before["b2"]
    assert "b2" not in {memory.id for memory in graph.list_lagging(tenant, CUBE, limit=9)}


def test_another_tenant_and_another_cube_lose_nothing(graph: GraphStore, tenant: TenantId, other: TenantId) -> None:
    say(graph, other, ANN, "a1")
    before = all_of(graph, other)
    assert graph.list_said(tenant, CUBE, ANN) == []
    assert graph.forget_said(tenant, CUBE, ANN, now_ms=T0 + 1) == NOTHING
    assert graph.forget_said(other, CubeId("cube 2"), ANN, now_ms=T0 + 1) == NOTHING
    assert all_of(graph, other) == before
    assert graph.list_said(other, CUBE, ANN) == ["a1"]


def test_many_messages_go_in_several_transactions(graph: GraphStore, tenant: TenantId) -> None:
    messages = tuple(
        Message(id=MessageId(f"m{number}"), role=Role.USER, text="m", speaker="Ann", said_at_ms=T0)
        for number in range(600)
    )
    write = JobWrite(job=JobId("many"), user=ANN, messages=messages, memories=())
    graph.apply_jobs(tenant, CUBE, SESSION, [write], fence=None)
    assert graph.forget_said(tenant, CUBE, ANN, now_ms=T0 + 1) == SaidCounts(messages=600, jobs=1)
    assert graph.list_messages(tenant, CUBE, SESSION, limit=9) == []
