"""Pruning over twins: what goes from graph, index and KV artefacts, and what stays."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memos.clock import ManualClock
from memos.graph_dbs.base import JobWrite
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import JobId, MemoryId, TenantId
from memos.kv.manifest import MemoryRef
from memos.kv.store import ArtefactStore, NewArtefact
from memos.memories.textual.pruning import Pruner, PruneReport
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.organize.decay import DAY_MS
from memos.organize.prune import PruneRules
from memos.types import Lane, Memory, MemoryStatus
from memos.vec_dbs.base import IndexFilter
from tests.support.text import LANE, USER, open_twins
from tests.unit.kv.conftest import FINGERPRINT, state_of

HERE = (LANE.tenant, LANE.cube)
THERE = replace(LANE, tenant=TenantId("other"))
CLOCK = ManualClock()
MONTH = PruneRules(max_age_days=30)


def put(stores: TextStores, name: str, *, days_old: float, lane: Lane = LANE, **changes: Any) -> None:
    """A memory that was stored so long ago, in graph and index."""
    times = {"created_at_ms": CLOCK.now_ms() - round(days_old * DAY_MS), "importance_at_ms": CLOCK.now_ms()}
    memory = Memory(id=MemoryId(name), cube=lane.cube, user=USER, session=lane.session, text=f"{name} violin", **times)
    job = JobWrite(job=JobId(name), user=USER, messages=(), memories=(replace(memory, **changes),))
    stores.graph.apply_jobs(lane.tenant, lane.cube, lane.session, [job], fence=None)
    TextWriter(stores, CLOCK).index_lagging(lane.tenant, lane.cube)


def build(artefacts: ArtefactStore, name: str) -> None:
    """A KV artefact that was computed from one memory."""
    built = NewArtefact(
        fingerprint=FINGERPRINT,
        system_hash=name,
        memories=(MemoryRef(id=MemoryId(name), version=1),),
        state=state_of(range(20)),
        built_at_ms=1,
        build_ms=1.0,
    )
    artefacts.save(*HERE, built)


def statuses(stores: TextStores, lane: Lane = LANE) -> dict[str, MemoryStatus]:
    return {each.id: each.status for each in stores.graph.list_memories(lane.tenant, lane.cube, status=None)}


def found(stores: TextStores, lane: Lane = LANE) -> set[str]:
    where = IndexFilter(cubes=(lane.cube,))
    return {hit.memory_id for hit in stores.index.search_text(lane.tenant, "violin", where, limit=10, timeout_s=5)}


@pytest.fixture
def stores() -> TextStores:
    opened = open_twins()
    put(opened, "old", days_old=40)
    put(opened, "new", days_old=1)
    put(opened, "put-away", days_old=40, status=MemoryStatus.ARCHIVED)
    put(opened, "theirs", days_old=40, lane=THERE)
    return opened


@pytest.fixture
def artefacts(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(tmp_path)


@pytest.fixture
def prune(stores: TextStores, artefacts: ArtefactStore) -> Callable[..., PruneReport]:
    pruner = Pruner(stores, artefacts, CLOCK, half_life_days=10)
    return lambda rules, **options: pruner.prune(*HERE, rules, **options)


def test_what_goes_is_archived_and_found_no_more(stores: TextStores, prune: Callable[..., PruneReport]) -> None:
    report = prune(MONTH)
    assert (report.memories, report.planned, report.pruned) == (2, 1, 1)
    assert report.reasons == {"age": 1, "importance": 0, "size": 0}
    assert [each.memory.text for each in report.sample] == ["old violin"]
    assert statuses(stores)["old"] is MemoryStatus.ARCHIVED
    assert found(stores) == {"new"}
    assert stores.graph.list_lagging(*HERE, limit=10) == []


def test_with_delete_it_is_gone_for_good_and_what_was_archived_before_too(
    stores: TextStores, artefacts: ArtefactStore, prune: Callable[..., PruneReport]
) -> None:
    for name in ("old", "new"):
        build(artefacts, name)
    report = prune(MONTH, delete=True)
    assert (report.memories, report.planned, report.pruned) == (3, 2, 2)
    assert statuses(stores) == {"new": MemoryStatus.ACTIVATED}
    assert set(stores.index.list_ids(*HERE)) == {"new"}
    assert [[memory.id for memory in each.memories] for each in artefacts.list_artefacts(*HERE)] == [["new"]]


@pytest.mark.parametrize(("delete", "planned"), [(False, 1), (True, 2)])
def test_a_dry_run_tells_and_changes_nothing(
    stores: TextStores, prune: Callable[..., PruneReport], delete: bool, planned: int
) -> None:
    before = stores.graph.list_memories(*HERE, status=None)
    report = prune(MONTH, delete=delete, dry_run=True)
    assert (report.planned, report.pruned, len(report.sample)) == (planned, 0, planned)
    assert stores.graph.list_memories(*HERE, status=None) == before
    assert found(stores) == {"old", "new"}


@pytest.mark.parametrize("delete", [False, True])
def test_again_there_is_nothing_to_do(prune: Callable[..., PruneReport], delete: bool) -> None:
    prune(MONTH, delete=delete)
    assert prune(MONTH, delete=delete).planned == 0


@pytest.mark.parametrize("delete", [False, True])
def test_another_tenants_cube_of_the_same_name_stays(
    stores: TextStores, prune: Callable[..., PruneReport], delete: bool
) -> None:
    prune(PruneRules(keep=1), delete=delete)
    assert statuses(stores, THERE) == {"theirs": MemoryStatus.ACTIVATED}
    assert found(stores, THERE) == {"theirs"}


@pytest.mark.parametrize("delete", [False, True])
def test_what_is_changed_after_it_was_listed_stays(artefacts: ArtefactStore, delete: bool) -> None:
    class Hasty(MemoryGraph):
        """Somebody pins each memory as soon as it was listed."""

        def list_memories(self, tenant: TenantId, *where: Any, **options: Any) -> list[Memory]:
            page = super().list_memories(tenant, *where, **options)
            for memory in page:
                self.update_memory(tenant, replace(memory, pinned=True))
            return page

    stores = replace(open_twins(), graph=Hasty())
    put(stores, "old", days_old=40)
    report = Pruner(stores, artefacts, CLOCK, half_life_days=10).prune(*HERE, MONTH, delete=delete)
    assert (report.planned, report.pruned) == (1, 0)
    assert statuses(stores) == {"old": MemoryStatus.ACTIVATED}


@pytest.mark.parametrize("delete", [False, True])
def test_many_go_page_by_page(stores: TextStores, prune: Callable[..., PruneReport], delete: bool) -> None:
    memories = tuple(
        Memory(id=MemoryId(f"m{number}"), cube=LANE.cube, user=USER, session=LANE.session, text="m")
        for number in range(600)
    )
    job = JobWrite(job=JobId("many"), user=USER, messages=(), memories=memories)
    stores.graph.apply_jobs(*HERE, LANE.session, [job], fence=None)
    assert prune(MONTH, delete=delete).pruned == (602 if delete else 601)
    assert [each.id for each in stores.graph.list_memories(*HERE)] == ["new"]


def test_importance_is_compared_as_it_holds_now(stores: TextStores, artefacts: ArtefactStore) -> None:
    put(stores, "faded", days_old=20, importance_at_ms=CLOCK.now_ms() - 20 * DAY_MS)
    slow, fast = (Pruner(stores, artefacts, CLOCK, half_life_days=days) for days in (1000, 10))
    rules = PruneRules(below_importance=0.3)
    assert slow.prune(*HERE, rules, dry_run=True).planned == 0
    assert [each.memory.id for each in fast.prune(*HERE, rules, dry_run=True).sample] == ["faded"]
