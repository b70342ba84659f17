"""Several dispatchers may run; one leads. The others stand by, and one of them takes over when it is gone.

    stands by ──nobody holds the lease──> leads ──renewed each RENEW_S──> leads
        ▲                                   │ could not renew in time, or resigned
        └───────────────────────────────────┘

The lease ends by Redis's clock; a leader counts from before it asked, and stops a little early, so it has stopped when
another begins. What is dispatched stays right without that: claims of lanes and of ticks are atomic. Only a step of
Redis's clock, or a fail-over that lost the lease, can make two lead, for one lease.
"""

import logging
import os
import socket
import uuid
from threading import Event
from typing import Final, cast

from redis import Redis

from memos.clock import Clock, SystemClock
from memos.errors import Unavailable
from scheduler.keys import LEADER_KEY
from scheduler.scripts import Scripts

log = logging.getLogger(__name__)

LEASE_S: Final = 6.0
RENEW_S: Final = 2.0
TRY_S: Final = 1.0
# A step of dispatching that has begun may go on for as long as one answer from Redis takes.
_MARGIN_S: Final = 0.5


class Leader:
    """This process's part in who leads. ``run`` belongs in a thread of its own; the rest may be read by any."""

    def __init__(self, redis: Redis, *, name: str | None = None, clock: Clock | None = None) -> None:
        self._scripts = Scripts(redis)
        self._clock = clock or SystemClock()
        self._leads_until_s = float("-inf")
        self._told = ""
        self.name = name or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.epoch = 0

    @property
    def leads(self) -> bool:
        """True while nobody else can have become the leader."""
        return self._clock.monotonic_s() < self._leads_until_s

    @property
    def is_known(self) -> bool:
        """True once Redis has said who leads."""
        return self.epoch > 0

    def ask(self) -> bool:
        """Become the leader or stay it, if nobody else is; True when this process leads. Raises Unavailable."""
        asked_s = self._clock.monotonic_s()
        answer = cast(list[int], self._scripts.run("lead", [LEADER_KEY], self.name, round(LEASE_S * 1000)))
        self.epoch = answer[1]
        self._leads_until_s = asked_s + LEASE_S - _MARGIN_S if answer[0] else float("-inf")
        self._tell("leads, dispatching" if answer[0] else "stands by")
        return self.leads

    def resign(self) -> None:
        """Stop leading at once; whoever stands by need not wait for the lease. Harmless when another leads."""
        self._leads_until_s = float("-inf")
        try:
            if self._scripts.run("resign", [LEADER_KEY], self.name):
                self._tell("resigned")
        except Unavailable as error:
            log.warning("could not resign, the lease ends within %g s: %s", LEASE_S, error)

    def run(self, *, stop: Event) -> None:
        """Lead whenever it is possible until ``stop`` is set. Outlives outages of Redis."""
        failures = 0
        while not stop.is_set():
            try:
                pause_s = RENEW_S if self.ask() else TRY_S
                failures = 0
            except Unavailable as error:
                failures += 1
                pause_s = TRY_S
                log.warning("cannot dispatch, attempt %d: %s", failures, error)
            stop.wait(pause_s)

    def _tell(self, part: str) -> None:
        if part != self._told:
            log.info("%s %s, epoch %d", self.name, part, self.epoch)
            self._told = part
