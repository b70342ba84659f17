"""Memories in their next version in every graph store: written with their job, unless somebody was there before."""

from dataclasses import replace

import pytest

from memos.errors import Fenced, InvalidRequest
from memos.graph_dbs.base import GraphStore, JobWrite
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.organize.provisional import provisional, raw_job
from memos.organize.revise import Reinforcement, Revision, reinforce, subject_of
from memos.types import Edge, EdgeType, Memory, MemoryStatus, Message, Role

CUBE, SESSION, USER = CubeId("cube"), SessionId("session"), UserId("ana")
T0 = 1_750_000_000_000
JOB = JobId("j1")
SAID = tuple(
    Message(id=MessageId(f"m{n}"), role=Role.USER, text=f"text {n}", speaker="Ana", said_at_ms=T0 + n) for n in (1, 2)
)


def a_memory(name: str, text: str, *messages: str) -> Memory:
    return Memory(
        id=MemoryId(name),
        cube=CUBE,
        user=USER,
        session=SESSION,
        text=text,
        speaker="Ana",
        said_at_ms=T0,
        created_at_ms=T0,
        updated_at_ms=T0,
        source_ids=tuple(MessageId(each) for each in messages),
    )


ROME = provisional(a_memory("rome", "Ana said: I live in Rome.", "m1", "m2"))
TEA = provisional(a_memory("tea", "Ana said: I like tea.", "m1"))
REFINED = replace(a_memory("rome", "Ana lives in Rome.", "m2"), version=2, updated_at_ms=T0 + 9, indexed_version=1)
GONE = replace(TEA, status=MemoryStatus.ARCHIVED, version=2, updated_at_ms=T0 + 9)
LED = Edge(source=TEA.id, target=ROME.id, type=EdgeType.MERGED_TO)
REFINING = JobWrite(
    job=JOB,
    user=USER,
    messages=(),
    memories=(REFINED, a_memory("boat", "Ana owns a boat.", "m2")),
    taken_over=frozenset((ROME.id, TEA.id)),
    archived=(GONE,),
    revision=Revision(edges=(LED,)),
)


def apply(graph: GraphStore, tenant: TenantId, *writes: JobWrite, fence: int | None = None) -> None:
    graph.apply_jobs(tenant, CUBE, SESSION, writes, fence=fence)


def stored(graph: GraphStore, tenant: TenantId) -> dict[MemoryId, Memory]:
    return graph.find_memories(tenant, CUBE, [ROME.id, TEA.id, MemoryId("boat")])


@pytest.fixture
def raw(graph: GraphStore, tenant: TenantId) -> None:
    """Provisional memories that the index has."""
    apply(graph, tenant, JobWrite(job=raw_job(JOB), user=USER, messages=SAID, memories=(ROME, TEA)))
    graph.mark_indexed(tenant, CUBE, {ROME.id: 1, TEA.id: 1})


@pytest.mark.usefixtures("raw")
class TestRewritten:
    def test_they_are_as_the_job_says_rest_on_what_it_says_and_lag(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, REFINING)
        found = stored(graph, tenant)
        assert (found[ROME.id], found[TEA.id]) == (REFINED, GONE)
        sources = graph.find_sources(tenant, CUBE, [ROME.id, TEA.id])
        assert [source.message_id for source in sources[ROME.id]] == ["m2"]
        assert [source.message_id for source in sources[TEA.id]] == ["m1"]
        assert {memory.id for memory in graph.list_lagging(tenant, CUBE, limit=10)} == set(found)
        assert graph.find_edges(tenant, CUBE, [TEA.id]) == [LED]
        assert graph.find_applied(tenant, CUBE, [JOB]) == {JOB: [ROME.id, "boat"]}

    def test_only_what_is_final_has_a_subject_and_is_fresh(self, graph: GraphStore, tenant: TenantId) -> None:
        home = subject_of(REFINED)
        assert home is not None
        assert (graph.list_fresh(tenant, CUBE, limit=10), graph.find_by_subjects(tenant, CUBE, [home], limit=10)) == (
            [],
            [],
        )
        apply(graph, tenant, REFINING)
        assert {memory.id for memory in graph.list_fresh(tenant, CUBE, limit=10)} == {ROME.id, "boat"}
        assert [memory.id for memory in graph.find_by_subjects(tenant, CUBE, [home], limit=10)] == [ROME.id]

    def test_what_has_changed_since_it_was_read_stays_so(self, graph: GraphStore, tenant: TenantId) -> None:
        edited = graph.update_memory(tenant, replace(ROME, text="I live in Turin."))
        graph.delete_memories(tenant, CUBE, [TEA.id])
        apply(graph, tenant, REFINING)
        found = stored(graph, tenant)
        assert (found[ROME.id], set(found)) == (edited, {ROME.id, "boat"})
        sources = graph.find_sources(tenant, CUBE, [ROME.id])[ROME.id]
        assert [source.message_id for source in sources] == ["m1", "m2"]

    def test_a_job_that_was_applied_rewrites_nothing_more(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, REFINING)
        apply(graph, tenant, replace(REFINING, memories=(replace(REFINED, version=3, text="x"),), archived=()))
        assert stored(graph, tenant)[ROME.id] == REFINED

    def test_a_stale_fence_rewrites_nothing(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, fence=7)
        before = stored(graph, tenant)
        with pytest.raises(Fenced):
            apply(graph, tenant, REFINING, fence=6)
        assert stored(graph, tenant) == before
        assert graph.find_edges(tenant, CUBE, [TEA.id]) == []

    def test_a_later_job_of_the_batch_may_say_it_again(self, graph: GraphStore, tenant: TenantId) -> None:
        again = Reinforcement(memory=ROME.id, source_ids=(MessageId("m1"),), said_at_ms=T0 + 5, at_ms=T0 + 7)
        said = JobWrite(job=JobId("j2"), user=USER, messages=(), memories=(), revision=Revision(reinforced=(again,)))
        apply(graph, tenant, REFINING, said)
        assert stored(graph, tenant)[ROME.id] == reinforce(REFINED, again)

    def test_another_tenants_memories_of_these_ids_stay(
        self, graph: GraphStore, tenant: TenantId, other: TenantId
    ) -> None:
        before = stored(graph, tenant)
        apply(graph, other, REFINING)
        assert stored(graph, tenant) == before
        assert set(stored(graph, other)) == {"boat"}


def test_an_archived_memory_of_another_cube_is_refused(graph: GraphStore, tenant: TenantId) -> None:
    with pytest.raises(InvalidRequest, match="belongs to cube"):
        apply(graph, tenant, replace(REFINING, archived=(replace(GONE, cube=CubeId("another")),)))
