"""The extract handler over twins: what overload takes away is said, and a cancelled batch goes no further."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from memos.clock import ManualClock
from memos.errors import Cancelled, Unavailable
from memos.ids import JobId, UserId, memory_id
from memos.mem_os.intake import DirectIntake, Once, QueuedIntake
from memos.mem_reader.base import Reader
from memos.mem_scheduler.base import Scheduler
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.organize.provisional import raw_job
from memos.types import JobKind, JobSpec, Step
from scheduler.lease import JobOutcome, LeasedJob
from tests.support.text import LANE, USER, DictationReader, open_twins
from workers.batch import Batch
from workers.bootstrap import Resources
from workers.handlers.extract import COALESCED, KV_DELAY_MS, ORGANIZE_DELAY_MS, RULES_READER, handle

MODEL: dict[str, Any] = {"backend": "simple_struct", "config": {}}
RULES: dict[str, Any] = {"backend": "rules", "config": {}}


class Away(DictationReader):
    """A model that does not answer."""

    def read(self, conversations: Sequence[Any]) -> Any:
        raise Unavailable("llm", "gone")


@dataclass
class Bench:
    """What the handler needs of a process: two readers, a writer over twins, and whom it asks for follow-up work."""

    stores: TextStores = field(default_factory=open_twins)
    model: DictationReader = field(default_factory=lambda: DictationReader(keeps_answers=True))
    rules: DictationReader = field(default_factory=DictationReader)
    submitted: list[JobSpec] = field(default_factory=list)
    saved: dict[JobId, str] = field(default_factory=dict)
    reported: list[tuple[int, int]] = field(default_factory=list)
    outcomes: list[JobOutcome] = field(default_factory=list)
    cancelled: bool = False

    @property
    def writer(self) -> TextWriter:
        return TextWriter(self.stores, ManualClock())

    @property
    def scheduler(self) -> "Bench":
        return self

    def submit(self, spec: JobSpec) -> JobId:
        self.submitted.append(spec)
        return JobId("follow-up")

    def reader(self, described: Mapping[str, Any] | None) -> Reader:
        return self.model if described == MODEL else self.rules

    def work(self, *jobs: LeasedJob, overload: int = 0) -> list[tuple[str, ...]]:
        """Handle the jobs; returns how each is degraded."""
        batch = Batch(
            lane=LANE,
            fence=1,
            jobs=jobs,
            save_answers=self._save,
            ensure_held=self._ensure_held,
            progress=lambda done, total: self.reported.append((done, total)),
            overload=overload,
        )
        self.outcomes = list(handle(batch, cast(Resources, self)))
        return [outcome.degraded for outcome in self.outcomes]

    def texts(self) -> list[str]:
        """What is remembered, oldest first."""
        return [memory.text for memory in self.stores.graph.list_memories(LANE.tenant, LANE.cube)]

    def said(self) -> list[str]:
        """The messages that are kept, in the order in which they were numbered."""
        turns = self.stores.graph.list_messages(LANE.tenant, LANE.cube, LANE.session, limit=100)
        return [message.text for _, message in turns]

    @property
    def delays_ms(self) -> dict[JobKind, int]:
        return {spec.kind: spec.delay_ms for spec in self.submitted}

    def _save(self, answers: Mapping[JobId, str]) -> None:
        self.saved |= answers

    def _ensure_held(self) -> None:
        if self.cancelled:
            raise Cancelled("the user changed their mind")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def job(name: str, *, reader: Mapping[str, Any] = MODEL, answer: str | None = None, **payload: Any) -> LeasedJob:
    content = f"{name} likes tea."
    message = {"role": "user", "content": content, "speaker": "Ana", "said_at_ms": 1_700_000_000_000}
    return LeasedJob(
        id=JobId(name),
        kind=JobKind.EXTRACT,
        user=UserId("ana"),
        attempts=0,
        crashes=0,
        payload={"messages": [message], "reader": dict(reader), **payload},
        answer=answer,
        submitted_at_ms=0,
    )


def test_without_overload_the_model_reads_and_nothing_is_degraded(bench: Bench) -> None:
    assert bench.work(job("a"), job("b", kv={"model": {}})) == [(), ()]
    assert (bench.model.calls, bench.rules.calls) == ([2], [])
    assert bench.delays_ms == {JobKind.ORGANIZE: ORGANIZE_DELAY_MS, JobKind.KV_BUILD: KV_DELAY_MS}
    assert bench.reported == [(2, 2)]


def test_from_step_coalesce_on_follow_up_work_waits_longer_and_the_jobs_say_so(bench: Bench) -> None:
    assert bench.work(job("a", kv={"model": {}}), overload=Step.COALESCE.level) == [(COALESCED,)]
    assert bench.delays_ms == {JobKind.ORGANIZE: 4 * ORGANIZE_DELAY_MS, JobKind.KV_BUILD: 4 * KV_DELAY_MS}
    assert bench.model.calls == [1]


def test_from_step_rules_reader_on_no_model_is_asked_and_the_jobs_say_so(bench: Bench) -> None:
    assert bench.work(job("a"), overload=Step.RULES_READER.level) == [(RULES_READER, COALESCED)]
    assert (bench.model.calls, bench.rules.calls) == ([], [1])
    assert bench.saved == {}


def test_a_job_that_asked_for_rules_is_not_degraded_by_them(bench: Bench) -> None:
    assert bench.work(job("a", reader=RULES), overload=Step.RULES_READER.level) == [(COALESCED,)]


def test_an_answer_that_was_paid_for_is_replayed_under_overload(bench: Bench) -> None:
    assert bench.work(job("a", answer="[]"), overload=Step.RULES_READER.level) == [(COALESCED,)]
    assert (bench.model.calls, bench.rules.calls) == ([], [])


def test_a_batch_that_was_cancelled_before_it_began_reads_nothing(bench: Bench) -> None:
    bench.cancelled = True
    with pytest.raises(Cancelled):
        bench.work(job("a"))
    assert bench.model.calls == []


def test_a_batch_that_is_cancelled_while_the_model_answers_is_not_applied(bench: Bench) -> None:
    class Slow(DictationReader):
        def read(self, conversations: Sequence[Any]) -> Any:
            bench.cancelled = True
            return super().read(conversations)

    bench.model = Slow(keeps_answers=True)
    with pytest.raises(Cancelled):
        bench.work(job("a"))
    assert list(bench.saved) == ["a"]
    assert bench.stores.graph.find_applied(LANE.tenant, LANE.cube, [JobId("a")]) == {}
    assert bench.said() == ["a likes tea."]
    assert bench.submitted == []


def test_what_was_said_is_found_while_its_job_waits_for_a_model_that_is_away(bench: Bench) -> None:
    well, bench.model = bench.model, Away(keeps_answers=True)
    with pytest.raises(Unavailable):
        bench.work(job("Ben"), job("Mia"))
    assert (sorted(bench.texts()), bench.submitted) == (["Ana said: Ben likes tea.", "Ana said: Mia likes tea."], [])
    bench.model = well
    bench.work(job("Ben"), job("Mia"))
    assert (sorted(bench.texts()), bench.said()) == (["Ben likes tea.", "Mia likes tea."],) * 2


def test_under_overload_rules_refine_what_waited_for_a_model(bench: Bench) -> None:
    bench.model = Away(keeps_answers=True)
    with pytest.raises(Unavailable):
        bench.work(job("Mia"))
    (raw,) = bench.stores.graph.list_memories(LANE.tenant, LANE.cube)
    assert bench.work(job("Mia"), overload=Step.RULES_READER.level) == [(RULES_READER, COALESCED)]
    assert (bench.outcomes[0].memory_ids, bench.texts()) == ((raw.id,), ["Mia likes tea."])


def test_a_second_job_of_one_effect_adds_nothing_and_names_the_memories_of_the_first(bench: Bench) -> None:
    bench.work(job("monday", effect="key-1"))
    (first,) = bench.outcomes
    kept = (bench.texts(), bench.said())
    bench.work(job("tuesday", effect="key-1"))
    (second,) = bench.outcomes
    assert (first.job, second.job) == ("monday", "tuesday")
    assert first.memory_ids == second.memory_ids == (memory_id(LANE.tenant, LANE.cube, raw_job(JobId("key-1")), 0),)
    assert (bench.texts(), bench.said()) == kept == (["monday likes tea."], ["monday likes tea."])


def test_jobs_of_one_effect_in_one_batch_are_read_once_and_each_gets_its_answer(bench: Bench) -> None:
    bench.work(job("a", effect="key-1"), job("b"), job("c", effect="key-1"), job("d", effect="key-2"))
    assert [outcome.job for outcome in bench.outcomes] == ["a", "b", "c", "d"]
    a, b, c, d = (outcome.memory_ids for outcome in bench.outcomes)
    assert a == c
    assert len({a, b, d}) == 3
    assert bench.model.calls == [3]
    assert bench.said() == ["a likes tea.", "b likes tea.", "d likes tea."]
    assert bench.reported == [(4, 4)]


def test_an_answer_is_kept_under_the_job_that_was_asked_for_not_under_its_effect(bench: Bench) -> None:
    bench.work(job("a", effect="key-1"), job("b", effect="key-1"))
    assert list(bench.saved) == ["a"]


def test_a_queued_job_of_a_lasting_key_has_the_ids_of_the_same_add_without_a_queue(bench: Bench) -> None:
    said = [{"role": "user", "content": "a red fish", "speaker": "Ana", "said_at_ms": 1_700_000_000_000}]
    queued = QueuedIntake(scheduler=cast(Scheduler, bench), options=lambda _: {})
    queued.add(LANE, USER, said, Once(key="k", lasting=True))
    (spec,) = bench.submitted
    bench.work(replace(job("a"), payload={**spec.payload, "reader": RULES}))
    direct = DirectIntake(writer=TextWriter(open_twins(), ManualClock()), reader=bench.rules, after_add=lambda _: None)
    assert direct.add(LANE, USER, said, Once(key="k")).memory_ids == bench.outcomes[0].memory_ids != ()


def test_a_key_that_is_not_lasting_names_no_effect(bench: Bench) -> None:
    said = [{"role": "user", "content": "a red fish", "speaker": "Ana", "said_at_ms": 1_700_000_000_000}]
    QueuedIntake(scheduler=cast(Scheduler, bench), options=lambda _: {}).add(LANE, USER, said, Once(key="k"))
    (spec,) = bench.submitted
    assert "effect" not in spec.payload
    assert spec.idempotency_key is not None


def test_the_cube_is_put_in_order_with_the_model_of_the_reader_that_read_last(bench: Bench) -> None:
    document = {"backend": "document", "config": {}}
    bench.work(job("a", reader=RULES), job("b"), job("c", reader=document))
    (organize,) = bench.submitted
    assert organize.payload == {"reader": MODEL}
    bench.work(job("d", reader=document))
    assert bench.submitted[-1].payload == {}
