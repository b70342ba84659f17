"""How a run reaches into its worker processes: each shot is fired once, by whoever comes first."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from memos.ids import TenantId
from memos.types import Lane
from scheduler.keys import Queue
from tests.support.job_path import lane
from workers.chaos.control import Control, HintFate, Order, Point, SteppedClock
from workers.chaos.hints import MeddledHints


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(directory=tmp_path / "control")


def pass_point(directory: Path) -> None:
    Control(directory=directory).pass_point(Point.BETWEEN_STORES)


def passing(control: Control) -> "multiprocessing.process.BaseProcess":
    process = multiprocessing.get_context("spawn").Process(target=pass_point, args=(control.directory,))
    process.start()
    return process


def test_a_point_that_is_not_armed_is_passed(control: Control) -> None:
    control.pass_point(Point.BETWEEN_STORES)
    assert control.take_fired(Point.BETWEEN_STORES) is None


def test_the_first_to_come_to_an_armed_point_dies_and_the_second_passes(control: Control) -> None:
    control.arm(Point.BETWEEN_STORES, Order.KILL)
    victim, survivor = passing(control), None
    victim.join(30)
    survivor = passing(control)
    survivor.join(30)
    assert (victim.exitcode, survivor.exitcode) == (-signal.SIGKILL, 0)
    assert control.take_fired(Point.BETWEEN_STORES) == victim.pid
    assert control.take_fired(Point.BETWEEN_STORES) is None


def test_another_point_than_the_armed_one_is_passed(control: Control) -> None:
    control.arm(Point.DURING_LLM, Order.KILL)
    control.pass_point(Point.BETWEEN_STORES)
    assert control.disarm(Point.DURING_LLM)


def test_a_process_that_was_told_to_stop_goes_on_when_it_is_woken(control: Control) -> None:
    control.arm(Point.BETWEEN_STORES, Order.STOP)
    process = passing(control)
    assert process.pid is not None
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.kill(process.pid, signal.SIGCONT)
    process.join(30)
    assert not process.is_alive()


def test_an_order_that_was_taken_back_is_not_obeyed(control: Control) -> None:
    control.arm(Point.BETWEEN_STORES, Order.KILL)
    assert control.disarm(Point.BETWEEN_STORES)
    control.pass_point(Point.BETWEEN_STORES)
    assert not control.disarm(Point.BETWEEN_STORES)


def test_a_stepped_clock_is_wrong_by_what_was_set(control: Control) -> None:
    clock = SteppedClock(control)
    right_ms = clock.now_ms()
    control.set_clock_error(-3_600_000)
    assert clock.now_ms() <= right_ms - 3_500_000
    control.set_clock_error(0)
    assert clock.now_ms() >= right_ms


LANE = lane(TenantId("t"))


class Paper:
    """Hints, written down."""

    def __init__(self) -> None:
        self.sent: list[Lane] = []

    def publish(self, lane: Lane) -> None:
        self.sent.append(lane)

    def count_queued(self, queue: Queue) -> int:
        return len(self.sent)


def test_hints_arrive_unless_something_is_said(control: Control) -> None:
    paper = Paper()
    MeddledHints(inner=paper, control=control).publish(LANE)
    assert (paper.sent, control.take_touched_hints()) == ([LANE], 0)


@pytest.mark.parametrize(
    ("fate", "chance", "sent", "touched"),
    [(HintFate.DROP, 0.4, 0, 1), (HintFate.DROP, 0.6, 1, 0), (HintFate.DOUBLE, 0.4, 2, 1)],
)
def test_hints_are_lost_by_chance_or_sent_twice(
    control: Control, fate: HintFate, chance: float, sent: int, touched: int
) -> None:
    paper = Paper()
    control.set_hint_fate(fate)
    MeddledHints(inner=paper, control=control, random=lambda: chance).publish(LANE)
    assert (len(paper.sent), control.take_touched_hints()) == (sent, touched)
    assert control.take_touched_hints() == 0
