"""What a tenant may have and use: its weight among the others, and the limits at which ``submit`` refuses.

    depth       max_queued jobs of the tenant, max_lane jobs of one lane          repeat when workers have caught up
    rate        adds_per_s, tokens_per_min: buckets of a second and of a minute   repeat after the time that is told
    budget      tokens_per_day, a day of UTC                                      repeat tomorrow
    slots       max_in_flight lanes at work at once                               nothing is refused, it only waits
    overload    the ladder's last steps: noisy tenants, then all                  repeat soon

Rates follow the generic cell rate algorithm (ITU-T I.371), computed in scheduler/lua/put.lua together with the write
that they guard, so that what was refused has used nothing up.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, cast

from redis import Redis

from memos.errors import InvalidRequest, QuotaExceeded
from memos.ids import TenantId
from memos.settings import Settings
from scheduler import keys
from scheduler.connection import redis_guard

OnDead = Literal["continue", "halt"]

MAX_WEIGHT: Final = 1000.0
_TOLD: Final[Mapping[str, str]] = {
    "tenant_depth": "too many jobs of this tenant wait",
    "lane_depth": "too many jobs of this session wait",
    "adds_per_s": "this tenant submits too many jobs a second",
    "tokens_per_min": "this tenant submits too many tokens a minute",
    "tokens_per_day": "this tenant's tokens of today are used up",
    "noisy_tenant": "the system is overloaded, and this tenant has more waiting than its share",
    "overloaded": "the system is overloaded and accepts nothing for the moment",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantPolicy:
    """One tenant's share and limits; 0 means no limit, but for ``max_queued`` and ``max_lane``.

    ``weight`` is relative to other tenants'. With ``on_dead="halt"`` a lane waits at a dead job until that is replayed
    or dropped.
    """

    weight: float = 1.0
    max_in_flight: int = 0
    max_queued: int = 100_000
    max_lane: int = 10_000
    adds_per_s: float = 0.0
    tokens_per_min: int = 0
    tokens_per_day: int = 0
    on_dead: OnDead = "continue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a tenant has waiting, and its tokens by day (days since the epoch, UTC) of the last month."""

    queued: int
    dead: int
    tokens_by_day: Mapping[int, int]


FIELDS: Final = tuple(field.name for field in fields(TenantPolicy))


def default_policy(settings: Settings) -> TenantPolicy:
    """The policy of a tenant that has none of its own."""
    return TenantPolicy(
        max_in_flight=settings.limit_in_flight,
        max_queued=settings.limit_queued,
        max_lane=settings.limit_lane,
        adds_per_s=settings.limit_adds_per_s,
        tokens_per_min=settings.limit_tokens_per_min,
        tokens_per_day=settings.limit_tokens_per_day,
        on_dead=settings.on_dead,
    )


def check_policy(policy: TenantPolicy) -> None:
    """Refuse what makes no sense. Raises InvalidRequest, naming the field."""
    if not 0 < policy.weight <= MAX_WEIGHT:
        raise InvalidRequest(f"weight must be above 0 and at most {MAX_WEIGHT:g}, not {policy.weight:g}")
    for name in ("max_queued", "max_lane"):
        if getattr(policy, name) < 1:
            raise InvalidRequest(f"{name} must be at least 1, not {getattr(policy, name)}")
    for name in ("max_in_flight", "adds_per_s", "tokens_per_min", "tokens_per_day"):
        if not 0 <= getattr(policy, name) < 2**53:
            raise InvalidRequest(f"{name} must be 0 (no limit) or more, not {getattr(policy, name)}")
    if policy.on_dead not in ("continue", "halt"):
        raise InvalidRequest(f"on_dead must be continue or halt, not {policy.on_dead!r}")


def refusal(reason: str, retry_after_ms: int) -> QuotaExceeded:
    """The error for a limit that ``put`` named."""
    after_s = retry_after_ms / 1000
    told = f"{_TOLD[reason]}; nothing was stored, repeat after {after_s:g} s"
    return QuotaExceeded(told, retry_after_s=after_s, reason=reason)


class Policies:
    """The policies that tenants have of their own, in Redis. Raises Unavailable."""

    def __init__(self, redis: Redis, default: TenantPolicy) -> None:
        self._redis = redis
        self._default = default

    def get(self, tenant: TenantId) -> TenantPolicy:
        """The tenant's policy, with the default for whatever it does not set."""
        with redis_guard():
            stored = cast(dict[str, str], self._redis.hgetall(keys.policy_key(tenant)))
        return replace(self._default, **{name: _parse(name, text) for name, text in stored.items() if name in FIELDS})

    def set(self, tenant: TenantId, changes: Mapping[str, Any]) -> TenantPolicy:
        """Set these fields and return the whole policy; it holds at once, everywhere. Raises InvalidRequest."""
        unknown = sorted(set(changes) - set(FIELDS))
        if unknown:
            raise InvalidRequest(f"a tenant's policy has no field {unknown[0]!r}; known: {', '.join(FIELDS)}")
        policy = replace(self.get(tenant), **changes)
        check_policy(policy)
        if changes:
            values: dict[Any, Any] = {name: str(asdict(policy)[name]) for name in changes}
            with redis_guard():
                self._redis.hset(keys.policy_key(tenant), mapping=values)
        return policy

    def reset(self, tenant: TenantId) -> None:
        """Back to the default in every field."""
        with redis_guard():
            self._redis.delete(keys.policy_key(tenant))

    def usage(self, tenant: TenantId) -> Usage:
        """What waits and what was used."""
        with redis_guard():
            used = cast(dict[str, str], self._redis.hgetall(keys.usage_key(tenant)))
            dead = int(self._redis.zcard(keys.dead_keys(tenant)[0]))
        days = {int(name.partition("|")[2]): int(count) for name, count in used.items() if name.startswith("day|")}
        return Usage(queued=int(used.get("queued", 0)), dead=dead, tokens_by_day=dict(sorted(days.items())))


def _parse(name: str, text: str) -> float | int | str:
    if name == "on_dead":
        return text
    return float(text) if name in ("weight", "adds_per_s") else int(text)
