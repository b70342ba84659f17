"""How many calls a model provider takes at once, learnt from its refusals and shared by all workers.

    calls allowed: max ── 429 ──> half, closed until Retry-After ── each success ──> + 1/limit ──> … ──> max

That is additive increase and multiplicative decrease (Chiu and Jain, 1989): about one call more for each round of calls
that went well. A permit is a lease: a worker that vanishes with it blocks its place for no longer than that.

    memos:{provider-<digest>}:state     hash    limit, closed, halved, throttled; a day after its last use
    memos:{provider-<digest>}:calls     zset    permit -> its end in ms; likewise
    memos:providers                     zset    digest␟label -> ms of its last use; a day
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic
from typing import Any, Final, Self, cast
from uuid import uuid4

from redis import Redis

from memos.errors import QuotaExceeded
from memos.ids import KEY_SEPARATOR
from scheduler.connection import connect
from scheduler.roll import Roll
from scheduler.scripts import Scripts

PROVIDERS_KEY: Final = "memos:providers"
PERMIT_MS: Final = 10_000
# When every call is taken: one of them ends soon, and the lane that waits is not the only one.
FULL_RETRY_S: Final = 0.5
# A longer Retry-After is not believed: one call may ask again after this.
LONGEST_CLOSED_S: Final = 300.0
_STATE_TTL_S: Final = 24 * 3600
_NOTE_EVERY_S: Final = 60.0
# Labels of metrics must not grow without bound, and a job may name a provider of its own.
MOST_LABELS: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """Who answers. ``digest`` tells accounts apart; ``label`` is what people see and may stand for several."""

    digest: str
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Permit:
    """The right to one call, begun at ``begun_ms`` by Redis's clock."""

    id: str
    begun_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What is known of all providers of one label."""

    label: str
    limit: float
    in_flight: int
    throttled: int


class Throttle:
    """The permits of one provider. Thread-safe. Every method raises Unavailable."""

    def __init__(self, redis: Redis, provider: Provider, *, max_calls: int, permit_ms: int = PERMIT_MS) -> None:
        self.provider = provider
        self.permit_ms = permit_ms
        self._redis = redis
        self._scripts = Scripts(redis)
        self._roll = Roll(redis, PROVIDERS_KEY)
        self._most = max_calls
        self._keys = _keys_of(provider.digest)
        self._noted_at_s: float | None = None

    @classmethod
    def from_url(cls, url: str, provider: Provider, *, max_calls: int) -> Self:
        """Over a connection of its own, made on first use. Raises InvalidConfig."""
        return cls(connect(url), provider, max_calls=max_calls)

    def acquire(self) -> Permit:
        """One call, for ``permit_ms`` unless renewed. Raises QuotaExceeded (reason ``provider``) when none is free."""
        self._note_use()
        permit = uuid4().hex
        answer = self._scripts.run("throttle_acquire", self._keys, permit, self._most, self.permit_ms, _STATE_TTL_S)
        granted, value = cast(list[int], answer)
        if granted:
            return Permit(id=permit, begun_ms=value)
        raise _refusal(self.provider.label, value / 1000)

    def renew(self, permit: Permit) -> None:
        """The call goes on for another ``permit_ms``."""
        self._scripts.run("throttle_renew", self._keys, permit.id, self.permit_ms)

    def release_success(self, permit: Permit) -> None:
        """The call was answered: the limit grows a little."""
        self._release(permit, "ok")

    def release_throttled(self, permit: Permit, *, retry_after_s: float) -> None:
        """The provider refused for want of quota: half as many calls from now on, none before ``retry_after_s``."""
        self._release(permit, "throttled", closed_s=min(max(retry_after_s, 0.0), LONGEST_CLOSED_S))

    def release_failure(self, permit: Permit) -> None:
        """The call came to nothing for another reason, which says nothing of the limit."""
        self._release(permit, "failed")

    def read(self) -> Load:
        """What is known of this provider now."""
        return _load(self.provider.label, self._scripts.run("throttle_read", self._keys))

    def close(self) -> None:
        """Give the connection back."""
        self._redis.close()

    def _release(self, permit: Permit, verdict: str, *, closed_s: float = 0.0) -> None:
        closed_ms = round(closed_s * 1000)
        args = (permit.id, permit.begun_ms, self._most, verdict, closed_ms, _STATE_TTL_S)
        self._scripts.run("throttle_release", self._keys, *args)

    def _note_use(self) -> None:
        """Keep the provider in the list for metrics; seldom, since it costs a round trip."""
        now_s = monotonic()
        if self._noted_at_s is not None and now_s - self._noted_at_s < _NOTE_EVERY_S:
            return
        self._roll.note(f"{self.provider.digest}{KEY_SEPARATOR}{self.provider.label}")
        self._noted_at_s = now_s


def name_provider(url: str, model: str, api_key: str) -> Provider:
    """The provider of an account: two keys at one URL are throttled apart, and no key can be read from the digest."""
    digest = sha256("\n".join((url, model, api_key)).encode()).hexdigest()[:24]
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return Provider(digest=digest, label=f"{host}/{model}")


def read_loads(redis: Redis) -> list[Load]:
    """The providers used last, at most MOST_LABELS of them, those of one label as one. Raises Unavailable."""
    members = Roll(redis, PROVIDERS_KEY).list_recent(_STATE_TTL_S, most=MOST_LABELS)
    named = [member.split(KEY_SEPARATOR, 1) for member in members]
    answers = Scripts(redis).run_many("throttle_read", [(_keys_of(digest), ()) for digest, _ in named])
    return _join([_load(label, answer) for (_, label), answer in zip(named, answers, strict=True)])


def _join(loads: Sequence[Load]) -> list[Load]:
    joined: dict[str, Load] = {}
    for load in loads:
        known = joined.get(load.label)
        joined[load.label] = load if known is None else _add(known, load)
    return list(joined.values())


def _add(one: Load, other: Load) -> Load:
    return Load(
        label=one.label,
        limit=one.limit + other.limit,
        in_flight=one.in_flight + other.in_flight,
        throttled=one.throttled + other.throttled,
    )


def _load(label: str, answer: Any) -> Load:
    limit, in_flight, throttled = answer
    return Load(label=label, limit=float(limit or 0), in_flight=int(in_flight), throttled=int(throttled))


def _refusal(label: str, closed_s: float) -> QuotaExceeded:
    if closed_s > 0:
        text = f"{label} limits requests and wants to be left alone for {closed_s:.1f} s"
        return QuotaExceeded(text, retry_after_s=closed_s, reason="provider")
    text = f"every call that {label} takes at once is in flight; MEMOS_PROVIDER_CALLS bounds them"
    return QuotaExceeded(text, retry_after_s=FULL_RETRY_S, reason="provider")


def _keys_of(digest: str) -> tuple[str, str]:
    tag = f"memos:{{provider-{digest}}}"
    return f"{tag}:state", f"{tag}:calls"
