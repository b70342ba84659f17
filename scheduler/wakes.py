"""The lanes that want to be woken, as the dispatcher sees them in Redis. See scheduler/keys.py for alarms and turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from redis import Redis

from memos.ids import TenantId
from memos.types import JobKind, Lane
from scheduler import keys
from scheduler.connection import redis_guard
from scheduler.scripts import Scripts

# Tenants of one shard and kind that one look sees; the others come nearer with each turn taken.
_MOST_TENANTS: Final = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One shard: the turns that have come as (time, tenant), and how long until the next of all others."""

    shard: int
    due: Mapping[JobKind, list[tuple[int, TenantId]]]
    next_in_ms: int | None


class Wakes:
    """Reads turns and claims lanes. Raises Unavailable. Several dispatchers may share one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts = Scripts(redis)
        self._signals = keys.signal_keys()

    def look(self, shards: Sequence[int]) -> list[View]:
        """These shards, in one round trip."""
        calls = [(keys.tenants_keys(shard), (_MOST_TENANTS,)) for shard in shards]
        answers = self._scripts.run_many("look", calls)
        return [_view(shard, answer) for shard, answer in zip(shards, answers, strict=True)]

    def claim(self, kind: JobKind, shares: Mapping[TenantId, int]) -> list[list[Lane]]:
        """For each tenant up to its share of lanes whose alarm has rung; they ring again after WAKE_MS.

        No lane is claimed twice within that time, whoever asks. One round trip.
        """
        calls = [(keys.turn_keys(tenant, kind), (tenant, share, keys.WAKE_MS)) for tenant, share in shares.items()]
        answers = cast(list[list[str]], self._scripts.run_many("claim", calls))
        return [
            [keys.lane_of(tenant, member) for member in members]
            for tenant, members in zip(shares, answers, strict=True)
        ]

    def wait_for_signal(self, timeout_s: float) -> int | None:
        """Sleep until some shard got work or the time is over; returns the shard.

        On a Redis Cluster the lists are on different nodes: there each dispatcher needs a wait for each node.
        """
        with redis_guard():
            popped = cast(tuple[str, str] | None, self._redis.blpop(self._signals, timeout=timeout_s))
        return None if popped is None else self._signals.index(popped[0])


def order_turns(views: Sequence[View]) -> dict[JobKind, list[TenantId]]:
    """The tenants of all shards whose turn has come, longest waiting first."""
    turns = {kind: sorted(turn for view in views for turn in view.due.get(kind, ())) for kind in JobKind}
    return {kind: [tenant for _, tenant in due] for kind, due in turns.items() if due}


def _view(shard: int, answer: list[Any]) -> View:
    now_ms, soonest_ms, *rows = answer
    due = {
        kind: list(zip(row[1::2], (TenantId(tenant) for tenant in row[::2]), strict=True))
        for kind, row in zip(JobKind, rows, strict=True)
        if row
    }
    return View(shard=shard, due=due, next_in_ms=None if soonest_ms < 0 else soonest_ms - now_ms)
