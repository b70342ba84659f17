"""Removing all that the job path keeps of a tenant: records, words, lanes, limits, counts."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, cast

from redis import Redis

from memos.ids import KEY_SEPARATOR, TenantId
from scheduler import keys
from scheduler.connection import redis_guard
from scheduler.keys import Queue

_SCAN: Final = 1000
# The part of a key before the tenant's name; see scheduler/keys.py.
_OWNED: Final = ("box", "lane", "job", "coalesce", "idem", "jobs", "dead", "policy", "usage", "uses")


def forget_tenant(redis: Redis, tenant: TenantId) -> int:
    """Remove the tenant's keys and places; returns how many keys there were. A second run finds none.

    A worker that holds one of its lanes is fenced off at its next step. Looks at every key of the tenant's shard, some
    100,000 a second, in small steps that let others in between.
    """
    shard = keys.shard_of(tenant)
    with redis_guard():
        removed = sum(_delete(redis, page) for page in _pages(redis, shard, tenant))
        _leave_queues(redis, shard, tenant)
    return removed


def belongs_to(key: str, tenant: TenantId) -> bool:
    """True for a key that holds something of this tenant, and of no other whose name begins like it."""
    _, _, rest = key.partition("}:")
    for name in _OWNED:
        if rest.startswith(f"{name}:"):
            return rest.removeprefix(f"{name}:").split(KEY_SEPARATOR)[0] == tenant
    return any(rest == f"ready:{queue}:{tenant}" for queue in Queue)


def _pages(redis: Redis, shard: int, tenant: TenantId) -> Iterator[list[str]]:
    pattern = f"{keys.tag_of(shard)}:*:{_escape(tenant)}*"
    found = (key for key in cast(Iterator[str], redis.scan_iter(match=pattern, count=_SCAN)) if belongs_to(key, tenant))
    while page := list(islice(found, _SCAN)):
        yield page


def _delete(redis: Redis, page: Sequence[str]) -> int:
    return int(redis.unlink(*page))


def _leave_queues(redis: Redis, shard: int, tenant: TenantId) -> None:
    own = f"{tenant}{KEY_SEPARATOR}"
    for queue in Queue:
        tenants, flight, flying = keys.queue_keys(shard, queue)
        redis.zrem(tenants, tenant)
        redis.hdel(flying, tenant, f"!{tenant}")
        _remove_members(redis, flight, own)
    _remove_members(redis, keys.cubes_key(shard), own)
    redis.hdel(keys.overload_key(shard), f"noisy{KEY_SEPARATOR}{tenant}")


def _remove_members(redis: Redis, key: str, prefix: str) -> None:
    pattern = f"{_escape(prefix)}*"
    members = [member for member, _ in redis.zscan_iter(key, match=pattern, count=_SCAN)]
    if members:
        redis.zrem(key, *members)


def _escape(text: str) -> str:
    """``text`` as a glob that matches itself alone."""
    return "".join(f"\\{char}" if char in "*?[]\\^" else char for char in text)
