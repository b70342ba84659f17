"""The load: clients that add messages over many tenants and sessions, as an application would.

Each client has sessions of its own and goes on with the next message only when it knows what became of the last one,
or that it will never know. Some messages have an idempotency key: these are submitted again until they are
acknowledged, and some of them once more after that. Some sessions are bulk imports.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Final

from memos.clock import Clock
from memos.errors import MemosError, QuotaExceeded, Unavailable
from memos.ids import CubeId, SessionId, TenantId, UserId
from memos.types import JobKind, JobSpec, Lane
from scheduler import MemScheduler
from workers.chaos.answers import build_text
from workers.chaos.history import Acknowledged, History, Refused, Submitted, Unanswered

CUBE: Final = CubeId("c")
USER: Final = UserId("u")
_PAUSE_S: Final = 0.25
_KEYED: Final = 0.4
_REPEATED: Final = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """How much: lanes are tenants x sessions, of which one in four is a bulk import."""

    tenants: int = 8
    sessions: int = 4
    clients: int = 4
    adds_per_s: float = 8.0

    def lanes(self) -> list[Lane]:
        """All lanes, a tenant's side by side."""
        return [
            Lane(tenant=TenantId(f"t{tenant}"), cube=CUBE, session=SessionId(f"s{number}"), bulk=number % 4 == 3)
            for tenant in range(self.tenants)
            for number in range(self.sessions)
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """Submits ops and writes down what it saw. Threads may share it."""

    scheduler: MemScheduler
    history: History
    clock: Clock
    wall: Clock

    def submit(self, lane: Lane, op: str, key: str | None) -> bool | None:
        """One attempt: True when it was acknowledged, False when it was refused, None when nobody knows."""
        self.history.note(Submitted(at_s=self.clock.monotonic_s(), op=op, key=key))
        try:
            job = self.scheduler.submit(build_spec(lane, op, key, now_ms=self.wall.now_ms()))
        except Unavailable as error:
            self.history.note(Unanswered(at_s=self.clock.monotonic_s(), op=op, error=str(error)[:200]))
            return None
        except QuotaExceeded as error:
            self.history.note(Refused(at_s=self.clock.monotonic_s(), op=op, error=str(error)[:200]))
            return False
        self.history.note(Acknowledged(at_s=self.clock.monotonic_s(), op=op, job=job))
        return True

    def submit_until_known(self, lane: Lane, op: str, stop: Event) -> bool:
        """Attempts under one idempotency key until one is acknowledged; False when told to stop before."""
        while not stop.is_set():
            if self.submit(lane, op, f"key-{op}"):
                return True
            stop.wait(_PAUSE_S)
        return False


class LoadGenerator:
    """Clients in threads. ``seed`` decides sessions, pauses and keys; what the system does with them it does not."""

    def __init__(self, client: Client, load: Load, *, seed: int) -> None:
        self._client = client
        self._load = load
        self._stop = Event()
        self.failures: list[str] = []
        shares = [load.lanes()[number :: load.clients] for number in range(load.clients)]
        self._threads = [
            Thread(target=self._guarded, args=(share, random.Random(f"{seed}-{number}")), daemon=True)
            for number, share in enumerate(shares)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Return when every client has finished what it was about."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _guarded(self, lanes: Sequence[Lane], rng: random.Random) -> None:
        """A client that meets an error which no client should see ends, and says so at the end of the run."""
        try:
            self._run(lanes, rng)
        except MemosError as error:
            self.failures.append(f"{type(error).__name__}: {error}")

    def _run(self, lanes: Sequence[Lane], rng: random.Random) -> None:
        numbers = dict.fromkeys(lanes, 0)
        while not self._stop.wait(rng.expovariate(self._load.adds_per_s / self._load.clients)):
            lane = rng.choice(lanes)
            numbers[lane] += 1
            self._add(lane, op_name(lane, numbers[lane]), rng)

    def _add(self, lane: Lane, op: str, rng: random.Random) -> None:
        if rng.random() >= _KEYED:
            self._client.submit(lane, op, None)
        elif self._client.submit_until_known(lane, op, self._stop) and rng.random() < _REPEATED:
            self._client.submit(lane, op, f"key-{op}")


def op_name(lane: Lane, number: int) -> str:
    """The name of a lane's message."""
    return f"{session_name(lane)}/{number}"


def session_name(lane: Lane) -> str:
    """The name of a session in a history."""
    return f"{lane.tenant}/{lane.session}"


def build_spec(lane: Lane, op: str, key: str | None, *, now_ms: int) -> JobSpec:
    """The job of one message, as MOS makes it."""
    message: dict[str, Any] = {"role": "user", "content": build_text(op), "speaker": "user", "said_at_ms": now_ms}
    payload = {"messages": [message], "user": USER, "reader": None, "kv": None}
    return JobSpec(kind=JobKind.EXTRACT, lane=lane, user=USER, payload=payload, idempotency_key=key)
