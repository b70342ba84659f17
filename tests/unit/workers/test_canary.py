import logging
import os
import time
from pathlib import Path

import pytest

from memos.clock import ManualClock
from memos.errors import Unavailable
from memos.local import alive
from workers.canary import TASK, Pace, Watch, is_worth_a_line
from workers.node import Node

PACE = Pace(every_s=5.0, patience_s=20.0)


class World:
    """A broker that answers or not, queues that are consumed or not, and what the watch did."""

    def __init__(self, directory: Path) -> None:
        self.node = Node("memos-cpu", directory)
        self.node.name = "w1@host"
        self.sent = 0
        self.is_away = False
        self.unconsumed: list[str] = []
        self.ends: list[str] = []
        self.clock = ManualClock()
        self.watch = Watch(
            node=self.node,
            pace=PACE,
            send=self._send,
            reach=self._reach,
            find_unconsumed=lambda: self.unconsumed,
            end=self.ends.append,
            clock=self.clock,
        )

    def show_before(self, seconds: float) -> None:
        """As if the last sign of life had been so long ago."""
        alive.show(self.node.alive)
        then_ns = time.monotonic_ns() - round(seconds * 1e9)
        os.utime(self.node.alive, ns=(then_ns, then_ns))

    def _send(self) -> None:
        self._reach()
        self.sent += 1

    def _reach(self) -> None:
        if self.is_away:
            raise Unavailable("broker", "away")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_idle_worker_is_asked(world: World) -> None:
    world.show_before(5)
    world.watch.look()
    assert (world.sent, world.ends) == (1, [])


def test_a_worker_that_has_just_worked_is_not_asked(world: World) -> None:
    world.show_before(1)
    world.watch.look()
    assert (world.sent, world.ends) == (0, [])


def test_a_worker_that_answers_nothing_is_ended(world: World) -> None:
    world.show_before(21)
    world.watch.look()
    assert len(world.ends) == 1
    assert "no sign of work for 21 s" in world.ends[0]


def test_while_the_broker_is_away_a_worker_is_excused_and_afterwards_has_its_time_again(world: World) -> None:
    world.is_away = True
    world.show_before(21)
    world.watch.look()
    world.is_away = False
    world.watch.look()
    assert world.ends == []
    world.show_before(21)
    world.watch.look()
    assert len(world.ends) == 1


def test_a_worker_that_lost_a_queue_is_not_asked_and_so_is_found(world: World) -> None:
    world.unconsumed = ["memos.extract"]
    world.show_before(19)
    world.watch.look()
    assert (world.sent, world.ends) == (0, [])
    world.show_before(21)
    world.watch.look()
    assert len(world.ends) == 1


def test_a_worker_that_lost_its_queues_with_the_broker_is_excused(world: World) -> None:
    world.unconsumed, world.is_away = ["memos.extract"], True
    world.show_before(21)
    world.watch.look()
    assert world.ends == []


def test_a_worker_that_stops_is_left_to_its_bound(world: World) -> None:
    world.show_before(21)
    world.node.stopping.touch()
    world.watch.look()
    assert (world.sent, world.ends) == (0, [])


def test_after_a_pause_of_the_whole_process_the_worker_has_its_time_again(world: World) -> None:
    world.watch.look()
    world.clock.sleep_s(16)
    world.show_before(21)
    world.watch.look()
    assert world.ends == []
    world.clock.sleep_s(5)
    world.show_before(21)
    world.watch.look()
    assert len(world.ends) == 1


@pytest.mark.parametrize(
    ("level", "name", "kept"),
    [
        (logging.INFO, TASK, False),
        (logging.WARNING, TASK, True),
        (logging.INFO, "memos.extract", True),
    ],
)
def test_only_a_canary_that_goes_well_is_not_logged(level: int, name: str, kept: bool) -> None:
    record = logging.LogRecord("celery", level, "", 0, "Task %(name)s received", ({"name": name},), None)
    assert is_worth_a_line(record) is kept


def test_a_line_without_names_is_logged() -> None:
    assert is_worth_a_line(logging.LogRecord("celery", logging.INFO, "", 0, "%s", ("x",), None))


def test_a_name_that_is_no_file_name_becomes_one(tmp_path: Path) -> None:
    node = Node("memos-cpu", tmp_path)
    node.name = "a/../b c@host"
    assert node.alive.parent == tmp_path
    assert node.alive.name == "memos-cpu.a_.._b_c@host.alive"
