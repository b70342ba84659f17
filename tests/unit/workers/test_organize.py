"""The organize handler over twins: index and decay, once for a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from memos.clock import ManualClock
from memos.errors import Fenced, Unavailable
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import CubeId, JobId, TenantId
from memos.kv.store import ArtefactStore
from memos.memories.textual.pruning import Pruner
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.organize.decay import DAY_MS
from memos.organize.retention import Retention
from memos.recall.search import Recall
from memos.settings import Settings
from memos.types import JobKind, Memory, MemoryStatus
from memos.vec_dbs.base import IndexFilter
from scheduler.lease import LeasedJob
from scheduler.upkeep import DECAY
from tests.support.text import LANE, USER, DictationReader, forget, open_twins, work, write
from workers.batch import Batch
from workers.bootstrap import Resources
from workers.handlers.organize import handle

WHERE = IndexFilter(cubes=(LANE.cube,))
TEXT = "Ana plays the violin"


@dataclass
class Bench:
    """What the handler needs of a process, with a clock to turn and a lane to lose."""

    stores: TextStores = field(default_factory=open_twins)
    settings: Settings = field(
        default_factory=lambda: Settings(decay_half_life_days=10, archive_below=0.3, reorganize=False)
    )
    clock: ManualClock = field(default_factory=ManualClock)
    decays: int = 0
    is_lost: bool = False

    @property
    def writer(self) -> TextWriter:
        bench = self

        class Counting(TextWriter):
            def decay(self, *args: Any) -> int:
                bench.decays += 1
                return super().decay(*args)

        return Counting(self.stores, self.clock)

    def work(self, *payloads: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Handle jobs of these payloads as one batch; returns each result."""
        batch = Batch(
            lane=LANE,
            fence=1,
            jobs=tuple(job(number, payload) for number, payload in enumerate(payloads)),
            save_answers=lambda answers: None,
            ensure_held=self._ensure_held,
            progress=lambda done, total: None,
        )
        return [outcome.result for outcome in handle(batch, cast(Resources, self))]

    @property
    def pruner(self) -> Pruner:
        nowhere = ArtefactStore(Path("/dev/null/no-artefact-is-touched"))
        return Pruner(self.stores, nowhere, self.clock, half_life_days=self.settings.decay_half_life_days)

    def retain(self, own: Retention) -> None:
        """Have the lane's cube say this of how long its memories stay."""
        self.stores.graph.set_retention(LANE.tenant, LANE.cube, own)

    @property
    def memory(self) -> Memory:
        (only,) = self.stores.graph.list_memories(LANE.tenant, LANE.cube, status=None)
        return only

    def found(self) -> list[str]:
        hits = Recall(self.stores).search(LANE.tenant, [LANE.cube], "violin", top_k=5).hits
        return [hit.memory.text for hit in hits]

    def _ensure_held(self) -> None:
        if self.is_lost:
            raise Fenced("somebody newer has the lane")


def job(number: int, payload: Mapping[str, Any]) -> LeasedJob:
    return LeasedJob(
        id=JobId(f"j{number}"),
        kind=JobKind.ORGANIZE,
        user=USER,
        attempts=0,
        crashes=0,
        payload=payload,
        answer=None,
        submitted_at_ms=0,
    )


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    write(made.stores, work("j", TEXT))
    made.clock.advance_ms(15 * DAY_MS)
    return made


def test_a_decay_job_archives_what_search_then_no_longer_finds(bench: Bench) -> None:
    assert bench.found() == [TEXT]
    assert bench.work(DECAY) == [{"reindexed": 1, "archived": 1}]
    assert bench.found() == []
    assert bench.memory.status is MemoryStatus.ARCHIVED
    assert bench.memory.indexed_version == bench.memory.version == 2
    hits = bench.stores.index.search_text(LANE.tenant, "violin", WHERE, limit=5, timeout_s=5)
    assert hits == []


def test_a_job_that_does_not_ask_for_it_decays_nothing(bench: Bench) -> None:
    before = bench.memory
    assert bench.work({}) == [{"reindexed": 0, "archived": 0}]
    assert bench.memory == before


def test_jobs_of_a_batch_decay_once(bench: Bench) -> None:
    assert bench.work({}, DECAY, DECAY) == [{"reindexed": 1, "archived": 1}] * 3
    assert bench.decays == 1


def test_a_decay_job_that_runs_again_changes_nothing_more(bench: Bench) -> None:
    bench.work(DECAY)
    after = bench.memory
    assert bench.work(DECAY) == [{"reindexed": 0, "archived": 0}]
    assert bench.memory == after


@pytest.mark.parametrize(
    ("changes", "archived"), [({}, 1), ({"decay_half_life_days": 90.0}, 0), ({"archive_below": 0.0}, 0)]
)
def test_the_settings_say_how_fast_and_from_where(bench: Bench, changes: dict[str, float], archived: int) -> None:
    bench.settings = bench.settings.model_copy(update=changes)
    assert bench.work(DECAY)[0]["archived"] == archived
    assert bench.memory.importance < 0.5


def test_what_has_expired_is_archived_with_the_next_decay(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"archive_below": 0.0})
    bench.stores.graph.update_memory(LANE.tenant, replace(bench.memory, expires_at_ms=bench.clock.now_ms()))
    assert bench.work({}) == [{"reindexed": 1, "archived": 0}]
    assert bench.work(DECAY) == [{"reindexed": 1, "archived": 1}]
    assert bench.memory.status is MemoryStatus.ARCHIVED


@pytest.mark.parametrize(
    ("retention", "left"),
    [
        ({}, ["Ana plays the flute", TEXT]),
        ({"retention_days": 14.0}, ["Ana plays the flute"]),
        ({"retention_days": 16.0}, ["Ana plays the flute", TEXT]),
        ({"retention_memories": 1}, ["Ana plays the flute"]),
        ({"retention_memories": 2}, ["Ana plays the flute", TEXT]),
    ],
)
def test_what_is_beyond_the_retention_is_archived_with_the_decay(
    bench: Bench, retention: dict[str, float], left: list[str]
) -> None:
    bench.writer.write(LANE, [work("k", "Ana plays the flute")], DictationReader(), fence=None, keep=forget)
    bench.settings = bench.settings.model_copy(update={"archive_below": 0.0, **retention})
    result = bench.work({}, DECAY)[0]
    active = bench.stores.graph.list_memories(LANE.tenant, LANE.cube)
    assert sorted(memory.text for memory in active) == left
    assert result["archived"] == 2 - len(left)
    assert bench.stores.graph.list_lagging(LANE.tenant, LANE.cube, limit=10) == []


@pytest.mark.parametrize(
    ("common", "own", "archived"),
    [
        ({}, Retention(max_age_days=14.0), 1),
        ({"retention_days": 14.0}, Retention(max_age_days=16.0), 0),
        ({"retention_days": 14.0}, Retention(max_age_days=0), 0),
        ({"retention_days": 14.0}, Retention(keep=5), 1),
        ({}, Retention(below_importance=0.3), 1),
        ({"archive_below": 0.3}, Retention(below_importance=0.01), 0),
        ({"archive_below": 0.3}, Retention(below_importance=0), 0),
    ],
)
def test_the_cubes_own_retention_goes_before_that_of_the_settings(
    bench: Bench, common: dict[str, float], own: Retention, archived: int
) -> None:
    bench.settings = bench.settings.model_copy(update={"archive_below": 0.0, **common})
    bench.retain(own)
    assert bench.work(DECAY)[0]["archived"] == archived


class SilentGraph(MemoryGraph):
    """A graph whose server goes away whenever it is asked for a cube's word."""

    def find_retention(self, tenant: TenantId, cube: CubeId) -> Retention | None:
        raise Unavailable("neo4j", "gone")


def test_while_the_cubes_word_cannot_be_read_nothing_is_archived() -> None:
    bench = Bench(stores=replace(open_twins(), graph=SilentGraph()))
    write(bench.stores, work("j", TEXT))
    bench.clock.advance_ms(15 * DAY_MS)
    before = bench.memory
    with pytest.raises(Unavailable, match="neo4j"):
        bench.work(DECAY)
    assert bench.memory == before


def test_who_has_lost_the_lane_decays_nothing(bench: Bench) -> None:
    bench.is_lost = True
    with pytest.raises(Fenced):
        bench.work(DECAY)
    assert bench.decays == 0
