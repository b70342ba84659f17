"""How long the way back takes: from a fault's end until all that had been accepted has ended, and a fresh job too."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from threading import Event, Timer
from typing import Final

from memos.clock import Clock
from memos.errors import NotFound, Unavailable
from memos.ids import JobId, SessionId, TenantId
from memos.types import FINAL_STATES, Lane
from scheduler import MemScheduler
from workers.chaos.generator import CUBE, Client, op_name
from workers.chaos.history import Acknowledged, History

PROBE_LANE: Final = Lane(tenant=TenantId("probe"), cube=CUBE, session=SessionId("s0"))
_POLL_S: Final = 0.1


@dataclass(kw_only=True, slots=True)
class Ledger:
    """Which accepted jobs have not been seen ended. Reads the history's acknowledgements, each once."""

    scheduler: MemScheduler
    history: History
    _read: int = 0
    _open: dict[JobId, TenantId] = field(default_factory=dict[JobId, TenantId])

    def open_jobs(self) -> dict[JobId, TenantId]:
        """Jobs that were accepted and, when last looked at, had not ended."""
        events = self.history.events()
        for event in events[self._read :]:
            if isinstance(event, Acknowledged):
                self._open[JobId(event.job)] = TenantId(event.op.partition("/")[0])
        self._read = len(events)
        return dict(self._open)

    def forget(self, jobs: Iterable[JobId]) -> None:
        """These have ended."""
        for job in jobs:
            self._open.pop(job, None)

    def find_ended(self, jobs: dict[JobId, TenantId]) -> list[JobId]:
        """Those of the jobs that have ended. A record that is gone has not. Raises Unavailable."""
        ordered = sorted(jobs, key=lambda job: jobs[job])
        return [
            job for tenant, of_tenant in groupby(ordered, jobs.__getitem__) for job in self._ended(tenant, of_tenant)
        ]

    def _ended(self, tenant: TenantId, jobs: Iterable[JobId]) -> list[JobId]:
        wanted = list(jobs)
        try:
            records = self.scheduler.wait(tenant, wanted, timeout_s=0)
        except NotFound:
            return [job for job in wanted if len(wanted) > 1 and self._ended(tenant, [job])]
        return [record.id for record in records if record.state in FINAL_STATES]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovery:
    """Watches the way back."""

    ledger: Ledger
    client: Client
    clock: Clock
    patience_s: float

    def watch(self, fault: int) -> tuple[float, int]:
        """Seconds until everything accepted so far and a probe have ended, and how many jobs patience left behind."""
        started_s = self.clock.monotonic_s()
        waiting = self.ledger.open_jobs()
        self._send_probe(fault)
        waiting |= {job: tenant for job, tenant in self.ledger.open_jobs().items() if tenant == PROBE_LANE.tenant}
        while waiting and self.clock.monotonic_s() < started_s + self.patience_s:
            for job in self._poll(waiting):
                del waiting[job]
            if waiting:
                self.clock.sleep_s(_POLL_S)
        return self.clock.monotonic_s() - started_s, len(waiting)

    def settle(self, *, within_s: float) -> int:
        """Wait for every accepted job; returns how many have not ended by then."""
        deadline_s = self.clock.monotonic_s() + within_s
        while (waiting := self.ledger.open_jobs()) and self.clock.monotonic_s() < deadline_s:
            if not self._poll(waiting):
                self.clock.sleep_s(_POLL_S)
        return len(waiting)

    def _send_probe(self, fault: int) -> None:
        give_up = Event()
        timer = Timer(self.patience_s, give_up.set)
        timer.start()
        self.client.submit_until_known(PROBE_LANE, op_name(PROBE_LANE, fault), give_up)
        timer.cancel()

    def _poll(self, waiting: dict[JobId, TenantId]) -> list[JobId]:
        try:
            ended = self.ledger.find_ended(waiting)
        except Unavailable:
            return []
        self.ledger.forget(ended)
        return ended
