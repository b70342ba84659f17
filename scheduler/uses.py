"""How much each memory was used, in Redis, for all processes of an installation.

A cube's memories are one sorted set by their levels (memos/recall/use.py says what these are), so that the least used
are its first elements, whatever the time is.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Self, cast

from redis import Redis

from memos.ids import CubeId, MemoryId, TenantId
from scheduler import keys
from scheduler.connection import connect, redis_guard
from scheduler.scripts import Scripts

Key = tuple[CubeId, MemoryId]


class RedisUseCounts:
    """Implements memos.recall.use.UseCounts, for the ``most`` used memories of a cube. Raises Unavailable.

    What is not used for keys.USES_TTL_S is forgotten, a cube at a time. A use whose connection breaks may count twice.
    """

    def __init__(self, redis: Redis, *, most: int) -> None:
        self._redis = redis
        self._scripts = Scripts(redis)
        self._most = most

    @classmethod
    def from_url(cls, url: str, *, most: int) -> Self:
        """Over a connection of its own, made on first use. Raises InvalidConfig."""
        return cls(connect(url), most=most)

    def add(self, tenant: TenantId, used: Sequence[Key], level: float) -> None:
        """Join one use of this level to each memory's, in one round trip."""
        calls = [
            ((keys.uses_key(tenant, cube),), (repr(level), self._most, keys.USES_TTL_S, *memories))
            for cube, memories in _by_cube(used).items()
        ]
        self._scripts.run_many("use_add", calls)

    def find(self, tenant: TenantId, wanted: Sequence[Key]) -> dict[Key, float]:
        """The levels of those that have one, in one round trip."""
        cubes = _by_cube(wanted)
        pipeline = self._redis.pipeline(transaction=False)
        for cube, memories in cubes.items():
            pipeline.zmscore(keys.uses_key(tenant, cube), [*memories])
        with redis_guard():
            answers = cast(list[list[float | None]], pipeline.execute())
        found = [
            ((cube, memory), level)
            for (cube, memories), levels in zip(cubes.items(), answers, strict=True)
            for memory, level in zip(memories, levels, strict=True)
        ]
        return {key: level for key, level in found if level is not None}

    def forget(self, tenant: TenantId, cube: CubeId, memories: Sequence[MemoryId]) -> None:
        """Remove the levels of these memories."""
        if memories:
            with redis_guard():
                self._redis.zrem(keys.uses_key(tenant, cube), *memories)

    def forget_cube(self, tenant: TenantId, cube: CubeId) -> None:
        """Remove the levels of all memories of a cube."""
        with redis_guard():
            self._redis.unlink(keys.uses_key(tenant, cube))

    def close(self) -> None:
        """Give the connection back."""
        self._redis.close()


def _by_cube(pairs: Sequence[Key]) -> Mapping[CubeId, list[MemoryId]]:
    grouped: defaultdict[CubeId, list[MemoryId]] = defaultdict(list)
    for cube, memory in pairs:
        grouped[cube].append(memory)
    return grouped
