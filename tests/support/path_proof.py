"""The job path proven on servers of any kind: numbered jobs over a few sessions, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from memos.ids import JobId, TenantId
from memos.settings import Settings
from memos.types import JobState
from scheduler import MemScheduler
from tests.support.job_path import Processes, spec, wait_until

# The file in data_dir where tests.engines.scale_out_app notes effects: it outlives every server that a test kills.
EFFECTS = "effects"
APP = "tests.engines.scale_out_app"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One job's effect, as a line."""

    tenant: str
    session: str
    number: int
    job: str

    @property
    def line(self) -> str:
        return f"{self.tenant} {self.session} {self.number} {self.job}\n"

    @classmethod
    def parse(cls, line: str) -> "Effect":
        tenant, session, number, job = line.split()
        return cls(tenant=tenant, session=session, number=int(number), job=job)


@dataclass(frozen=True, kw_only=True)
class PathProof:
    """Jobs 0, 1, 2 ... of one tenant, dealt out to ``sessions`` in turn."""

    processes: Processes
    scheduler: MemScheduler
    tenant: TenantId
    sessions: int = 4

    @property
    def settings(self) -> Settings:
        """Under which the processes run."""
        return self.processes.settings

    def submit(self, numbers: range, **payload: Any) -> list[JobId]:
        """One job a number."""
        return [
            self.scheduler.submit(spec(self.tenant, f"s{n % self.sessions}", payload={"n": n, **payload}))
            for n in numbers
        ]

    def wait_for_effects(self, count: int) -> None:
        """Until at least so many jobs have taken effect."""
        wait_until(lambda: len(self._first_effects()) >= count, f"{count} jobs took effect")

    def finish(self, jobs: Sequence[JobId], *, within_s: float = 60) -> None:
        """All jobs succeed within that time."""
        records = self.scheduler.wait(self.tenant, jobs, timeout_s=within_s)
        states = [record.state for record in records]
        assert set(states) == {JobState.SUCCEEDED}, f"{states}\n{self.processes.log()[-3000:]}"

    def assert_in_order_and_once(self, count: int) -> None:
        """Each of the first ``count`` numbers took effect exactly once, in its session's order."""
        expected = {f"s{place}": list(range(place, count, self.sessions)) for place in range(self.sessions)}
        assert self.effects() == expected, f"{self._effects()}\n{self.processes.log()[-3000:]}"

    def effects(self) -> dict[str, list[int]]:
        """The numbers that took effect, by session, in that order."""
        done: dict[str, list[int]] = {}
        for effect in self._first_effects():
            done.setdefault(effect.session, []).append(effect.number)
        return done

    def _first_effects(self) -> list[Effect]:
        # A job that is done again changes nothing: its first line is its effect, and has its place in the order.
        first: dict[str, Effect] = {}
        for effect in self._effects():
            first.setdefault(effect.job, effect)
        return list(first.values())

    def _effects(self) -> list[Effect]:
        path = self.settings.data_dir / EFFECTS
        lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
        return [effect for effect in map(Effect.parse, lines) if effect.tenant == self.tenant]
