"""The organize handler over twins: index and decay, once for a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from memos.clock import ManualClock
from memos.errors import Fenced
from memos.ids import JobId
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.organize.decay import DAY_MS
from memos.recall.search import Recall
from memos.settings import Settings
from memos.types import JobKind, Memory, MemoryStatus
from memos.vec_dbs.base import IndexFilter
from scheduler.lease import LeasedJob
from scheduler.upkeep import DECAY
from tests.support.text import LANE, USER, open_twins, work, write
from workers.batch import Batch
from workers.bootstrap import Resources
from workers.handlers.organize import handle

WHERE = IndexFilter(cubes=(LANE.cube,))
TEXT = "Ana plays the violin"


@dataclass
class Bench:
    """What the handler needs of a process, with a clock to turn and a lane to lose."""

    stores: TextStores = field(default_factory=open_twins)
    settings: Settings = field(default_factory=lambda: Settings(decay_half_life_days=10, archive_below=0.3))
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


def test_who_has_lost_the_lane_decays_nothing(bench: Bench) -> None:
    bench.is_lost = True
    with pytest.raises(Fenced):
        bench.work(DECAY)
    assert bench.decays == 0
