"""Waiting for the first of several lists that gets an element: by one blocking pop, or on a cluster by looking often.

A cluster refuses to block on lists in different slots, and one connection for each of 16 lists is more than a look
every 20 ms costs: 50 round trips a second to each node, of one dispatcher.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, cast

from redis import Redis

from memos.clock import Clock, SystemClock
from scheduler.cluster import Command, LazyCluster
from scheduler.connection import redis_guard

_LOOK_EVERY_S: Final = 0.02


class Signals:
    """The lists by position. Raises Unavailable. One thread at a time waits."""

    def __init__(self, redis: Redis, lists: Sequence[str], clock: Clock | None = None) -> None:
        self._redis = redis
        self._lists = list(lists)
        self._clock = clock or SystemClock()
        self._heard: deque[int] = deque()

    def wait(self, timeout_s: float) -> int | None:
        """The position of a list that had an element, which is taken; None when the time is over."""
        with redis_guard():
            if isinstance(self._redis, LazyCluster):
                return self._look_often(self._redis, timeout_s)
            popped = cast(tuple[str, str] | None, self._redis.blpop(self._lists, timeout=timeout_s))
            return None if popped is None else self._lists.index(popped[0])

    def _look_often(self, cluster: LazyCluster, timeout_s: float) -> int | None:
        deadline_s = self._clock.monotonic_s() + timeout_s
        commands = [Command(key=name, words=("LPOP", name)) for name in self._lists]
        while not self._heard:
            answers = cluster.run_by_node(commands)
            self._heard.extend(place for place, answer in enumerate(answers) if isinstance(answer, str))
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0:
                break
            if not self._heard:
                self._clock.sleep_s(min(_LOOK_EVERY_S, left_s))
        return self._heard.popleft() if self._heard else None
