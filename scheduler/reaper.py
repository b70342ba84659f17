"""Puts right what nobody else would: expired slots of tenants that wait, and what a step of Redis's clock left behind.

A lane whose worker or hint was lost rings again by itself; this does not depend on it.
"""

import logging
from dataclasses import dataclass

from scheduler.wakes import Wakes

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaper:
    """One pass over all shards, harmless at any time. Raises Unavailable."""

    wakes: Wakes

    def run(self) -> None:
        """Reap, and say so when there was something."""
        reaped = self.wakes.reap()
        if reaped.slots:
            log.info("freed %d slots that had expired", reaped.slots)
        if reaped.leases or reaped.lanes:
            log.warning("after a step of Redis's clock: ended %d leases, woke %d lanes", reaped.leases, reaped.lanes)
