"""Forgetting a user over twins: what is left in graph, index and KV artefacts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from memos.clock import ManualClock
from memos.graph_dbs.base import GraphStore, JobWrite
from memos.ids import CubeId, JobId, MemoryId, TenantId, UserId
from memos.kv.manifest import MemoryRef
from memos.kv.store import ArtefactStore, NewArtefact
from memos.memories.textual.forgetting import Forgetter, ForgottenCounts
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.types import Edge, EdgeType, Lane, Memory, MemoryStatus
from memos.vec_dbs.base import IndexFilter
from tests.support.text import LANE, open_twins, work, write
from tests.unit.kv.conftest import FINGERPRINT, state_of

HERE = (LANE.tenant, LANE.cube)
THERE = replace(LANE, tenant=TenantId("other"))
ANA, BEN = UserId("ana"), UserId("ben")


@pytest.fixture
def stores() -> TextStores:
    """A session in which both speak, a summary over each, one over both; and the same words of another tenant's."""
    opened = open_twins()
    write(opened, work("a", "Ana plays the violin", user=ANA))
    write(opened, work("b", "Ben plays the flute", user=BEN))
    write(opened, work("a", "Ana plays the violin", user=ANA, lane=THERE), lane=THERE)
    for name, parts in (("of-ana", ["violin"]), ("of-ben", ["flute"]), ("of-both", ["of-ana", "of-ben"])):
        sum_up(opened, name, parts)
    return opened


@pytest.fixture
def artefacts(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(tmp_path, keep_per_cube=9)


class Noting:
    """A graph that notes whose edges it was asked for."""

    def __init__(self, graph: GraphStore) -> None:
        self._graph = graph
        self.asked: list[MemoryId] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._graph, name)

    def find_edges(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId]) -> list[Edge]:
        self.asked += ids
        return self._graph.find_edges(tenant, cube, ids)


def put(stores: TextStores, name: str, user: UserId, **changes: object) -> None:
    """A memory that rests on no message, as an application writes one."""
    memory = Memory(id=MemoryId(name), cube=LANE.cube, user=user, session=LANE.session, text=f"{name} notes")
    job = JobWrite(job=JobId(name), user=BEN, messages=(), memories=(replace(memory, **changes),))
    stores.graph.apply_jobs(*HERE, LANE.session, [job], fence=None)
    TextWriter(stores, ManualClock()).index_lagging(*HERE)


def sum_up(stores: TextStores, name: str, parts: list[str]) -> None:
    put(stores, name, BEN)
    ids = {memory.text.split()[-1]: memory.id for memory in stores.graph.list_memories(*HERE)}
    edges = [Edge(source=MemoryId(name), target=ids.get(part, MemoryId(part)), type=EdgeType.PARENT) for part in parts]
    stores.graph.link(*HERE, edges)


def build(artefacts: ArtefactStore, memory: MemoryId) -> None:
    """A KV artefact that was computed from one memory."""
    built = NewArtefact(
        fingerprint=FINGERPRINT,
        system_hash=memory,
        memories=(MemoryRef(id=memory, version=1),),
        state=state_of(range(20)),
        built_at_ms=1,
        build_ms=1.0,
    )
    artefacts.save(*HERE, built)


def forget(stores: TextStores, artefacts: ArtefactStore, user: UserId = ANA) -> ForgottenCounts:
    return Forgetter(stores, artefacts, ManualClock()).forget(*HERE, user)


def texts(stores: TextStores, lane: Lane = LANE) -> list[str]:
    return sorted(each.text for each in stores.graph.list_memories(lane.tenant, lane.cube, status=None))


def found(stores: TextStores, words: str) -> set[str]:
    hits = stores.index.search_text(LANE.tenant, words, IndexFilter(cubes=(LANE.cube,)), limit=10, timeout_s=5)
    known = stores.graph.find_memories(*HERE, [hit.memory_id for hit in hits])
    return {memory.text for memory in known.values()}


def test_what_the_user_said_goes_with_all_that_sums_it_up(stores: TextStores, artefacts: ArtefactStore) -> None:
    for memory in stores.graph.list_memories(*HERE):
        build(artefacts, memory.id)
    assert forget(stores, artefacts) == ForgottenCounts(memories=3, messages=1, artefacts=3)
    assert texts(stores) == ["Ben plays the flute", "of-ben notes"]
    left = {memory.id for memory in stores.graph.list_memories(*HERE)}
    assert set(stores.index.list_ids(*HERE)) == left
    assert {each.memories[0].id for each in artefacts.list_artefacts(*HERE)} == left


def test_edges_are_read_once(stores: TextStores, artefacts: ArtefactStore) -> None:
    graph = Noting(stores.graph)
    forget(replace(stores, graph=cast(GraphStore, graph)), artefacts)
    assert len(graph.asked) == len(set(graph.asked)) == 3


def test_a_second_run_finds_nothing(stores: TextStores, artefacts: ArtefactStore) -> None:
    forget(stores, artefacts)
    assert forget(stores, artefacts) == ForgottenCounts()


def test_the_words_around_what_others_said_are_forgotten_too(stores: TextStores, artefacts: ArtefactStore) -> None:
    assert found(stores, "violin") == {"Ana plays the violin", "Ben plays the flute"}
    forget(stores, artefacts)
    assert found(stores, "violin") == set()
    assert found(stores, "flute") == {"Ben plays the flute"}


def test_what_is_archived_and_what_rests_on_no_message_goes_as_well(
    stores: TextStores, artefacts: ArtefactStore
) -> None:
    put(stores, "old", ANA, status=MemoryStatus.ARCHIVED)
    assert forget(stores, artefacts).memories == 4
    assert "old notes" not in texts(stores)


def test_a_whole_cube_is_forgotten_once(stores: TextStores, artefacts: ArtefactStore) -> None:
    build(artefacts, stores.graph.list_memories(*HERE)[0].id)
    forgetter = Forgetter(stores, artefacts, ManualClock())
    assert forgetter.forget_cube(*HERE) == ForgottenCounts(memories=5, messages=2, artefacts=1)
    assert (texts(stores), stores.index.list_ids(*HERE), artefacts.list_artefacts(*HERE)) == ([], [], [])
    assert forgetter.forget_cube(*HERE) == ForgottenCounts()
    assert texts(stores, THERE) == ["Ana plays the violin"]


def test_what_many_memories_rest_on_is_looked_up_page_by_page(stores: TextStores, artefacts: ArtefactStore) -> None:
    write(stores, work("many", *(f"line {number}" for number in range(600)), user=ANA))
    assert forget(stores, artefacts) == ForgottenCounts(memories=603, messages=601, artefacts=0)
    assert texts(stores) == ["Ben plays the flute", "of-ben notes"]


def test_another_tenants_cube_of_the_same_name_stays(stores: TextStores, artefacts: ArtefactStore) -> None:
    forget(stores, artefacts)
    assert texts(stores, THERE) == ["Ana plays the violin"]
    assert len(stores.graph.list_said(THERE.tenant, THERE.cube, ANA)) == 1


def test_a_call_after_one_that_was_killed_does_the_rest(stores: TextStores, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    class Mortal(ArtefactStore):
        def delete_derived(self, *args: object) -> int:
            raise Killed

    with pytest.raises(Killed):
        forget(stores, Mortal(tmp_path))
    assert forget(stores, ArtefactStore(tmp_path)).memories == 3
    assert texts(stores) == ["Ben plays the flute", "of-ben notes"]
