"""What has happened so far, and what is the case now: read from Redis, where scheduler/lua counts it, once a scrape.

Fields of the hash ``memos:{NN}:stats`` of each shard; a field that never happened is not there.

    accepted|<kind>               ended|<kind>|<succeeded|dead|cancelled>     retries|<kind>|<error class>
    crashes|<kind>                replayed|<kind>                             fenced|<step>
    hints|<queue>                 rewakes|<queue>                             refused|<reason>
    degraded|<what>               overload|<step>                             dead|now (also falls)
    dwell|<kind>|<i>, run|<kind>|<i>     times in bucket i of BUCKETS_MS, the last without a bound; not cumulative
    dwell_ms|<kind>, run_ms|<kind>       their sums
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from redis import Redis

from memos.ids import KEY_SEPARATOR
from scheduler.keys import SHARDS, WORKERS_KEY, Queue, stats_key
from scheduler.roll import Roll
from scheduler.scripts import Scripts
from scheduler.throttle import Load, read_loads
from scheduler.wakes import Backlog, Wakes

# Three signs of life may get lost before a worker is not counted any more.
ALIVE_WITHIN_S: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Everything that metrics show, of one moment. ``workers`` counts those alive by application."""

    counts: Mapping[str, int]
    backlog: Mapping[Queue, Backlog]
    overload: int
    workers: Mapping[str, int]
    providers: Sequence[Load]


class Stats:
    """Reads all shards. Raises Unavailable rather than leave one out: a total that falls would be taken for news."""

    def __init__(self, redis: Redis, wakes: Wakes) -> None:
        self._redis = redis
        self._wakes = wakes
        self._scripts = Scripts(redis)
        self._roll = Roll(redis, WORKERS_KEY)

    def read(self) -> Reading:
        """A handful of round trips."""
        return Reading(
            counts=self.counts(),
            backlog=self._wakes.backlog(),
            overload=self._wakes.overload(),
            workers=count_by_app(self._roll.list_recent(ALIVE_WITHIN_S)),
            providers=read_loads(self._redis),
        )

    def counts(self) -> Counter[str]:
        """The fields of all shards, added up."""
        answers = self._scripts.run_many("stats", [([stats_key(shard)], ()) for shard in range(SHARDS)])
        total: Counter[str] = Counter()
        for answer in cast(list[list[str]], answers):
            total.update({field: int(value) for field, value in zip(answer[::2], answer[1::2], strict=True)})
        return total


def count_by_app(members: Sequence[str]) -> Counter[str]:
    """Workers by application, from their names in the roll."""
    return Counter(member.partition(KEY_SEPARATOR)[0] for member in members)
