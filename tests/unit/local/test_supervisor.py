from collections.abc import Callable
from pathlib import Path

import pytest

from memos.clock import ManualClock
from memos.errors import Unavailable
from memos.local.child import ChildSpec
from memos.local.supervisor import Supervisor


def _spec(name: str, find_stall: Callable[[], str | None] = lambda: None) -> ChildSpec:
    return ChildSpec(
        name=name,
        argv=("true",),
        directory=Path(),
        probe=lambda: None,
        ready_within_s=5.0,
        find_stall=find_stall,
    )


class FakeChild:
    """A child whose fate the test decides."""

    def __init__(self, spec: ChildSpec, *, pid: int, started_at_s: float) -> None:
        self.spec = spec
        self.pid = pid
        self.started_at_s = started_at_s
        self.exit_code: int | None = None
        self.unreadiness: str | None = None
        self.buried = False

    def find_unreadiness(self) -> str | None:
        return self.unreadiness

    def bury(self) -> None:
        self.buried = True


class Home:
    """A supervisor over one fake child, with a clock that stands still."""

    def __init__(self, find_stall: Callable[[], str | None] = lambda: None) -> None:
        self.clock = ManualClock()
        self.said: list[str] = []
        self.disk_full = False
        self.children: dict[str, FakeChild] = {}
        self.spawn(_spec("valkey", find_stall))
        self.supervisor = Supervisor(self.children, spawn=self.spawn, clock=self.clock, say=self.said.append)

    def spawn(self, spec: ChildSpec) -> None:
        if self.disk_full:
            raise Unavailable("the disk", "full")
        pid = 100 + len(self.children) if spec.name not in self.children else self.children[spec.name].pid + 1
        self.children[spec.name] = FakeChild(spec, pid=pid, started_at_s=self.clock.monotonic_s())

    @property
    def child(self) -> FakeChild:
        return self.children["valkey"]

    def tick_after(self, seconds: float) -> bool:
        self.clock.sleep_s(seconds)
        return self.supervisor.tick()


@pytest.fixture
def home() -> Home:
    return Home()


def test_healthy_children_are_left_alone(home: Home) -> None:
    assert not home.tick_after(1)
    assert home.said == []


def test_a_dead_child_is_buried_said_and_started_again_after_the_wait(home: Home) -> None:
    dead = home.child
    dead.exit_code = -9
    assert not home.tick_after(0)
    assert dead.buried
    assert not home.tick_after(0.4)
    assert home.tick_after(0.2)
    assert home.child is not dead
    assert "valkey ended with code -9; starting it again in 0.5 s" in home.said[0]


def test_a_restarted_child_is_said_to_be_up_once_its_probe_passes(home: Home) -> None:
    home.child.exit_code = 1
    home.tick_after(0)
    home.tick_after(1)
    home.child.unreadiness = "loading"
    home.tick_after(1)
    assert len(home.said) == 1
    home.child.unreadiness = None
    home.tick_after(1)
    assert home.said[-1] == "valkey is up again (pid 101)"


def test_a_child_that_never_gets_ready_counts_as_dead(home: Home) -> None:
    home.child.exit_code = 1
    home.tick_after(0)
    home.tick_after(1)
    stuck = home.child
    stuck.unreadiness = "loading"
    home.tick_after(6)
    assert stuck.buried
    assert "was not ready in 5 s (loading); starting it again in 1 s" in home.said[-1]


def test_a_full_disk_at_a_restart_is_said_and_tried_again(home: Home) -> None:
    home.child.exit_code = 1
    home.disk_full = True
    home.tick_after(0)
    assert not home.tick_after(1)
    assert "valkey cannot be started" in home.said[-1]
    home.disk_full = False
    assert home.tick_after(2)


def test_a_child_that_lives_but_stalls_is_ended_said_and_started_again() -> None:
    stalls: list[str | None] = [None]
    home = Home(find_stall=lambda: stalls[0])
    stalled = home.child
    home.tick_after(1)
    assert not stalled.buried
    stalls[0] = "no sign of work"
    home.tick_after(40)
    assert stalled.buried
    assert home.said == ["valkey stalled: no sign of work; starting it again in 0.5 s (see logs/valkey.log)"]
    assert home.tick_after(1)
    assert home.child is not stalled


def test_a_child_that_is_still_starting_does_not_stall() -> None:
    home = Home(find_stall=lambda: "left by the one before")
    home.child.exit_code = 1
    home.tick_after(0)
    home.tick_after(1)
    home.child.unreadiness = "loading"
    home.tick_after(1)
    assert not home.child.buried
