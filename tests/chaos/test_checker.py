"""The checker on histories made by hand: each thing that must not be is seen, and nothing else is."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from workers.chaos.checker import Held, JobView, SessionState, Snapshot, Verdict, judge, percentile
from workers.chaos.history import (
    Acknowledged,
    Event,
    FaultBegan,
    FaultEnded,
    Recovered,
    RunBegan,
    Submitted,
    Unanswered,
    decode_events,
    encode_event,
)
from workers.chaos.report import Report

SESSION = "t0/s0"


def op(number: int) -> str:
    return f"{SESSION}/{number}"


def added(number: int, at_s: float, *, answered: bool = True) -> list[Event]:
    """One attempt, of half a second."""
    began = Submitted(at_s=at_s, op=op(number))
    if answered:
        return [began, Acknowledged(at_s=at_s + 0.5, op=op(number), job=f"job-{number}")]
    return [began, Unanswered(at_s=at_s + 0.5, op=op(number), error="redis is unavailable")]


def history(*numbers: int) -> list[Event]:
    """Attempts one after the other, all of them answered."""
    return [event for at, number in enumerate(numbers) for event in added(number, float(at))]


def stores(*numbers: int, **changes: Any) -> Snapshot:
    """What the stores hold when these ops have taken effect in this order."""
    memories = tuple(Held(id=f"memory-{number}", op=op(number)) for number in numbers)
    session = SessionState(messages=tuple(op(number) for number in numbers), memories=memories)
    whole = Snapshot(
        sessions={SESSION: session},
        rows=tuple(memory.id for memory in memories),
        jobs={f"job-{n}": JobView(state="succeeded", memory_ids=(f"memory-{n}",)) for n in numbers},
    )
    return replace(whole, **changes)


def with_session(snapshot: Snapshot, **changes: Any) -> Snapshot:
    return replace(snapshot, sessions={SESSION: replace(snapshot.sessions[SESSION], **changes)})


def counts(verdict: Verdict) -> tuple[int, int, int]:
    """Lost, duplicated, inverted."""
    return len(verdict.lost), len(verdict.duplicated_effects), len(verdict.inversions)


def test_a_run_in_which_all_went_well_has_nothing_to_tell() -> None:
    verdict = judge(history(1, 2, 3), stores(1, 2, 3))
    assert counts(verdict) == (0, 0, 0)
    assert verdict.accepted == 3


@pytest.mark.parametrize("state", ["queued", "running", "retrying", "dead", "cancelled"])
def test_an_accepted_job_that_did_not_succeed_is_lost(state: str) -> None:
    snapshot = stores(1, jobs={"job-1": JobView(state=state)})
    assert judge(history(1), snapshot).lost == (f"{op(1)}: its job is {state}",)


def test_an_accepted_job_whose_record_is_gone_is_lost() -> None:
    assert len(judge(history(1), stores(1, jobs={})).lost) == 1


def test_a_job_that_succeeded_without_its_message_is_lost() -> None:
    snapshot = with_session(stores(1, 2), messages=(op(1),))
    assert judge(history(1, 2), snapshot).lost == (f"{op(2)}: its message is not in the graph",)


def test_a_job_that_succeeded_without_its_memory_is_lost() -> None:
    snapshot = with_session(stores(1), memories=())
    assert judge(history(1), replace(snapshot, rows=())).lost == (f"{op(1)}: its memory is not in the graph",)


def test_a_job_that_names_memories_which_are_not_there_is_lost() -> None:
    snapshot = stores(1, jobs={"job-1": JobView(state="succeeded", memory_ids=("another",))})
    assert len(judge(history(1), snapshot).lost) == 1


def test_a_memory_that_the_index_lacks_is_lost() -> None:
    assert judge(history(1, 2), stores(1, 2, rows=("memory-1",))).lost == (f"{op(2)}: its memory is not in the index",)


def test_a_dead_job_is_lost_even_when_nobody_was_told_that_it_was_accepted() -> None:
    snapshot = stores(jobs={"job-1": JobView(state="dead")})
    assert judge(added(1, 0.0, answered=False), snapshot).lost == ("job job-1: dead",)


def test_an_attempt_that_was_not_answered_may_be_missing() -> None:
    assert counts(judge(added(1, 0.0, answered=False), stores())) == (0, 0, 0)


def test_an_attempt_that_was_not_answered_may_be_there_and_late() -> None:
    events = [*added(1, 0.0, answered=False), *added(2, 1.0)]
    assert counts(judge(events, stores(2, 1))) == (0, 0, 0)


def test_an_attempt_that_was_not_answered_may_not_be_there_twice() -> None:
    assert counts(judge(added(1, 0.0, answered=False), stores(1, 1))) == (0, 3, 0)


def test_a_message_that_is_there_twice_is_a_duplicate() -> None:
    snapshot = with_session(stores(1), messages=(op(1), op(1)))
    assert judge(history(1), snapshot).duplicated_effects == (f"message {op(1)}: again",)


def test_a_second_fact_of_a_message_is_a_duplicate() -> None:
    memories = (Held(id="memory-1", op=op(1)), Held(id="other", op=op(1)))
    snapshot = replace(with_session(stores(1), memories=memories), rows=("memory-1", "other"))
    assert judge(history(1), snapshot).duplicated_effects == (f"fact {op(1)}: again",)


def test_a_row_that_is_there_twice_is_a_duplicate() -> None:
    assert len(judge(history(1), stores(1, rows=("memory-1", "memory-1"))).duplicated_effects) == 1


def test_a_row_without_a_memory_is_a_duplicate() -> None:
    assert judge(history(1), stores(1, rows=("memory-1", "stray"))).duplicated_effects == ("row stray: no such memory",)


def test_a_key_that_two_jobs_answered_is_a_duplicate() -> None:
    events = [*history(1), Acknowledged(at_s=9.0, op=op(1), job="job-9")]
    jobs = {"job-1": JobView(state="succeeded", memory_ids=("memory-1",)), "job-9": JobView(state="succeeded")}
    assert len(judge(events, stores(1, jobs=jobs)).duplicated_effects) == 1


def test_the_same_job_acknowledged_again_is_no_duplicate() -> None:
    events = [*history(1), Acknowledged(at_s=9.0, op=op(1), job="job-1")]
    assert counts(judge(events, stores(1))) == (0, 0, 0)


@pytest.mark.parametrize("order", [(2, 1, 3), (1, 3, 2), (3, 2, 1)])
def test_a_message_behind_one_that_was_submitted_after_it_is_an_inversion(order: Sequence[int]) -> None:
    assert len(judge(history(1, 2, 3), stores(*order)).inversions) > 0


def test_messages_that_were_submitted_side_by_side_have_no_order() -> None:
    events: list[Event] = [
        Submitted(at_s=0.0, op=op(1)),
        Submitted(at_s=0.1, op=op(2)),
        Acknowledged(at_s=0.2, op=op(2), job="job-2"),
        Acknowledged(at_s=0.3, op=op(1), job="job-1"),
    ]
    assert counts(judge(events, stores(2, 1))) == (0, 0, 0)


def test_slots_and_lanes_that_are_left_are_told_of() -> None:
    verdict = judge(history(1), stores(1, held_slots=("slot extract t0/c/s0",), busy_lanes=("t0/c/s0",), fenced=3))
    assert (len(verdict.leaked_slots), len(verdict.stuck_lanes), verdict.fenced) == (1, 1, 3)


def fault(number: int, name: str, seconds: float, *, complete: bool = True) -> list[Event]:
    return [
        FaultBegan(at_s=1.0, fault=number, name=name),
        FaultEnded(at_s=2.0, fault=number, done="done"),
        Recovered(at_s=2.0 + seconds, fault=number, seconds=seconds, complete=complete),
    ]


def test_the_slowest_recovery_of_few_is_their_p99() -> None:
    verdict = judge([*fault(1, "kill_worker", 3.0), *fault(2, "kill_redis", 11.0)], Snapshot())
    assert (verdict.recovery_p99_s, verdict.faults) == (11.0, 2)
    assert verdict.faults_by_name == {"kill_redis": 1, "kill_worker": 1}


def test_a_recovery_that_never_came_is_endless() -> None:
    assert judge(fault(1, "kill_worker", 40.0, complete=False), Snapshot()).recovery_p99_s == inf


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile([4.0, 1.0, 3.0, 2.0], rank) for rank in (25, 50, 99)] == [1.0, 2.0, 4.0]
    assert percentile([], 99) == 0.0


def report(verdict: Verdict, *, client_failures: tuple[str, ...] = ()) -> Report:
    return Report(seed=7, broker="redis", history="h", seconds=10.0, verdict=verdict, client_failures=client_failures)


def test_a_clean_run_misses_no_bar() -> None:
    judged = report(judge([*history(1), *fault(1, "kill_worker", 14.9)], stores(1)))
    assert judged.missed() == []
    assert judged.figures()["jobs_per_s"] == 0.1


@pytest.mark.parametrize(
    ("snapshot", "named"),
    [
        (stores(), "lost is 1"),
        (stores(1, rows=("memory-1", "stray")), "duplicated_effects is 1"),
        (stores(1, held_slots=("slot",)), "leaked_slots is 1"),
        (stores(1, busy_lanes=("lane",)), "stuck_lanes is 1"),
    ],
)
def test_each_bar_that_is_missed_is_named(snapshot: Snapshot, named: str) -> None:
    (missed,) = report(judge(history(1), snapshot)).missed()
    assert missed.startswith(named)


def test_a_slow_recovery_misses_the_bar_and_names_its_fault() -> None:
    (missed,) = report(judge(fault(1, "kill_redis", 15.1), Snapshot())).missed()
    assert "kill_redis 15.1 s" in missed


def test_a_recovery_that_never_came_is_printed_as_null() -> None:
    judged = report(judge(fault(1, "kill_redis", 40.0, complete=False), Snapshot()))
    assert judged.figures()["recovery_p99_s"] is None
    assert len(judged.missed()) == 1


def test_an_error_that_no_client_should_meet_misses_the_bar() -> None:
    assert report(judge([], Snapshot()), client_failures=("Corrupt: x",)).missed() == ["a client met Corrupt: x"]


def test_a_history_reads_back_as_it_was_written() -> None:
    began = RunBegan(at_s=0.0, seed=7, broker="redis", faults=["kill_redis"])
    events = [began, *history(1), *added(2, 5.0, answered=False), *fault(1, "kill_redis", 3.0)]
    assert decode_events(encode_event(event) for event in events) == events


def test_a_fault_that_could_not_do_anything_is_not_counted_and_misses_the_bar() -> None:
    events = [FaultBegan(at_s=1.0, fault=1, name="pause_worker"), FaultEnded(at_s=2.0, fault=1, done="")]
    judged = report(judge(events, Snapshot()))
    assert judged.verdict.faults == 0
    assert judged.missed() == ["pause_worker could not do anything"]
