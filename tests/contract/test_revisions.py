"""Revisions in every graph store: applied with their job, all or nothing, by what was said last."""

from dataclasses import replace

import pytest
from neo4j import GraphDatabase

from memos.errors import Fenced
from memos.graph_dbs.base import GraphStore, JobWrite
from memos.graph_dbs.factory import build_graph
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.organize.revise import NO_REVISION, Ending, Reinforcement, Revision, reinforce, subject_of
from memos.settings import Settings
from memos.types import Edge, EdgeType, Memory, MemoryStatus, MemoryType, Message, Role

CUBE, SESSION, USER = CubeId("cube"), SessionId("session"), UserId("ana")
T0 = 1_750_000_000_000
ROME, TURIN = MemoryId("rome"), MemoryId("turin")
SUPERSEDED = Edge(source=TURIN, target=ROME, type=EdgeType.SUPERSEDES)


def a_memory(name: str, text: str, at_ms: int = T0, **fields: object) -> Memory:
    known = Memory(
        id=MemoryId(name),
        cube=CUBE,
        user=USER,
        session=SESSION,
        text=text,
        speaker="Ana",
        said_at_ms=at_ms,
        created_at_ms=T0,
        updated_at_ms=T0,
        source_ids=(MessageId(f"{name}-said"),),
    )
    return replace(known, **fields)


def a_write(job: str, *memories: Memory, said: str = "", revision: Revision = NO_REVISION) -> JobWrite:
    """A job with the message of each memory, and one more that ``said`` names."""
    names = [source for memory in memories for source in memory.source_ids] + ([MessageId(said)] if said else [])
    messages = tuple(
        Message(id=name, role=Role.USER, text=name, speaker="Ana", said_at_ms=T0 + n) for n, name in enumerate(names)
    )
    return JobWrite(job=JobId(job), user=USER, messages=messages, memories=memories, revision=revision)


def apply(graph: GraphStore, tenant: TenantId, *writes: JobWrite, fence: int | None = None) -> None:
    graph.apply_jobs(tenant, CUBE, SESSION, writes, fence=fence)


def find(graph: GraphStore, tenant: TenantId, name: MemoryId) -> Memory:
    return graph.find_memories(tenant, CUBE, [name])[name]


def ending(at_ms: int, memory: MemoryId = ROME) -> Ending:
    return Ending(memory=memory, invalid_at_ms=at_ms, at_ms=T0 + 7)


def again(said: str, at_ms: int, memory: MemoryId = ROME) -> Reinforcement:
    return Reinforcement(memory=memory, source_ids=(MessageId(said),), said_at_ms=at_ms, at_ms=T0 + 7)


@pytest.fixture
def rome(graph: GraphStore, tenant: TenantId) -> Memory:
    """A memory that the index has."""
    apply(graph, tenant, a_write("j1", a_memory(ROME, "I live in Rome.")))
    graph.mark_indexed(tenant, CUBE, {ROME: 1})
    return find(graph, tenant, ROME)


class TestRevisions:
    def test_an_ended_memory_says_until_when_it_held_and_lags(
        self, graph: GraphStore, tenant: TenantId, rome: Memory
    ) -> None:
        revision = Revision(ended=(ending(T0 + 5),), edges=(SUPERSEDED,))
        apply(graph, tenant, a_write("j2", a_memory(TURIN, "I moved to Turin."), revision=revision))
        ended = replace(rome, invalid_at_ms=T0 + 5, updated_at_ms=T0 + 7, version=2)
        assert find(graph, tenant, ROME) == ended
        assert {memory.id for memory in graph.list_lagging(tenant, CUBE, limit=10)} == {ROME, TURIN}
        assert graph.find_edges(tenant, CUBE, [ROME]) == [SUPERSEDED]

    def test_of_two_ends_the_earlier_counts(self, graph: GraphStore, tenant: TenantId, rome: Memory) -> None:
        for job, at_ms in (("j2", T0 + 5), ("j3", T0 + 9), ("j4", T0 + 3)):
            apply(graph, tenant, a_write(job, revision=Revision(ended=(ending(at_ms),))))
        assert (find(graph, tenant, ROME).invalid_at_ms, find(graph, tenant, ROME).version) == (T0 + 3, 4)

    def test_a_reinforced_memory_gets_the_sources_and_is_named_by_the_job(
        self, graph: GraphStore, tenant: TenantId, rome: Memory
    ) -> None:
        told = again("m2", T0 + 5)
        apply(graph, tenant, a_write("j2", said="m2", revision=Revision(reinforced=(told,))))
        assert find(graph, tenant, ROME) == reinforce(rome, told)
        assert [source.message_id for source in graph.find_sources(tenant, CUBE, [ROME])[ROME]] == ["rome-said", "m2"]
        assert graph.find_applied(tenant, CUBE, [JobId("j2")]) == {"j2": [ROME]}
        assert [memory.id for memory in graph.list_lagging(tenant, CUBE, limit=10)] == [ROME]

    def test_it_may_be_said_several_times_in_one_batch_and_earlier_than_it_was_known(
        self, graph: GraphStore, tenant: TenantId, rome: Memory
    ) -> None:
        told = [again("m2", T0 + 5), again("m3", T0 - 5), again("m3", T0 + 1)]
        writes = [
            a_write(f"j{n}", said=each.source_ids[0], revision=Revision(reinforced=(each,)))
            for n, each in enumerate(told, start=2)
        ]
        apply(graph, tenant, *writes)
        expected = rome
        for each in told:
            expected = reinforce(expected, each)
        assert find(graph, tenant, ROME) == expected
        assert expected.source_ids == ("rome-said", "m2", "m3")

    def test_a_memory_of_the_same_batch_may_be_revised(self, graph: GraphStore, tenant: TenantId) -> None:
        revision = Revision(reinforced=(again("m2", T0 + 1),), ended=(ending(T0 + 5),), edges=(SUPERSEDED,))
        turin = a_memory(TURIN, "I moved to Turin.")
        apply(graph, tenant, a_write("j1", a_memory(ROME, "x")), a_write("j2", turin, said="m2", revision=revision))
        assert (find(graph, tenant, ROME).version, find(graph, tenant, ROME).invalid_at_ms) == (3, T0 + 5)
        assert graph.find_edges(tenant, CUBE, [ROME]) == [SUPERSEDED]

    def test_a_job_that_was_applied_revises_nothing_more(
        self, graph: GraphStore, tenant: TenantId, rome: Memory
    ) -> None:
        write = a_write("j2", said="m2", revision=Revision(reinforced=(again("m2", T0),), ended=(ending(T0 + 5),)))
        apply(graph, tenant, write)
        before = find(graph, tenant, ROME)
        apply(graph, tenant, write)
        assert find(graph, tenant, ROME) == before

    def test_a_stale_fence_revises_nothing(self, graph: GraphStore, tenant: TenantId, rome: Memory) -> None:
        apply(graph, tenant, fence=7)
        revision = Revision(reinforced=(again("m2", T0),), ended=(ending(T0 + 5),), edges=(SUPERSEDED,))
        with pytest.raises(Fenced):
            apply(graph, tenant, a_write("j2", a_memory(TURIN, "x"), said="m2", revision=revision), fence=6)
        assert find(graph, tenant, ROME) == rome
        assert graph.find_edges(tenant, CUBE, [ROME]) == []

    def test_what_was_deleted_meanwhile_is_left_out(self, graph: GraphStore, tenant: TenantId, rome: Memory) -> None:
        graph.delete_memories(tenant, CUBE, [ROME])
        revision = Revision(reinforced=(again("m2", T0),), ended=(ending(T0 + 5),), edges=(SUPERSEDED,))
        apply(graph, tenant, a_write("j2", a_memory(TURIN, "x"), said="m2", revision=revision))
        assert graph.find_memories(tenant, CUBE, [ROME]) == {}
        assert graph.find_edges(tenant, CUBE, [TURIN]) == []

    def test_another_tenants_memory_of_the_same_id_is_not_revised(
        self, graph: GraphStore, tenant: TenantId, other: TenantId, rome: Memory
    ) -> None:
        revision = Revision(reinforced=(again("rome-said", T0),), ended=(ending(T0 + 5),), edges=(SUPERSEDED,))
        apply(graph, other, a_write("j2", a_memory(TURIN, "x"), revision=revision))
        assert find(graph, tenant, ROME) == rome
        assert graph.find_edges(tenant, CUBE, [ROME]) == []


@pytest.mark.servers
def test_a_node_from_before_subjects_is_no_candidate_and_can_be_revised(
    neo4j_settings: Settings, tenant: TenantId
) -> None:
    graph = build_graph(neo4j_settings)
    apply(graph, tenant, a_write("j1", a_memory(ROME, "I live in Rome.", importance=0.9)))
    with GraphDatabase.driver(
        neo4j_settings.neo4j_url or "",
        auth=(neo4j_settings.neo4j_user, neo4j_settings.neo4j_password.get_secret_value()),
    ) as driver:
        forget = "MATCH (n:Memory) WHERE n.tenant = $tenant REMOVE n.subject_key, n.importance, n.importance_at_ms"
        driver.execute_query(forget, tenant=tenant, database_=neo4j_settings.neo4j_database)
    rome, told = find(graph, tenant, ROME), again("rome-said", T0 + 5)
    home = subject_of(rome)
    assert home is not None
    assert graph.find_by_subjects(tenant, CUBE, [home], limit=10) == []
    apply(graph, tenant, a_write("j2", revision=Revision(reinforced=(told,))))
    assert find(graph, tenant, ROME) == reinforce(rome, told)
    graph.close()


class TestSubjects:
    def test_memories_are_found_by_what_they_are_about(
        self, graph: GraphStore, tenant: TenantId, other: TenantId, rome: Memory
    ) -> None:
        turin = a_memory(TURIN, "I moved to Turin.", T0 + 5)
        others = [
            a_memory("tea", "I like tea."),
            a_memory("ben", "I live in Oslo.", speaker="Ben"),
            a_memory("old", "I live in Bonn.", status=MemoryStatus.ARCHIVED),
            a_memory("passage", "I live in Paris.", memory_type=MemoryType.OUTER),
        ]
        apply(graph, tenant, a_write("j2", turin, *others))
        home = subject_of(rome)
        assert home is not None
        assert [memory.id for memory in graph.find_by_subjects(tenant, CUBE, [home], limit=10)] == [TURIN, ROME]
        assert graph.find_by_subjects(tenant, CUBE, [home, home], limit=1) == [turin]
        ended = graph.update_memory(tenant, replace(turin, invalid_at_ms=T0 + 9))
        assert graph.find_by_subjects(tenant, CUBE, [home], limit=10) == [rome, ended]
        assert graph.find_by_subjects(tenant, CUBE, [home], limit=0) == []
        assert graph.find_by_subjects(tenant, CUBE, [], limit=10) == []
        assert graph.find_by_subjects(tenant, CubeId("another"), [home], limit=10) == []
        assert graph.find_by_subjects(other, CUBE, [home], limit=10) == []

    def test_an_update_changes_what_a_memory_is_about(self, graph: GraphStore, tenant: TenantId, rome: Memory) -> None:
        edited = graph.update_memory(tenant, replace(rome, text="I like tea."))
        before, after = subject_of(rome), subject_of(edited)
        assert before is not None
        assert after is not None
        assert graph.find_by_subjects(tenant, CUBE, [before], limit=10) == []
        assert graph.find_by_subjects(tenant, CUBE, [after], limit=10) == [edited]

    def test_a_replacing_write_changes_it_too(self, graph: GraphStore, tenant: TenantId, rome: Memory) -> None:
        edited = replace(rome, text="I like tea.")
        apply(graph, tenant, replace(a_write("j2", edited), replaces=True))
        subjects = [subject for memory in (rome, edited) if (subject := subject_of(memory))]
        assert graph.find_by_subjects(tenant, CUBE, subjects, limit=10) == [edited]
