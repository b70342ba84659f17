"""The organize handler with reorganising on: what is new is put in order, as much a job as one may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from memos.clock import ManualClock
from memos.errors import Fenced
from memos.ids import JobId
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.organize.reorganise import Budget
from memos.organize.surroundings import is_summary
from memos.settings import Settings
from memos.types import JobKind, JobSpec
from scheduler.lease import LeasedJob
from tests.support.text import LANE, USER, forget, open_twins, work
from tests.unit.organize.test_reorganise import CLAY, Subjects
from workers.batch import Batch
from workers.bootstrap import Resources
from workers.handlers.organize import handle

AN_ORGANIZE_JOB = LeasedJob(
    id=JobId("o"), kind=JobKind.ORGANIZE, user=USER, attempts=0, crashes=0, payload={}, answer=None, submitted_at_ms=0
)


@dataclass
class Submitted:
    """A scheduler that only remembers."""

    specs: list[JobSpec] = field(default_factory=list[JobSpec])

    def submit(self, spec: JobSpec) -> None:
        self.specs.append(spec)


@dataclass
class Process:
    stores: TextStores = field(default_factory=open_twins)
    settings: Settings = field(default_factory=Settings)
    clock: ManualClock = field(default_factory=ManualClock)
    scheduler: Submitted = field(default_factory=Submitted)
    is_lost: bool = False

    @property
    def writer(self) -> TextWriter:
        return TextWriter(self.stores, self.clock)

    def write(self, *texts: str) -> None:
        self.writer.write(LANE, [work("j", *texts)], Subjects(), fence=None, keep=forget)

    def organize(self) -> Mapping[str, Any]:
        batch = Batch(
            lane=LANE,
            fence=1,
            jobs=(AN_ORGANIZE_JOB,),
            save_answers=lambda answers: None,
            ensure_held=self._ensure_held,
            progress=lambda done, total: None,
        )
        (outcome,) = handle(batch, cast(Resources, self))
        return outcome.result

    @property
    def summaries(self) -> list[str]:
        listed = self.stores.graph.list_memories(LANE.tenant, LANE.cube)
        return [memory.text for memory in listed if is_summary(memory)]

    def _ensure_held(self) -> None:
        if self.is_lost:
            raise Fenced("somebody newer has the lane")


def test_a_job_sums_up_what_is_new_and_says_so_and_indexes_the_summary() -> None:
    process = Process()
    process.write(*CLAY)
    result = process.organize()
    assert result["reorganised"]["summaries"] == 1
    assert result["reindexed"] == 1
    assert len(process.summaries) == 1
    assert process.scheduler.specs == []


def test_with_the_setting_off_nothing_is_reorganised() -> None:
    process = Process(settings=Settings(reorganize=False))
    process.write(*CLAY)
    assert "reorganised" not in process.organize()
    assert process.summaries == []


def test_what_is_left_is_asked_for_by_a_job_that_joins_with_others_of_its_kind() -> None:
    process = Process()
    process.write(*(f"I make pot number{number}" for number in range(Budget().memories + 1)))
    assert process.organize()["reorganised"]["looked_at"] == Budget().memories
    (spec,) = process.scheduler.specs
    assert (spec.kind, spec.lane, spec.user, spec.coalesce_key) == (JobKind.ORGANIZE, LANE, USER, JobKind.ORGANIZE)
    assert process.organize()["reorganised"]["looked_at"] == 1
    assert len(process.scheduler.specs) == 1


def test_who_has_lost_the_lane_changes_nothing() -> None:
    process = Process(is_lost=True)
    process.write(*CLAY)
    with pytest.raises(Fenced):
        process.organize()
    assert process.summaries == []
