"""What every graph store does: one suite for the twin in RAM and for a real server over Bolt."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from neo4j import Driver, GraphDatabase

from memos.errors import Fenced, InvalidRequest, NotFound
from memos.graph_dbs import rows as layout
from memos.graph_dbs.base import DeletedCounts, GraphStore, JobWrite
from memos.graph_dbs.factory import build_graph
from memos.graph_dbs.queries import load_query
from memos.ids import (
    CubeId,
    JobId,
    MemoryId,
    MessageId,
    SessionId,
    TenantId,
    UserId,
    memory_id,
    message_id,
    storage_key,
)
from memos.organize.decay import DAY_MS, DecayPolicy, age
from memos.settings import Settings
from memos.types import Category, Edge, EdgeType, Memory, MemoryStatus, MemoryType, Message, Role

CUBE = CubeId("cube")
SESSION = SessionId("session")
USER = UserId("ann")
T0 = 1_750_000_000_000
HALVING = DecayPolicy(half_life_days=10)
ARCHIVING = DecayPolicy(half_life_days=10, archive_below=0.3)


def a_message(tenant: TenantId, job: str, ordinal: int = 0, *, text: str = "I like tea", at_ms: int = T0) -> Message:
    return Message(
        id=message_id(tenant, CUBE, JobId(job), ordinal), role=Role.USER, text=text, speaker="Ann", said_at_ms=at_ms
    )


def a_memory(tenant: TenantId, job: str, ordinal: int = 0, *, sources: tuple[Message, ...] = ()) -> Memory:
    return Memory(
        id=memory_id(tenant, CUBE, JobId(job), ordinal),
        cube=CUBE,
        user=USER,
        session=SESSION,
        text=f"memory {ordinal} of {job}",
        created_at_ms=T0 + ordinal,
        source_ids=tuple(source.id for source in sources),
    )


def a_write(tenant: TenantId, job: str, *, memories: int = 1, user: UserId = USER) -> JobWrite:
    message = a_message(tenant, job, text=f"turn of {job}")
    written = tuple(a_memory(tenant, job, ordinal, sources=(message,)) for ordinal in range(memories))
    return JobWrite(job=JobId(job), user=user, messages=(message,), memories=written)


def apply(graph: GraphStore, tenant: TenantId, *writes: JobWrite, fence: int | None = None) -> None:
    graph.apply_jobs(tenant, CUBE, SESSION, writes, fence=fence)


def ids_of(write: JobWrite) -> list[MemoryId]:
    return [memory.id for memory in write.memories]


class TestGraphStore:
    def test_a_memory_comes_back_as_it_was_written(self, graph: GraphStore, tenant: TenantId) -> None:
        message = a_message(tenant, "j")
        memory = Memory(
            id=MemoryId("m"),
            cube=CUBE,
            user=USER,
            session=SESSION,
            text="Ann's cat ‘Mio’ \U0001f408 } ) RETURN 1 // \" \\ 猫",
            memory_type=MemoryType.USER,
            category=Category.PREFERENCE,
            status=MemoryStatus.ARCHIVED,
            speaker="Ann",
            key="cat",
            entities=("Mio", "Ann"),
            tags=("pets",),
            confidence=0.25,
            importance=0.75,
            importance_at_ms=T0 + 3,
            said_at_ms=T0,
            valid_at_ms=T0 - 5,
            invalid_at_ms=T0 + 5,
            created_at_ms=T0 + 1,
            updated_at_ms=T0 + 2,
            version=3,
            indexed_version=2,
            source_ids=(message.id,),
            info={"room": 'a "quoted" \\ name', "tags": [1, None, {"deep": "猫"}]},
        )
        apply(graph, tenant, JobWrite(job=JobId("j"), user=USER, messages=(message,), memories=(memory,)))
        assert graph.find_memories(tenant, CUBE, [MemoryId("m"), MemoryId("absent")]) == {"m": memory}

    def test_a_memory_without_optional_values_comes_back_too(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j")
        apply(graph, tenant, write)
        assert graph.find_memories(tenant, CUBE, ids_of(write)) == {write.memories[0].id: write.memories[0]}

    def test_an_applied_job_is_known_with_its_memories(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j", memories=3)
        apply(graph, tenant, write, JobWrite(job=JobId("empty"), user=USER, messages=(), memories=()))
        found = graph.find_applied(tenant, CUBE, [JobId("j"), JobId("empty"), JobId("unknown")])
        assert found == {"j": ids_of(write), "empty": []}

    def test_applying_a_job_again_changes_nothing(self, graph: GraphStore, tenant: TenantId) -> None:
        first = a_write(tenant, "j")
        second = replace(first, memories=(a_memory(tenant, "j", 7),), messages=(a_message(tenant, "j", 7),))
        apply(graph, tenant, first)
        apply(graph, tenant, second, a_write(tenant, "k"))
        assert {memory.text for memory in graph.list_memories(tenant, CUBE)} == {"memory 0 of j", "memory 0 of k"}
        assert len(graph.list_messages(tenant, CUBE, SESSION, limit=10)) == 2

    def test_a_job_given_twice_in_one_call_is_applied_once(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j")
        apply(graph, tenant, write, write)
        assert len(graph.list_messages(tenant, CUBE, SESSION, limit=10)) == 1

    def test_a_memory_of_another_cube_is_refused_and_nothing_is_written(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        stray = replace(a_memory(tenant, "k"), cube=CubeId("elsewhere"))
        bad = JobWrite(job=JobId("k"), user=USER, messages=(), memories=(stray,))
        with pytest.raises(InvalidRequest, match="elsewhere"):
            apply(graph, tenant, a_write(tenant, "j"), bad)
        assert graph.find_applied(tenant, CUBE, [JobId("j"), JobId("k")]) == {}

    def test_a_stale_fence_writes_nothing(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, a_write(tenant, "new"), fence=7)
        with pytest.raises(Fenced):
            apply(graph, tenant, a_write(tenant, "old"), fence=6)
        assert graph.find_applied(tenant, CUBE, [JobId("new"), JobId("old")]).keys() == {"new"}
        assert len(graph.list_messages(tenant, CUBE, SESSION, limit=10)) == 1

    def test_a_sessions_bulk_lane_has_fences_of_its_own_and_shares_the_numbering(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        apply(graph, tenant, a_write(tenant, "first"), fence=7)
        graph.apply_jobs(tenant, CUBE, SESSION, [a_write(tenant, "bulk")], fence=5, bulk=True)
        apply(graph, tenant, a_write(tenant, "last"), fence=7)
        with pytest.raises(Fenced):
            graph.apply_jobs(tenant, CUBE, SESSION, [a_write(tenant, "stale")], fence=4, bulk=True)
        texts = [message.text for _, message in graph.list_messages(tenant, CUBE, SESSION, limit=10)]
        assert texts == ["turn of first", "turn of bulk", "turn of last"]

    def test_the_same_and_a_newer_fence_go_on(self, graph: GraphStore, tenant: TenantId) -> None:
        for number, fence in enumerate((7, 7, 9)):
            apply(graph, tenant, a_write(tenant, f"j{number}"), fence=fence)
        assert len(graph.list_memories(tenant, CUBE)) == 3

    def test_a_fence_is_remembered_even_when_all_jobs_were_applied(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, a_write(tenant, "j"), fence=1)
        apply(graph, tenant, a_write(tenant, "j"), fence=5)
        with pytest.raises(Fenced):
            apply(graph, tenant, a_write(tenant, "k"), fence=4)

    def test_a_write_without_a_fence_neither_checks_nor_lowers_it(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, a_write(tenant, "j"), fence=5)
        apply(graph, tenant, a_write(tenant, "k"), fence=None)
        with pytest.raises(Fenced):
            apply(graph, tenant, a_write(tenant, "l"), fence=4)

    def test_each_lane_has_a_fence_of_its_own(self, graph: GraphStore, tenant: TenantId, other: TenantId) -> None:
        apply(graph, tenant, a_write(tenant, "j"), fence=9)
        graph.apply_jobs(tenant, CUBE, SessionId("second"), [a_write(tenant, "k")], fence=1)
        graph.apply_jobs(other, CUBE, SESSION, [a_write(other, "j")], fence=1)
        assert len(graph.list_memories(tenant, CUBE)) == 2

    def test_sources_are_the_messages_behind_a_memory_oldest_first(self, graph: GraphStore, tenant: TenantId) -> None:
        late, early = a_message(tenant, "j", 0, text="late", at_ms=T0 + 9), a_message(tenant, "j", 1, text="early")
        ghost = replace(late, id=MessageId("ghost"))
        based = a_memory(tenant, "j", 0, sources=(late, early, early, ghost))
        bare = a_memory(tenant, "j", 1)
        apply(graph, tenant, JobWrite(job=JobId("j"), user=USER, messages=(late, early), memories=(based, bare)))
        sources = graph.find_sources(tenant, CUBE, [based.id, bare.id, MemoryId("absent")])
        assert sources.keys() == {based.id}
        assert [(source.text, source.speaker, source.session) for source in sources[based.id]] == [
            ("early", "Ann", SESSION),
            ("late", "Ann", SESSION),
        ]
        assert graph.find_memories(tenant, CUBE, [based.id])[based.id].source_ids == based.source_ids

    def test_pages_of_memories_run_from_the_oldest_to_the_newest(self, graph: GraphStore, tenant: TenantId) -> None:
        times = [5, 3, 3, 3, 99, 7, 0]
        memories = tuple(
            replace(a_memory(tenant, "j", number), created_at_ms=at_ms) for number, at_ms in enumerate(times)
        )
        apply(graph, tenant, JobWrite(job=JobId("j"), user=USER, messages=(), memories=memories))
        seen: list[Memory] = []
        while page := graph.list_memories(tenant, CUBE, after=seen[-1].id if seen else None, limit=2):
            assert len(page) <= 2
            seen += page
        assert seen == sorted(memories, key=lambda memory: (memory.created_at_ms, memory.id))

    def test_a_page_behind_an_unknown_memory_is_not_found(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, a_write(tenant, "j"))
        with pytest.raises(NotFound):
            graph.list_memories(tenant, CUBE, after=MemoryId("gone"))

    def test_archived_memories_are_listed_only_when_asked_for(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j", memories=2)
        archived = replace(write.memories[1], status=MemoryStatus.ARCHIVED)
        apply(graph, tenant, replace(write, memories=(write.memories[0], archived)))
        assert graph.list_memories(tenant, CUBE) == [write.memories[0]]
        assert graph.list_memories(tenant, CUBE, status=MemoryStatus.ARCHIVED) == [archived]
        assert len(graph.list_memories(tenant, CUBE, status=None)) == 2

    def test_the_last_messages_of_a_session_come_oldest_first(self, graph: GraphStore, tenant: TenantId) -> None:
        for number in range(12):
            apply(graph, tenant, a_write(tenant, f"j{number}", user=UserId(f"user {number % 2}")))
        graph.apply_jobs(tenant, CUBE, SessionId("session 2"), [a_write(tenant, "elsewhere")], fence=None)
        turns = graph.list_messages(tenant, CUBE, SESSION, limit=3)
        assert [(user, message.text) for user, message in turns] == [
            ("user 1", "turn of j9"),
            ("user 0", "turn of j10"),
            ("user 1", "turn of j11"),
        ]

    def test_where_messages_were_removed_the_ones_before_them_are_the_last(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        for number in range(6):
            apply(graph, tenant, a_write(tenant, f"j{number}", user=UserId(f"user {number % 2}")))
        graph.forget_said(tenant, CUBE, UserId("user 1"), now_ms=0)
        found = [message.text for _, message in graph.list_messages(tenant, CUBE, SESSION, limit=2)]
        assert found == ["turn of j2", "turn of j4"]
        assert len(graph.list_messages(tenant, CUBE, SESSION, limit=4)) == 3
        assert graph.list_messages(tenant, CUBE, SessionId("nothing"), limit=2) == []

    def test_a_memory_lags_until_the_index_has_its_version(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j", memories=2)
        apply(graph, tenant, write)
        first, second = ids_of(write)
        assert {memory.id for memory in graph.list_lagging(tenant, CUBE, limit=10)} == {first, second}
        assert len(graph.list_lagging(tenant, CUBE, limit=1)) == 1
        graph.mark_indexed(tenant, CUBE, {first: 1, MemoryId("absent"): 1})
        assert [memory.id for memory in graph.list_lagging(tenant, CUBE, limit=10)] == [second]
        graph.update_memory(tenant, replace(write.memories[0], text="changed"))
        assert {memory.id for memory in graph.list_lagging(tenant, CUBE, limit=10)} == {first, second}

    def test_an_older_index_entry_never_moves_the_mark_back(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j")
        apply(graph, tenant, write)
        (memory,) = ids_of(write)
        graph.update_memory(tenant, write.memories[0])
        graph.mark_indexed(tenant, CUBE, {memory: 2})
        graph.mark_indexed(tenant, CUBE, {memory: 1})
        assert graph.find_memories(tenant, CUBE, [memory])[memory].indexed_version == 2
        assert graph.list_lagging(tenant, CUBE, limit=10) == []

    def test_marking_an_old_version_leaves_the_memory_lagging(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j")
        apply(graph, tenant, write)
        graph.update_memory(tenant, write.memories[0])
        graph.mark_indexed(tenant, CUBE, {write.memories[0].id: 1})
        assert [memory.indexed_version for memory in graph.list_lagging(tenant, CUBE, limit=10)] == [1]

    def test_an_update_keeps_where_the_memory_came_from(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j")
        apply(graph, tenant, write)
        old = write.memories[0]
        wanted = replace(
            old,
            text="new text",
            valid_at_ms=T0,
            tags=("t",),
            user=UserId("thief"),
            session=SessionId("stolen"),
            created_at_ms=1,
            source_ids=(),
            version=40,
            indexed_version=40,
        )
        updated = graph.update_memory(tenant, wanted)
        assert updated == replace(old, text="new text", valid_at_ms=T0, tags=("t",), version=2)
        assert graph.find_memories(tenant, CUBE, [old.id]) == {old.id: updated}
        assert graph.find_sources(tenant, CUBE, [old.id]).keys() == {old.id}

    def test_an_update_can_take_a_value_away(self, graph: GraphStore, tenant: TenantId) -> None:
        memory = replace(a_memory(tenant, "j"), valid_at_ms=T0, entities=("Mio",))
        apply(graph, tenant, JobWrite(job=JobId("j"), user=USER, messages=(), memories=(memory,)))
        updated = graph.update_memory(tenant, replace(memory, valid_at_ms=None, entities=()))
        assert (updated.valid_at_ms, updated.entities) == (None, ())

    def test_updating_an_absent_memory_is_not_found(self, graph: GraphStore, tenant: TenantId) -> None:
        with pytest.raises(NotFound):
            graph.update_memory(tenant, a_memory(tenant, "j"))

    def test_importance_halves_with_each_half_life_and_makes_no_new_version(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        old = add(graph, tenant, a_memory(tenant, "j"), importance=0.8, indexed_version=1)
        assert graph.decay(tenant, CUBE, HALVING, now_ms=T0 + 20 * DAY_MS) == []
        expected = replace(old, importance=pytest.approx(0.2), importance_at_ms=T0 + 20 * DAY_MS)
        assert find(graph, tenant, old.id) == expected
        assert graph.list_lagging(tenant, CUBE, limit=10) == []

    def test_an_importance_that_is_not_a_day_old_stays(self, graph: GraphStore, tenant: TenantId) -> None:
        young = add(graph, tenant, a_memory(tenant, "j"), importance_at_ms=T0 + 5)
        graph.decay(tenant, CUBE, HALVING, now_ms=T0 + DAY_MS + 4)
        assert find(graph, tenant, young.id) == young
        graph.decay(tenant, CUBE, HALVING, now_ms=T0 + DAY_MS + 5)
        assert find(graph, tenant, young.id).importance < young.importance

    def test_what_sinks_below_the_floor_is_archived_and_lags_in_the_index(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        sinks = add(graph, tenant, a_memory(tenant, "j", 0), indexed_version=1)
        stays = add(graph, tenant, a_memory(tenant, "j", 1), job="k", importance=0.9, indexed_version=1)
        now_ms = T0 + 10 * DAY_MS
        assert graph.decay(tenant, CUBE, ARCHIVING, now_ms=now_ms + 1) == [sinks.id]
        archived = find(graph, tenant, sinks.id)
        assert (archived.status, archived.version, archived.updated_at_ms) == (MemoryStatus.ARCHIVED, 2, now_ms + 1)
        assert graph.list_lagging(tenant, CUBE, limit=10) == [archived]
        assert [memory.id for memory in graph.list_memories(tenant, CUBE)] == [stays.id]

    def test_working_memory_and_instructions_sink_and_stay(self, graph: GraphStore, tenant: TenantId) -> None:
        kept = [
            add(graph, tenant, a_memory(tenant, "j", 0), job="j0", memory_type=MemoryType.WORKING),
            add(graph, tenant, a_memory(tenant, "j", 1), job="j1", category=Category.INSTRUCTION),
        ]
        assert graph.decay(tenant, CUBE, ARCHIVING, now_ms=T0 + 50 * DAY_MS) == []
        assert [memory.importance < 0.1 for memory in graph.list_memories(tenant, CUBE)] == [True, True]
        assert {memory.id for memory in graph.list_memories(tenant, CUBE)} == {memory.id for memory in kept}

    def test_decaying_again_at_the_same_time_changes_nothing(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, a_write(tenant, "j", memories=3))
        now_ms = T0 + 30 * DAY_MS
        assert len(graph.decay(tenant, CUBE, ARCHIVING, now_ms=now_ms)) == 3
        after = graph.list_memories(tenant, CUBE, status=None)
        assert graph.decay(tenant, CUBE, ARCHIVING, now_ms=now_ms) == []
        assert graph.list_memories(tenant, CUBE, status=None) == after

    def test_threads_that_decay_one_cube_archive_each_memory_once(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j", memories=20)
        apply(graph, tenant, write)
        archived: list[MemoryId] = []
        at_once(
            lambda number: archived.extend(
                graph.decay(tenant, CUBE, ARCHIVING, now_ms=T0 + 30 * DAY_MS + number)  # a stale one among them
            ),
            threads=3,
        )
        assert sorted(archived) == sorted(ids_of(write))
        assert {memory.version for memory in graph.list_memories(tenant, CUBE, status=None)} == {2}

    def test_a_large_cube_decays_whole(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, a_write(tenant, "j", memories=600))
        assert len(graph.decay(tenant, CUBE, ARCHIVING, now_ms=T0 + 30 * DAY_MS)) == 600
        assert graph.list_memories(tenant, CUBE) == []

    def test_what_is_pinned_does_not_fade(self, graph: GraphStore, tenant: TenantId) -> None:
        pinned = add(graph, tenant, a_memory(tenant, "j"), pinned=True, importance=0.2)
        assert graph.decay(tenant, CUBE, ARCHIVING, now_ms=T0 + 50 * DAY_MS) == []
        assert find(graph, tenant, pinned.id) == pinned

    def test_what_has_expired_is_archived_whatever_its_age_importance_and_pin(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        ends = {"expires_at_ms": T0 + 5, "importance": 0.9, "importance_at_ms": T0, "indexed_version": 1}
        gone = [
            add(graph, tenant, a_memory(tenant, "j", 0), job="j0", **ends),
            add(graph, tenant, a_memory(tenant, "j", 1), job="j1", pinned=True, **ends),
        ]
        later = add(graph, tenant, a_memory(tenant, "j", 2), job="j2", **{**ends, "expires_at_ms": T0 + 6})
        assert sorted(graph.decay(tenant, CUBE, HALVING, now_ms=T0 + 5)) == sorted(memory.id for memory in gone)
        assert graph.list_memories(tenant, CUBE) == [later]
        assert {memory.id for memory in graph.list_lagging(tenant, CUBE, limit=10)} == {memory.id for memory in gone}
        assert [find(graph, tenant, memory.id).importance for memory in gone] == pytest.approx([0.9, 0.9])
        assert graph.decay(tenant, CUBE, HALVING, now_ms=T0 + 5) == []

    def test_active_memories_of_the_version_given_are_archived_and_lag(
        self, graph: GraphStore, tenant: TenantId, other: TenantId
    ) -> None:
        write = a_write(tenant, "j", memories=4)
        apply(graph, tenant, write)
        one, two, changed, kept = write.memories
        graph.update_memory(tenant, replace(changed, pinned=True))
        versions = {one.id: 1, two.id: 1, changed.id: 1, MemoryId("absent"): 1}
        assert graph.archive_memories(other, CUBE, versions, now_ms=T0 + 9) == []
        assert sorted(graph.archive_memories(tenant, CUBE, versions, now_ms=T0 + 9)) == sorted([one.id, two.id])
        assert graph.archive_memories(tenant, CUBE, {**versions, one.id: 2}, now_ms=T0 + 10) == []
        archived = find(graph, tenant, one.id)
        assert (archived.status, archived.version, archived.updated_at_ms) == (MemoryStatus.ARCHIVED, 2, T0 + 9)
        assert archived in graph.list_lagging(tenant, CUBE, limit=10)
        assert {memory.id for memory in graph.list_memories(tenant, CUBE)} == {changed.id, kept.id}

    def test_another_tenants_cube_and_another_cube_do_not_decay(
        self, graph: GraphStore, tenant: TenantId, other: TenantId
    ) -> None:
        apply(graph, tenant, a_write(tenant, "j"))
        theirs = add(graph, other, a_memory(other, "j"))
        near = CubeId("cube 2")
        beside = replace(a_memory(tenant, "n"), cube=near)
        write = JobWrite(job=JobId("n"), user=USER, messages=(), memories=(beside,))
        graph.apply_jobs(tenant, near, SESSION, [write], fence=None)
        assert len(graph.decay(tenant, CUBE, ARCHIVING, now_ms=T0 + 30 * DAY_MS)) == 1
        assert find(graph, other, theirs.id) == theirs
        assert graph.list_memories(tenant, near) == [beside]

    def test_deleting_memories_leaves_their_messages(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j", memories=3)
        apply(graph, tenant, write)
        first, second, third = ids_of(write)
        assert graph.delete_memories(tenant, CUBE, [first, second, second, MemoryId("absent")]) == 2
        assert [memory.id for memory in graph.list_memories(tenant, CUBE)] == [third]
        assert len(graph.list_messages(tenant, CUBE, SESSION, limit=10)) == 1
        assert graph.delete_memories(tenant, CUBE, [first]) == 0

    def test_a_deleted_memory_is_not_made_again_by_its_job(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j")
        apply(graph, tenant, write)
        graph.delete_memories(tenant, CUBE, ids_of(write))
        apply(graph, tenant, write)
        assert graph.list_memories(tenant, CUBE) == []

    def test_deleting_a_cube_counts_what_it_removed(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, a_write(tenant, "j", memories=2), a_write(tenant, "k"), fence=5)
        near = CubeId("cube 2")
        stray = replace(a_memory(tenant, "n"), cube=near)
        keep = JobWrite(job=JobId("n"), user=USER, messages=(), memories=(stray,))
        graph.apply_jobs(tenant, near, SESSION, [keep], fence=None)
        assert graph.delete_cube(tenant, CUBE) == DeletedCounts(memories=3, messages=2, jobs=2)
        assert graph.delete_cube(tenant, CUBE) == DeletedCounts(memories=0, messages=0, jobs=0)
        assert graph.list_memories(tenant, near) == [stray]
        apply(graph, tenant, a_write(tenant, "j"), fence=1)
        assert len(graph.list_memories(tenant, CUBE)) == 1

    def test_no_method_reaches_another_tenants_cube_of_the_same_name(
        self, graph: GraphStore, tenant: TenantId, other: TenantId
    ) -> None:
        mine = a_write(tenant, "j", memories=2)
        apply(graph, tenant, mine, fence=9)
        ids = ids_of(mine)
        graph.mark_indexed(other, CUBE, dict.fromkeys(ids, 1))
        with pytest.raises(NotFound):
            graph.update_memory(other, replace(mine.memories[0], text="stolen"))
        with pytest.raises(NotFound):
            graph.list_memories(other, CUBE, after=ids[0])
        assert graph.find_applied(other, CUBE, [mine.job]) == {}
        assert graph.find_memories(other, CUBE, ids) == {}
        assert graph.find_sources(other, CUBE, ids) == {}
        assert graph.list_memories(other, CUBE, status=None) == []
        assert graph.list_messages(other, CUBE, SESSION, limit=10) == []
        assert graph.list_lagging(other, CUBE, limit=10) == []
        assert graph.decay(other, CUBE, ARCHIVING, now_ms=T0 + 99 * DAY_MS) == []
        assert graph.delete_memories(other, CUBE, ids) == 0
        assert graph.delete_cube(other, CUBE) == DeletedCounts(memories=0, messages=0, jobs=0)
        assert graph.list_memories(tenant, CUBE) == list(mine.memories)

    def test_two_tenants_may_use_the_same_ids(self, graph: GraphStore, tenant: TenantId, other: TenantId) -> None:
        for owner, text in ((tenant, "mine"), (other, "theirs")):
            message = replace(a_message(tenant, "j"), id=MessageId("x"), text=text)
            memory = replace(a_memory(tenant, "j"), id=MemoryId("m"), text=text, source_ids=(message.id,))
            apply(graph, owner, JobWrite(job=JobId("j"), user=USER, messages=(message,), memories=(memory,)))
        for owner, text in ((tenant, "mine"), (other, "theirs")):
            assert graph.find_memories(owner, CUBE, [MemoryId("m")])[MemoryId("m")].text == text
            assert [source.text for source in graph.find_sources(owner, CUBE, [MemoryId("m")])[MemoryId("m")]] == [text]
        assert graph.delete_cube(other, CUBE) == DeletedCounts(memories=1, messages=1, jobs=1)
        assert graph.find_memories(tenant, CUBE, [MemoryId("m")])[MemoryId("m")].text == "mine"

    def test_ids_full_of_query_syntax_are_only_ids(self, graph: GraphStore, tenant: TenantId) -> None:
        nasty = CubeId("c'\"}) DETACH DELETE n // `$x` {0}")
        memory = replace(a_memory(tenant, "j"), cube=nasty, id=MemoryId("' OR 1=1 //"))
        graph.apply_jobs(
            tenant, nasty, SESSION, [JobWrite(job=JobId("j"), user=USER, messages=(), memories=(memory,))], fence=None
        )
        assert graph.find_memories(tenant, nasty, [memory.id]) == {memory.id: memory}
        assert graph.find_memories(tenant, nasty, [MemoryId("other' OR 1=1 //")]) == {}

    def test_one_job_applied_by_several_threads_takes_effect_once(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j", memories=3)
        at_once(lambda _: apply(graph, tenant, write), threads=4)
        assert graph.list_memories(tenant, CUBE) == list(write.memories)
        assert len(graph.list_messages(tenant, CUBE, SESSION, limit=10)) == 1

    def test_one_job_applied_through_two_lanes_takes_effect_once(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j")
        at_once(lambda number: graph.apply_jobs(tenant, CUBE, SessionId(f"s{number}"), [write], fence=None), threads=4)
        assert graph.list_memories(tenant, CUBE) == list(write.memories)

    def test_threads_writing_one_lane_lose_nothing_and_number_without_gaps(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        def write(thread: int) -> None:
            for number in range(5):
                apply(graph, tenant, a_write(tenant, f"{thread}-{number}"), fence=1)

        at_once(write, threads=4)
        turns = graph.list_messages(tenant, CUBE, SESSION, limit=100)
        assert len({message.id for _, message in turns}) == 20
        assert len(graph.list_memories(tenant, CUBE)) == 20

    def test_of_two_holders_of_a_lane_the_stale_one_never_writes_after_the_newer(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        refused: list[int] = []

        def write(fence: int) -> None:
            for number in range(5):
                try:
                    apply(graph, tenant, a_write(tenant, f"{fence}-{number}"), fence=fence)
                except Fenced:
                    refused.append(fence)

        at_once(write, threads=3)
        order = [int(message.text.removeprefix("turn of ")[0]) for _, message in turns_of(graph, tenant)]
        assert order == sorted(order)
        assert order.count(2) == 5
        assert len(order) + len(refused) == 15

    def test_threads_updating_one_memory_lose_no_version(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "j")
        apply(graph, tenant, write)
        at_once(lambda _: [graph.update_memory(tenant, write.memories[0]) for _ in range(5)], threads=4)
        assert graph.find_memories(tenant, CUBE, ids_of(write))[write.memories[0].id].version == 21

    def test_the_schema_can_be_made_by_several_at_once(self, graph: GraphStore) -> None:
        at_once(lambda _: graph.ensure_schema(), threads=4)

    def test_ping_names_the_server(self, graph: GraphStore) -> None:
        assert graph.ping()

    def test_empty_questions_have_empty_answers(self, graph: GraphStore, tenant: TenantId) -> None:
        assert graph.find_applied(tenant, CUBE, []) == {}
        assert graph.find_memories(tenant, CUBE, []) == {}
        assert graph.find_sources(tenant, CUBE, []) == {}
        assert graph.delete_memories(tenant, CUBE, []) == 0
        graph.mark_indexed(tenant, CUBE, {})
        graph.apply_jobs(tenant, CUBE, SESSION, [], fence=None)
        assert graph.list_memories(tenant, CUBE) == []

    @pytest.mark.parametrize("limit", [0, -1])
    def test_a_page_of_nothing_is_empty(self, graph: GraphStore, tenant: TenantId, limit: int) -> None:
        apply(graph, tenant, a_write(tenant, "j"))
        assert graph.list_memories(tenant, CUBE, limit=limit) == []
        assert graph.list_messages(tenant, CUBE, SESSION, limit=limit) == []
        assert graph.list_lagging(tenant, CUBE, limit=limit) == []

    def test_a_large_batch_is_written_whole(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, a_write(tenant, "j", memories=1200))
        assert len(graph.list_memories(tenant, CUBE, limit=5000)) == 1200
        assert graph.delete_cube(tenant, CUBE) == DeletedCounts(memories=1200, messages=1, jobs=1)


@pytest.mark.servers
@pytest.mark.parametrize("wrong", [{"text": "lone \ud800 surrogate"}, {"said_at_ms": 2**63}])
def test_what_no_server_can_hold_is_refused_and_nothing_is_written(
    neo4j_settings: Settings, tenant: TenantId, wrong: dict[str, Any]
) -> None:
    graph = build_graph(neo4j_settings)
    write = a_write(tenant, "j")
    bad = replace(write, memories=(replace(write.memories[0], **wrong),))
    with pytest.raises(InvalidRequest, match="cannot hold"):
        apply(graph, tenant, bad)
    assert graph.find_applied(tenant, CUBE, [JobId("j")]) == {}
    assert graph.list_messages(tenant, CUBE, SESSION, limit=10) == []
    graph.close()


@pytest.mark.servers
def test_a_node_from_before_importance_reads_as_the_default_and_decays_from_its_creation(
    neo4j_settings: Settings, tenant: TenantId
) -> None:
    graph = build_graph(neo4j_settings)
    memory = add(graph, tenant, a_memory(tenant, "j"), importance=0.9, importance_at_ms=T0)
    forget_importance(neo4j_settings, tenant)
    assert find(graph, tenant, memory.id) == replace(memory, importance=0.5, importance_at_ms=0)
    graph.decay(tenant, CUBE, HALVING, now_ms=T0 + 10 * DAY_MS)
    assert find(graph, tenant, memory.id).importance == pytest.approx(0.25)
    graph.close()


@pytest.mark.servers
def test_a_memory_that_was_changed_while_it_aged_stays_as_it_was_changed(
    neo4j_settings: Settings, tenant: TenantId
) -> None:
    graph = build_graph(neo4j_settings)
    old = add(graph, tenant, a_memory(tenant, "j"), importance_at_ms=T0)
    pinned = graph.update_memory(tenant, replace(old, pinned=True))
    now_ms = T0 + 30 * DAY_MS
    row = layout.decay_row(tenant, old, age(old, ARCHIVING, now_ms=now_ms))
    names = {"tenant": tenant, "cube": CUBE, "cube_key": storage_key(tenant, CUBE), "now_ms": now_ms}
    query, statuses = load_query("decay_memories"), {"activated": "activated", "archived": "archived"}
    with open_driver(neo4j_settings) as driver:
        driver.execute_query(query, {**names, **statuses, "rows": [row]}, database_=neo4j_settings.neo4j_database)
    assert find(graph, tenant, old.id) == pinned
    graph.close()


def open_driver(settings: Settings) -> Driver:
    auth = (settings.neo4j_user, settings.neo4j_password.get_secret_value())
    return GraphDatabase.driver(str(settings.neo4j_url), auth=auth, telemetry_disabled=True)


def forget_importance(settings: Settings, tenant: TenantId) -> None:
    """Make the tenant's nodes as they were before memories had an importance."""
    query = "MATCH (m:Memory {tenant: $tenant}) REMOVE m.importance, m.importance_at_ms"
    with open_driver(settings) as driver:
        driver.execute_query(query, {"tenant": tenant}, database_=settings.neo4j_database)


def add(graph: GraphStore, tenant: TenantId, memory: Memory, *, job: str = "j", **changes: Any) -> Memory:
    """Write one memory, with changes, by a job of its own."""
    changed = replace(memory, **changes)
    apply(graph, tenant, JobWrite(job=JobId(job), user=USER, messages=(), memories=(changed,)))
    return changed


def find(graph: GraphStore, tenant: TenantId, memory: MemoryId) -> Memory:
    return graph.find_memories(tenant, CUBE, [memory])[memory]


def turns_of(graph: GraphStore, tenant: TenantId) -> list[tuple[UserId, Message]]:
    return graph.list_messages(tenant, CUBE, SESSION, limit=100)


def at_once(work: Callable[[int], object], *, threads: int) -> None:
    """Run ``work`` in several threads that start together; re-raises what any of them raised."""
    ready = threading.Barrier(threads)

    def run(number: int) -> None:
        ready.wait()
        work(number)

    with ThreadPoolExecutor(threads) as pool:
        for outcome in [pool.submit(run, number) for number in range(threads)]:
            outcome.result()


def an_edge(source: str, target: str, kind: EdgeType = EdgeType.PARENT) -> Edge:
    return Edge(source=MemoryId(source), target=MemoryId(target), type=kind)


@pytest.fixture
def trio(graph: GraphStore, tenant: TenantId) -> tuple[MemoryId, MemoryId, MemoryId]:
    """Three memories of one cube."""
    write = a_write(tenant, "trio", memories=3)
    apply(graph, tenant, write)
    first, second, third = ids_of(write)
    return first, second, third


Trio = tuple[MemoryId, MemoryId, MemoryId]


class TestRelations:
    @pytest.mark.parametrize("kind", sorted(set(EdgeType) - {EdgeType.DERIVED_FROM}))
    def test_each_kind_of_relation_is_found_from_both_ends(
        self, graph: GraphStore, tenant: TenantId, trio: Trio, kind: EdgeType
    ) -> None:
        first, second, third = trio
        graph.link(tenant, CUBE, [an_edge(first, second, kind)])
        assert graph.find_edges(tenant, CUBE, [first]) == [an_edge(first, second, kind)]
        assert graph.find_edges(tenant, CUBE, [second]) == [an_edge(first, second, kind)]
        assert graph.find_edges(tenant, CUBE, [third]) == []

    def test_an_edge_made_twice_is_one_and_found_once(self, graph: GraphStore, tenant: TenantId, trio: Trio) -> None:
        edge = an_edge(trio[0], trio[1])
        graph.link(tenant, CUBE, [edge, edge])
        graph.link(tenant, CUBE, [edge])
        assert graph.find_edges(tenant, CUBE, trio) == [edge]

    def test_two_kinds_between_the_same_ends_are_two_edges(
        self, graph: GraphStore, tenant: TenantId, trio: Trio
    ) -> None:
        edges = {an_edge(trio[0], trio[1], EdgeType.CAUSE), an_edge(trio[0], trio[1], EdgeType.FOLLOWS)}
        graph.link(tenant, CUBE, list(edges))
        assert set(graph.find_edges(tenant, CUBE, trio)) == edges
        assert graph.unlink(tenant, CUBE, [an_edge(trio[0], trio[1], EdgeType.CAUSE)]) == 1
        assert graph.find_edges(tenant, CUBE, trio) == [an_edge(trio[0], trio[1], EdgeType.FOLLOWS)]

    def test_a_removed_edge_is_counted_once(self, graph: GraphStore, tenant: TenantId, trio: Trio) -> None:
        edge = an_edge(trio[0], trio[1])
        graph.link(tenant, CUBE, [edge])
        assert graph.unlink(tenant, CUBE, [edge, an_edge(trio[1], trio[0])]) == 1
        assert graph.unlink(tenant, CUBE, [edge]) == 0

    def test_a_missing_end_is_named_and_nothing_is_linked(
        self, graph: GraphStore, tenant: TenantId, trio: Trio
    ) -> None:
        with pytest.raises(NotFound, match="absent"):
            graph.link(tenant, CUBE, [an_edge(trio[0], trio[1]), an_edge(trio[0], "absent")])
        assert graph.find_edges(tenant, CUBE, trio) == []

    def test_what_is_no_relation_is_refused(self, graph: GraphStore, tenant: TenantId, trio: Trio) -> None:
        with pytest.raises(InvalidRequest, match="itself"):
            graph.link(tenant, CUBE, [an_edge(trio[0], trio[0])])
        with pytest.raises(InvalidRequest, match="DERIVED_FROM"):
            graph.link(tenant, CUBE, [an_edge(trio[0], trio[1], EdgeType.DERIVED_FROM)])

    def test_a_limit_bounds_what_is_read(self, graph: GraphStore, tenant: TenantId, trio: Trio) -> None:
        graph.link(tenant, CUBE, [an_edge(trio[0], trio[1]), an_edge(trio[0], trio[2])])
        assert len(graph.find_edges(tenant, CUBE, [trio[0]], limit=1)) == 1
        assert graph.find_edges(tenant, CUBE, [trio[0]], limit=0) == []

    def test_a_deleted_memory_takes_its_edges_along(self, graph: GraphStore, tenant: TenantId, trio: Trio) -> None:
        graph.link(tenant, CUBE, [an_edge(trio[0], trio[1]), an_edge(trio[1], trio[2])])
        graph.delete_memories(tenant, CUBE, [trio[0]])
        assert graph.find_edges(tenant, CUBE, trio) == [an_edge(trio[1], trio[2])]
        graph.delete_cube(tenant, CUBE)
        assert graph.find_edges(tenant, CUBE, trio) == []

    def test_another_tenant_and_another_cube_neither_see_nor_make_nor_remove_edges(
        self, graph: GraphStore, tenant: TenantId, other: TenantId, trio: Trio
    ) -> None:
        edge = an_edge(trio[0], trio[1])
        graph.link(tenant, CUBE, [edge])
        for who, cube in ((other, CUBE), (tenant, CubeId("elsewhere"))):
            assert graph.find_edges(who, cube, trio) == []
            assert graph.unlink(who, cube, [edge]) == 0
            with pytest.raises(NotFound):
                graph.link(who, cube, [an_edge(trio[1], trio[2])])
        assert graph.find_edges(tenant, CUBE, trio) == [edge]

    def test_more_edges_than_one_query_takes_are_written_and_removed(self, graph: GraphStore, tenant: TenantId) -> None:
        write = a_write(tenant, "many", memories=302)
        apply(graph, tenant, write)
        hub, *rest = ids_of(write)
        edges = [an_edge(hub, each) for each in rest]
        graph.link(tenant, CUBE, edges)
        assert set(graph.find_edges(tenant, CUBE, [hub])) == set(edges)
        assert graph.unlink(tenant, CUBE, edges) == 301

    def test_two_that_link_the_same_memories_at_once_make_one_edge(
        self, graph: GraphStore, tenant: TenantId, trio: Trio
    ) -> None:
        edge = an_edge(trio[0], trio[1])
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: graph.link(tenant, CUBE, [edge]), range(8)))
        assert graph.unlink(tenant, CUBE, [edge]) == 1
        assert graph.find_edges(tenant, CUBE, trio) == []


class TestReplacing:
    def test_a_replacing_write_puts_memory_version_and_sources_in_place_and_keeps_relations(
        self, graph: GraphStore, tenant: TenantId, trio: Trio
    ) -> None:
        graph.link(tenant, CUBE, [an_edge(trio[0], trio[1])])
        message = a_message(tenant, "again", text="I like coffee")
        memory = replace(a_memory(tenant, "trio", sources=(message,)), text="Coffee.", version=7)
        again = JobWrite(job=JobId("again"), user=USER, messages=(message,), memories=(memory,), replaces=True)
        apply(graph, tenant, again)
        assert graph.find_memories(tenant, CUBE, [trio[0]]) == {trio[0]: memory}
        assert [source.text for source in graph.find_sources(tenant, CUBE, [trio[0]])[trio[0]]] == ["I like coffee"]
        assert graph.find_edges(tenant, CUBE, [trio[0]]) == [an_edge(trio[0], trio[1])]

    def test_it_creates_what_is_not_there(self, graph: GraphStore, tenant: TenantId) -> None:
        write = replace(a_write(tenant, "fresh"), replaces=True)
        apply(graph, tenant, write)
        assert list(graph.find_memories(tenant, CUBE, ids_of(write)).values()) == list(write.memories)
        assert [memory.id for memory in graph.list_lagging(tenant, CUBE, limit=9)] == ids_of(write)

    def test_a_replaced_memory_lags_in_the_index(self, graph: GraphStore, tenant: TenantId, trio: Trio) -> None:
        graph.mark_indexed(tenant, CUBE, dict.fromkeys(trio, 1))
        memory = replace(a_memory(tenant, "trio"), text="Coffee.")
        apply(graph, tenant, JobWrite(job=JobId("x"), user=USER, messages=(), memories=(memory,), replaces=True))
        assert [each.id for each in graph.list_lagging(tenant, CUBE, limit=9)] == [trio[0]]


class TestContexts:
    def turns(self, graph: GraphStore, tenant: TenantId, session: str, *texts: str) -> list[Message]:
        """Messages of a session, each a job of its own with one memory of the message's name."""
        said = []
        for number, words in enumerate(texts):
            job = f"{session}-{number}"
            message = a_message(tenant, job, text=words, at_ms=T0 + number)
            memory = replace(a_memory(tenant, job, sources=(message,)), id=MemoryId(job), session=SessionId(session))
            write = JobWrite(job=JobId(job), user=USER, messages=(message,), memories=(memory,))
            graph.apply_jobs(tenant, CUBE, SessionId(session), [write], fence=None)
            said.append(message)
        return said

    def found(self, graph: GraphStore, tenant: TenantId, *ids: str, cube: CubeId = CUBE) -> dict[str, list[str]]:
        contexts = graph.find_contexts(tenant, cube, [MemoryId(each) for each in ids])
        return {memory: [source.text for source in spoken] for memory, spoken in contexts.items()}

    def test_a_message_comes_behind_the_one_before_it(self, graph: GraphStore, tenant: TenantId) -> None:
        self.turns(graph, tenant, "s", "one", "two", "three")
        assert self.found(graph, tenant, "s-0", "s-2", "unknown") == {"s-0": ["one"], "s-2": ["two", "three"]}

    def test_another_session_is_not_before_it(self, graph: GraphStore, tenant: TenantId) -> None:
        self.turns(graph, tenant, "s", "one")
        self.turns(graph, tenant, "t", "two")
        assert self.found(graph, tenant, "t-0") == {"t-0": ["two"]}

    def test_several_sources_come_in_the_order_of_speech_and_each_once(
        self, graph: GraphStore, tenant: TenantId
    ) -> None:
        said = self.turns(graph, tenant, "s", "one", "two", "three", "four")
        both = replace(a_memory(tenant, "both", sources=(said[3], said[2])), id=MemoryId("both"))
        graph.apply_jobs(
            tenant, CUBE, SESSION, [JobWrite(job=JobId("x"), user=USER, messages=(), memories=(both,))], fence=None
        )
        assert self.found(graph, tenant, "both") == {"both": ["two", "three", "four"]}

    def test_a_memory_without_a_source_has_none(self, graph: GraphStore, tenant: TenantId) -> None:
        apply(graph, tenant, JobWrite(job=JobId("x"), user=USER, messages=(), memories=(a_memory(tenant, "x"),)))
        assert graph.find_contexts(tenant, CUBE, [a_memory(tenant, "x").id]) == {}

    def test_another_tenant_and_another_cube_hear_nothing(
        self, graph: GraphStore, tenant: TenantId, other: TenantId
    ) -> None:
        self.turns(graph, tenant, "s", "one", "two")
        assert self.found(graph, other, "s-1") == {}
        assert self.found(graph, tenant, "s-1", cube=CubeId("elsewhere")) == {}
