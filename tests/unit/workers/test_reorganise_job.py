"""The organize handler with reorganising on: what is new is put in order, as much a job as one may do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from memos.clock import ManualClock
from memos.errors import Fenced, Unavailable
from memos.ids import JobId
from memos.llms.base import LLM
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.organize.reorganise import Budget
from memos.organize.surroundings import is_summary
from memos.settings import Settings
from memos.types import JobKind, JobSpec, Step
from scheduler.lease import JobOutcome, LeasedJob
from tests.support.text import LANE, USER, forget, open_twins, work
from tests.unit.organize.test_judge import ScriptedLLM
from tests.unit.organize.test_reorganise import CLAY, Subjects
from tests.unit.organize.test_teller import Silent
from workers.batch import Batch
from workers.bootstrap import Resources
from workers.handlers.organize import BY_RULES, handle

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
class Worded:
    """A reader with a model; it reads nothing."""

    llm: LLM | None = None


@dataclass
class Process:
    stores: TextStores = field(default_factory=open_twins)
    settings: Settings = field(default_factory=Settings)
    clock: ManualClock = field(default_factory=ManualClock)
    scheduler: Submitted = field(default_factory=Submitted)
    is_lost: bool = False
    overload: int = 0
    readers: dict[str | None, Worded] = field(default_factory=lambda: {None: Worded()})

    def reader(self, described: Mapping[str, Any] | None) -> Worded:
        return self.readers[None if described is None else described["backend"]]

    @property
    def writer(self) -> TextWriter:
        return TextWriter(self.stores, self.clock)

    def write(self, *texts: str) -> None:
        self.writer.write(LANE, [work("j", *texts)], Subjects(), fence=None, keep=forget)

    def organize(self) -> Mapping[str, Any]:
        return self.work({}).result

    def work(self, *payloads: Mapping[str, Any]) -> JobOutcome:
        batch = Batch(
            lane=LANE,
            fence=1,
            jobs=tuple(replace(AN_ORGANIZE_JOB, id=JobId(f"o{n}"), payload=each) for n, each in enumerate(payloads)),
            save_answers=lambda answers: None,
            ensure_held=self._ensure_held,
            progress=lambda done, total: None,
            overload=self.overload,
        )
        return handle(batch, cast(Resources, self))[-1]

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


TOLD = json.dumps({"summaries": [{"cluster": 1, "text": "Ana makes pots.", "facts": [1, 2]}], "relations": []})
A_READER = {"backend": "named"}


def test_the_model_of_the_settings_reader_words_the_summary() -> None:
    process = Process(readers={None: Worded(ScriptedLLM(TOLD))})
    process.write(*CLAY)
    done = process.work({})
    assert (process.summaries, done.degraded) == (["Ana makes pots."], ())
    assert (done.result["reorganised"]["asked"], done.result["reorganised"]["dropped"]) == (1, 0)


def test_the_reader_that_a_job_names_comes_before_that_of_the_settings() -> None:
    unasked = ScriptedLLM(TOLD)
    process = Process(readers={None: Worded(unasked), "named": Worded(ScriptedLLM(TOLD))})
    process.write(*CLAY)
    assert process.work({"reader": A_READER}, {}).result["reorganised"]["asked"] == 1
    assert unasked.asked == []


def test_a_model_that_is_away_fails_no_job_and_the_job_says_so() -> None:
    process = Process(readers={None: Worded(ScriptedLLM(Unavailable("llm", "no answer")))})
    process.write(*CLAY)
    assert process.work({}).degraded == (BY_RULES,)
    assert [text[:20] for text in process.summaries] == ['Ana about "pottery":']


def test_under_overload_no_model_is_asked() -> None:
    llm = ScriptedLLM(TOLD)
    process = Process(readers={None: Worded(llm)}, overload=Step.RULES_READER.level)
    process.write(*CLAY)
    assert process.work({}).degraded == (Step.RULES_READER.value,)
    assert (llm.asked, len(process.summaries)) == ([], 1)


def test_what_the_tokens_do_not_reach_is_asked_for_by_another_job_with_the_same_reader() -> None:
    llm = ScriptedLLM(json.dumps({"summaries": [], "relations": []}))
    process = Process(readers={"named": Worded(llm)}, settings=Settings(organize_tokens=6_000))
    process.write(*(f"I make {'very ' * 180}large pot number{number}" for number in range(30)))
    done = process.work({"reader": A_READER})
    (spec,) = process.scheduler.specs
    assert (spec.payload, done.degraded) == ({"reader": A_READER}, ())
    assert done.result["reorganised"]["tokens"] <= 6_000
    while process.scheduler.specs:
        process.work(process.scheduler.specs.pop().payload)
    assert process.stores.graph.list_fresh(LANE.tenant, LANE.cube, limit=9) == []


def test_no_answer_is_awaited_beyond_the_time_of_the_settings() -> None:
    silent = Silent()
    process = Process(readers={None: Worded(silent)}, settings=Settings(organize_seconds=0.05))
    process.write(*CLAY)
    assert process.work({}).degraded == (BY_RULES,)
    assert len(process.summaries) == 1
    silent.released.set()
