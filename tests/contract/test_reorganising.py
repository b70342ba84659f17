"""What every graph store does for a reorganisation: what is fresh, and plans applied whole or not at all."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from memos.graph_dbs.base import GraphStore, JobWrite
from memos.ids import CubeId, JobId, MemoryId, SessionId, TenantId, UserId, memory_id, message_id
from memos.organize.decay import DAY_MS, DecayPolicy
from memos.organize.plan import Plan, build_plan
from memos.organize.revise import Ending, Revision
from memos.organize.surroundings import Near, Place, Surroundings
from memos.types import Edge, EdgeType, Memory, MemoryStatus, MemoryType, Message, Role

CUBE = CubeId("cube")
SESSION = SessionId("session")
USER = UserId("ana")
T0 = 1_750_000_000_000
NOW = T0 + 1000
CLAY = ("I make bowls.", "I make cups.", "I make blue cups.", "I make vases.")


def write(graph: GraphStore, tenant: TenantId, *texts: str, job: str = "j", kind: MemoryType = MemoryType.USER) -> None:
    """Ana's statements about pottery, each from a message of its own."""
    messages = [
        Message(id=message_id(tenant, CUBE, JobId(job), n), role=Role.USER, text=text, speaker="Ana", said_at_ms=T0 + n)
        for n, text in enumerate(texts)
    ]
    memories = [
        Memory(
            id=memory_id(tenant, CUBE, JobId(job), number),
            cube=CUBE,
            user=USER,
            session=SESSION,
            text=f"Ana said: {message.text}",
            memory_type=kind,
            speaker="Ana",
            key="pottery",
            said_at_ms=message.said_at_ms,
            created_at_ms=message.said_at_ms,
            source_ids=(message.id,),
        )
        for number, message in enumerate(messages)
    ]
    made = JobWrite(job=JobId(job), user=USER, messages=tuple(messages), memories=tuple(memories))
    graph.apply_jobs(tenant, CUBE, SESSION, [made], fence=None)


def plan(graph: GraphStore, tenant: TenantId, *, cosine: float = 0.8) -> Plan:
    """The plan for all that is fresh, as if all memories stood at one cosine to each other."""
    fresh = graph.list_fresh(tenant, CUBE, limit=100)
    everything = {memory.id: memory for memory in graph.list_memories(tenant, CUBE, status=None)}
    near = [Near(one=one.id, other=other, cosine=cosine) for one in fresh for other in everything if one.id != other]
    around = Surroundings(
        place=Place(tenant=tenant, cube=CUBE),
        fresh=tuple(fresh),
        memories=everything,
        near=tuple(near),
        edges=tuple(graph.find_edges(tenant, CUBE, list(everything))),
        sources={},
    )
    return build_plan(around, now_ms=NOW)


def reorganise(graph: GraphStore, tenant: TenantId, *, cosine: float = 0.8) -> Plan:
    made = plan(graph, tenant, cosine=cosine)
    assert graph.apply_plan(tenant, CUBE, made)
    return made


def fresh(graph: GraphStore, tenant: TenantId) -> set[str]:
    return {memory.text.removeprefix("Ana said: ") for memory in graph.list_fresh(tenant, CUBE, limit=100)}


def known(graph: GraphStore, tenant: TenantId) -> dict[MemoryId, Memory]:
    return {memory.id: memory for memory in graph.list_memories(tenant, CUBE, status=None)}


def everything(graph: GraphStore, tenant: TenantId) -> tuple[dict[MemoryId, Memory], set[Edge], set[str]]:
    memories = known(graph, tenant)
    return memories, set(graph.find_edges(tenant, CUBE, list(memories))), fresh(graph, tenant)


def nth(tenant: TenantId, number: int, job: str = "j") -> MemoryId:
    return memory_id(tenant, CUBE, JobId(job), number)


def archive(graph: GraphStore, tenant: TenantId) -> Sequence[MemoryId]:
    return graph.archive_memories(tenant, CUBE, {nth(tenant, 0): 1}, now_ms=NOW)


def fade(graph: GraphStore, tenant: TenantId) -> Sequence[MemoryId]:
    policy = DecayPolicy(half_life_days=1, archive_below=0.9)
    return graph.decay(tenant, CUBE, policy, now_ms=T0 + 3 * DAY_MS)


def change_text(graph: GraphStore, tenant: TenantId) -> Memory:
    return graph.update_memory(tenant, replace(known(graph, tenant)[nth(tenant, 0)], text="Ana said: I make plates."))


def end(graph: GraphStore, tenant: TenantId) -> None:
    ending = Ending(memory=nth(tenant, 0), invalid_at_ms=NOW, at_ms=NOW)
    job = JobWrite(job=JobId("end"), user=USER, messages=(), memories=(), revision=Revision(ended=(ending,)))
    graph.apply_jobs(tenant, CUBE, SESSION, [job], fence=None)


class TestFreshness:
    def test_what_was_written_is_fresh_until_a_plan_has_seen_it(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY[:2])
        assert fresh(graph, tenant) == set(CLAY[:2])
        reorganise(graph, tenant, cosine=0)
        assert fresh(graph, tenant) == set()

    def test_no_more_are_listed_than_asked_for(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY)
        assert len(graph.list_fresh(tenant, CUBE, limit=3)) == 3

    def test_documents_are_never_fresh(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY, kind=MemoryType.OUTER)
        assert fresh(graph, tenant) == set()

    def test_what_is_made_fresh_is_looked_at_again_and_nobody_elses(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY[:2])
        reorganise(graph, tenant, cosine=0)
        before = known(graph, tenant)
        other = TenantId(f"{tenant}-other")
        graph.freshen(other, CUBE, [nth(tenant, 0)])
        assert fresh(graph, tenant) == set()
        graph.freshen(tenant, CUBE, [nth(tenant, 0), MemoryId("absent")])
        assert fresh(graph, tenant) == {CLAY[0]}
        assert known(graph, tenant) == before

    def test_what_is_written_again_is_not_fresh_again(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY[:2])
        reorganise(graph, tenant, cosine=0)
        write(graph, tenant, *CLAY[:2])
        assert fresh(graph, tenant) == set()

    @pytest.mark.parametrize("change", [change_text, archive, fade, end])
    def test_what_changes_in_sense_is_fresh_again(
        self, graph: GraphStore, tenant: TenantId, change: Callable[[GraphStore, TenantId], object]
    ) -> None:
        write(graph, tenant, CLAY[0])
        reorganise(graph, tenant, cosine=0)
        change(graph, tenant)
        assert [memory.id for memory in graph.list_fresh(tenant, CUBE, limit=9)] == [nth(tenant, 0)]

    def test_what_keeps_its_text_is_not_fresh_again(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, CLAY[0])
        reorganise(graph, tenant, cosine=0)
        graph.update_memory(tenant, replace(known(graph, tenant)[nth(tenant, 0)], pinned=True))
        graph.mark_indexed(tenant, CUBE, {nth(tenant, 0): 2})
        assert fresh(graph, tenant) == set()

    def test_another_tenant_has_nothing_fresh_and_can_apply_nothing(
        self, graph: GraphStore, tenant: TenantId, other: TenantId
    ) -> None:
        write(graph, tenant, *CLAY)
        assert graph.list_fresh(other, CUBE, limit=9) == []
        assert graph.list_fresh(tenant, CubeId("other"), limit=9) == []
        before = everything(graph, tenant)
        assert not graph.apply_plan(other, CUBE, plan(graph, tenant))
        assert everything(graph, tenant) == before


class TestPlans:
    def test_a_summary_is_written_with_its_edges_and_its_evidence(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY)
        (summary,) = reorganise(graph, tenant).parents
        assert known(graph, tenant)[summary.memory.id] == summary.memory
        edges = graph.find_edges(tenant, CUBE, [summary.memory.id])
        assert {(edge.type, edge.target) for edge in edges} == {(EdgeType.PARENT, nth(tenant, n)) for n in range(4)}
        sources = graph.find_sources(tenant, CUBE, [summary.memory.id])[summary.memory.id]
        assert [source.text for source in sources] == list(CLAY)
        assert summary.memory.id in {memory.id for memory in graph.list_lagging(tenant, CUBE, limit=9)}

    def test_a_merge_archives_the_later_and_names_what_lives_on(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, "I love clay.", "I really love clay.")
        reorganise(graph, tenant, cosine=0.99)
        memories = known(graph, tenant)
        kept, gone = memories[nth(tenant, 0)], memories[nth(tenant, 1)]
        assert (kept.status, kept.version, gone.status, gone.version) == ("activated", 2, "archived", 2)
        assert graph.find_edges(tenant, CUBE, [gone.id]) == [
            Edge(source=gone.id, target=kept.id, type=EdgeType.MERGED_TO)
        ]
        assert len(graph.find_sources(tenant, CUBE, [kept.id])[kept.id]) == 2
        assert {memory.id for memory in graph.list_lagging(tenant, CUBE, limit=9)} == {kept.id, gone.id}

    def test_applied_twice_it_changes_nothing(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY, "I make really blue cups.")
        made = reorganise(graph, tenant, cosine=0.99)
        once = everything(graph, tenant)
        assert not graph.apply_plan(tenant, CUBE, made)
        assert everything(graph, tenant) == once
        assert plan(graph, tenant).is_empty

    def test_a_summary_is_made_anew_with_a_fifth_child(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY)
        (summary,) = reorganise(graph, tenant).parents
        write(graph, tenant, "I sell blue cups.", job="k")
        (again,) = reorganise(graph, tenant).refreshed
        assert known(graph, tenant)[summary.memory.id] == again.memory
        assert len(graph.find_edges(tenant, CUBE, [summary.memory.id])) == 5
        assert len(graph.find_sources(tenant, CUBE, [summary.memory.id])[summary.memory.id]) == 5

    def test_a_child_that_is_archived_leaves_the_summary(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY)
        (summary,) = reorganise(graph, tenant).parents
        archive(graph, tenant)
        reorganise(graph, tenant)
        assert len(graph.find_edges(tenant, CUBE, [summary.memory.id])) == 3
        assert len(graph.find_sources(tenant, CUBE, [summary.memory.id])[summary.memory.id]) == 3

    def test_a_deleted_childs_words_are_hidden_at_once_and_then_left_out(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        write(graph, tenant, *CLAY)
        (summary,) = reorganise(graph, tenant).parents
        assert graph.delete_memories(tenant, CUBE, [nth(tenant, 2)]) == 1
        hidden = known(graph, tenant)[summary.memory.id]
        assert (hidden.status, hidden.version) == (MemoryStatus.ARCHIVED, 2)
        assert hidden.id in {memory.id for memory in graph.list_lagging(tenant, CUBE, limit=9)}
        reorganise(graph, tenant)
        again = known(graph, tenant)[summary.memory.id]
        assert (again.status, "blue cups" in again.text) == (MemoryStatus.ACTIVATED, False)

    def test_with_too_few_children_it_is_removed(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY)
        (summary,) = reorganise(graph, tenant).parents
        graph.delete_memories(tenant, CUBE, [nth(tenant, number) for number in range(3)])
        reorganise(graph, tenant)
        assert set(known(graph, tenant)) == {nth(tenant, 3)}
        assert graph.find_edges(tenant, CUBE, [summary.memory.id, nth(tenant, 3)]) == []

    def test_an_applications_own_parent_is_no_summary(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY[:2])
        graph.link(tenant, CUBE, [Edge(source=nth(tenant, 0), target=nth(tenant, 1), type=EdgeType.PARENT)])
        reorganise(graph, tenant, cosine=0)
        graph.delete_memories(tenant, CUBE, [nth(tenant, 1)])
        assert (known(graph, tenant)[nth(tenant, 0)].version, fresh(graph, tenant)) == (1, set())


class TestContention:
    @pytest.mark.parametrize(
        "change",
        [
            change_text,
            archive,
            lambda graph, tenant: graph.delete_memories(tenant, CUBE, [nth(tenant, 0)]),
            lambda graph, tenant: graph.apply_plan(tenant, CUBE, plan(graph, tenant)),
        ],
        ids=["text", "status", "deleted", "another reorganiser"],
    )
    def test_nothing_of_a_plan_is_applied_when_something_changed_since(
        self, graph: GraphStore, tenant: TenantId, change: Callable[[GraphStore, TenantId], object]
    ) -> None:
        write(graph, tenant, *CLAY)
        stale = plan(graph, tenant)
        change(graph, tenant)
        before = everything(graph, tenant)
        assert not graph.apply_plan(tenant, CUBE, stale)
        assert everything(graph, tenant) == before

    def test_what_is_written_meanwhile_stays_fresh(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY)
        made = plan(graph, tenant)
        write(graph, tenant, "I fire the kiln.", job="k")
        assert graph.apply_plan(tenant, CUBE, made)
        assert fresh(graph, tenant) == {"I fire the kiln."}

    def test_of_two_reorganisers_at_once_one_applies(self, graph: GraphStore, tenant: TenantId) -> None:
        write(graph, tenant, *CLAY)
        made = plan(graph, tenant)
        with ThreadPoolExecutor(4) as pool:
            applied = list(pool.map(lambda _: graph.apply_plan(tenant, CUBE, made), range(4)))
        assert sorted(applied) == [False, False, False, True]
        assert len(known(graph, tenant)) == 5

    def test_deletions_beside_a_reorganiser_leave_no_summary_with_deleted_words(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        write(graph, tenant, *CLAY)
        made = plan(graph, tenant)
        with ThreadPoolExecutor(2) as pool:
            applied = pool.submit(graph.apply_plan, tenant, CUBE, made)
            pool.submit(graph.delete_memories, tenant, CUBE, [nth(tenant, 2)]).result()
            applied.result()
        while not plan(graph, tenant).is_empty:
            reorganise(graph, tenant)
        active = [memory for memory in known(graph, tenant).values() if memory.status is MemoryStatus.ACTIVATED]
        assert not any("blue cups" in memory.text for memory in active)
