"""Keeps the Celery queues of one pool short, and fills them fairly.

    free places ──> interactive or bulk? (priorities) ──> which tenants? (fairness) ──> claim ──> charge ──> publish

Short queues, because the order is decided here, late, and not when the work arrived. A tenant that has used nothing of
its credit may go beyond the bound by one hint, so that it is not behind a flood; all of those together by as many
again as the bound.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from memos.clock import Clock, SystemClock
from memos.ids import TenantId
from memos.types import Lane
from scheduler.fairness import DeficitRoundRobin, find_passed_over, interleave, rotate
from scheduler.keys import Queue
from scheduler.priorities import Precedence
from scheduler.wakes import Claim, Turn, Wakes

log = logging.getLogger(__name__)

# What a hint works at most before others have a turn: a batch of 128 KiB. A deep lane is paid for as it is worked.
_LARGEST_BATCH_TOKENS: Final = 32 * 1024
# Half of the time for which Redis keeps it.
_CONTEND_S: Final = 0.25
# From so many tenants of one queue on, some of a shard may be out of sight behind those that are in debt.
_CROWD: Final = 32
_MOST_PASSED_OVER: Final = 16


class Hints(Protocol):
    """Where hints go: scheduler.broker.Publisher, or a list in a test."""

    def publish(self, lane: Lane) -> None: ...

    def count_queued(self, queue: Queue) -> int: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Fed:
    """What came of one feeding. ``ran_dry``: workers had picked up everything and may have been waiting."""

    published: int = 0
    ran_dry: bool = False


@dataclass(kw_only=True, slots=True)
class Feeder:
    """Feeds the queues that share their places. ``max_queued`` bounds the hints that wait for a worker."""

    wakes: Wakes
    hints: Hints
    pool: tuple[Queue, ...]
    max_queued: int
    clock: Clock = field(default_factory=SystemClock)
    _policies: dict[Queue, DeficitRoundRobin] = field(init=False)
    _precedence: Precedence = field(default_factory=Precedence, init=False)
    _queued: dict[Queue, int] = field(default_factory=dict[Queue, int], init=False)
    _contended_at_s: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self._policies = {queue: DeficitRoundRobin() for queue in self.pool}

    def feed(self, lines: dict[Queue, list[Turn]]) -> Fed:
        """Publish hints for those who wait, as far as there are places; ``lines`` becomes what is left of them.

        Raises Unavailable.
        """
        if not any(lines[queue] for queue in self.pool):
            return Fed()
        queued = self._count_queued()
        parked = sum(self._park(queue, lines) for queue in self.pool)
        published = parked + self._offer(lines, self.max_queued - queued - parked)
        self._contend(lines)
        return Fed(published=published, ran_dry=queued == 0)

    def _offer(self, lines: dict[Queue, list[Turn]], places: int) -> int:
        """Fill the places, and as many again with newcomers. Those go first where others would be before them."""
        room = places + self.max_queued
        published = self._let_in(lines, min(room, self.max_queued)) if self._has_regulars(lines) else 0
        published += self._fill(lines, min(places, room - published))
        return published + self._let_in(lines, room - published)

    def _count_queued(self) -> int:
        """How many hints wait, at most: workers only take away, so the broker is asked once there seems no place."""
        if sum(self._queued.get(queue, self.max_queued) for queue in self.pool) >= self.max_queued:
            for queue in self.pool:
                if self._queued.get(queue) != 0:
                    self._queued[queue] = self.hints.count_queued(queue)
        return sum(self._queued[queue] for queue in self.pool)

    def _park(self, queue: Queue, lines: dict[Queue, list[Turn]]) -> int:
        """Out of sight with tenants at their cap, until a slot of theirs is free; some have one by now and get it."""
        capped = [turn.tenant for turn in lines[queue] if turn.room < 1][:_MOST_PASSED_OVER]
        return self._claim(queue, lines, dict.fromkeys(capped, 1)) if capped else 0

    def _fill(self, lines: dict[Queue, list[Turn]], places: int) -> int:
        """Give all places that somebody wants; what one queue leaves goes to the other."""
        published = 0
        wanting = [queue for queue in self.pool if lines[queue]]
        while wanting and published < places:
            for queue, share in self._precedence.divide(places - published, wanting).items():
                served = self._serve(queue, lines, share)
                published += served
                if served < share:
                    wanting.remove(queue)
        return published

    def _has_regulars(self, lines: dict[Queue, list[Turn]]) -> bool:
        """True when hints of others would go before a newcomer's, at a millisecond each."""
        queue = self.pool[0]
        return any(not self._policies[queue].is_fresh(turn) for turn in lines[queue])

    def _let_in(self, lines: dict[Queue, list[Turn]], places: int) -> int:
        """A hint each for tenants that have had nothing in this epoch."""
        queue = self.pool[0]
        policy = self._policies[queue]
        fresh = [turn.tenant for turn in lines[queue] if turn.room > 0 and policy.is_fresh(turn)]
        shares = dict.fromkeys(fresh[: max(places, 0)], 1)
        return self._claim(queue, lines, shares) if shares else 0

    def _serve(self, queue: Queue, lines: dict[Queue, list[Turn]], slots: int) -> int:
        """Claim and publish up to ``slots`` lanes."""
        published = 0
        while shares := self._policies[queue].choose(lines[queue], slots - published):
            published += self._claim(queue, lines, shares)
        return published

    def _claim(self, queue: Queue, lines: dict[Queue, list[Turn]], shares: Mapping[TenantId, int]) -> int:
        """Claim, charge, publish; returns how many lanes it were."""
        line = lines[queue]
        passed_over = find_passed_over(line, shares, _MOST_PASSED_OVER) if len(line) >= _CROWD else []
        shares = {**dict.fromkeys(passed_over, 0), **shares}
        claims = self.wakes.claim(queue, shares)
        for turn in line:
            if claims.get(turn.tenant):
                cost = sum(min(claim.cost_tokens, _LARGEST_BATCH_TOKENS) for claim in claims[turn.tenant])
                self._policies[queue].charge(turn.tenant, cost, weight=turn.weight)
        lines[queue] = rotate(line, shares, {tenant: len(found) for tenant, found in claims.items()})
        self._publish(queue, claims)
        return sum(len(found) for found in claims.values())

    def _publish(self, queue: Queue, claims: Mapping[TenantId, list[Claim]]) -> None:
        lanes = [claim.lane for claim in interleave(claims.values())]
        # Forgotten while it is not certain: a broker that fails now is asked before the next claim.
        queued = self._queued.pop(queue)
        for lane in lanes:
            self.hints.publish(lane)
            log.debug("woke tenant=%s cube=%s session=%s", lane.tenant, lane.cube, lane.session)
        self._queued[queue] = queued + len(lanes)

    def _contend(self, lines: Mapping[Queue, Sequence[Turn]]) -> None:
        """Have drains that run let their lanes go after their batch, as long as others wait for their places."""
        now_s = self.clock.monotonic_s()
        if now_s - self._contended_at_s < _CONTEND_S:
            return
        parties = {(queue, turn.tenant) for queue in self.pool for turn in lines[queue]}
        parties |= {(queue, tenant) for queue in self.pool for tenant in self._policies[queue].list_served()}
        if len(parties) > 1:
            self._contended_at_s = now_s
            for queue in self.pool:
                self.wakes.contend(queue)
