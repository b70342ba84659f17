"""Keeps a nursery's children alive: who dies or stalls is started again, ever more slowly, and it is said."""

from collections.abc import Callable, Mapping
from typing import Protocol

from memos.clock import Clock
from memos.errors import Unavailable
from memos.local.child import ChildSpec
from memos.local.restart import Health


class Ward(Protocol):
    """What the supervisor does with a child."""

    @property
    def spec(self) -> ChildSpec: ...

    @property
    def pid(self) -> int: ...

    @property
    def exit_code(self) -> int | None: ...

    @property
    def started_at_s(self) -> float: ...

    def find_unreadiness(self) -> str | None: ...

    def bury(self) -> None: ...


class Supervisor:
    """Watches children; ``tick`` does whatever is due and never blocks for longer than a probe.

    ``spawn`` starts a child and puts it in the place of the dead one in ``children``.
    """

    def __init__(
        self,
        children: Mapping[str, Ward],
        *,
        spawn: Callable[[ChildSpec], object],
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._children = children
        self._spawn = spawn
        self._clock = clock
        self._say = say
        self._health = {name: Health() for name in children}

    def tick(self) -> bool:
        """Look at each child once; True when a process was started, so that its id has to be published."""
        started = [self._look_at(name) for name in self._health]
        return any(started)

    def _look_at(self, name: str) -> bool:
        child, health = self._children[name], self._health[name]
        if health.retry_at_s is not None:
            return self._clock.monotonic_s() >= health.retry_at_s and self._restart(child)
        if child.exit_code is not None:
            self._on_death(child, f"ended with code {child.exit_code}")
        elif not health.ready:
            self._check_start(child)
        else:
            self._check_work(child)
        return False

    def _check_start(self, child: Ward) -> None:
        reason = child.find_unreadiness()
        if reason is None:
            self._health[child.spec.name] = self._health[child.spec.name].after_ready()
            self._say(f"{child.spec.name} is up again (pid {child.pid})")
        elif self._clock.monotonic_s() - child.started_at_s > child.spec.ready_within_s:
            self._on_death(child, f"was not ready in {child.spec.ready_within_s:g} s ({reason})")

    def _check_work(self, child: Ward) -> None:
        stall = child.spec.find_stall()
        if stall is not None:
            self._on_death(child, f"stalled: {stall}")

    def _on_death(self, child: Ward, what: str) -> None:
        child.bury()
        now_s = self._clock.monotonic_s()
        health = self._health[child.spec.name].after_death(now_s=now_s, lived_s=now_s - child.started_at_s)
        self._health[child.spec.name] = health
        delay_s = (health.retry_at_s or now_s) - now_s
        self._say(f"{child.spec.name} {what}; starting it again in {delay_s:g} s (see logs/{child.spec.name}.log)")

    def _restart(self, child: Ward) -> bool:
        name = child.spec.name
        try:
            self._spawn(child.spec)
        except Unavailable as error:
            now_s = self._clock.monotonic_s()
            self._health[name] = self._health[name].after_death(now_s=now_s, lived_s=0)
            self._say(f"{name} cannot be started: {error}")
            return False
        self._health[name] = self._health[name].after_start()
        return True
